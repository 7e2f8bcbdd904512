// The timeline: a lane for each track with recorded spans and gaps, marks for events, and a playhead.
import { LitElement, html, nothing } from "lit";
import { LanguageController, formatDuration, t } from "../i18n.js";
import { gapLabel, momentIcon, momentText, trackLabel } from "./labels.js";
import { inOrder } from "../link/participants.js";

/** @typedef {import("./recording.js").Recording} Recording */
/** @typedef {import("./types.js").Track} Track */

const STEP_MS = 5000;
const PAGE_MS = 30_000;
/** Minor kinds of events, which get no mark. */
const MINOR = new Set(["leg_connected", "leg_closed", "offered", "offer_ended", "recording_started"]);
/** Gaps shorter than this are not drawn. */
const JOIN_MS = 150;

export class LibraryTimeline extends LitElement {
  /** @type {import("lit").PropertyDeclarations} */
  static properties = { recording: { attribute: false } };

  constructor() {
    super();
    new LanguageController(this);
    /** @type {Recording} */
    this.recording = /** @type {any} */ (undefined);
    this.dragging = false;
  }

  createRenderRoot() {
    return this;
  }

  connectedCallback() {
    super.connectedCallback();
    this.recording.addEventListener("change", () => this.requestUpdate());
    this.recording.addEventListener("tick", () => this.follow());
    this.recording.clock.addEventListener("change", () => this.follow());
  }

  /** Moves the playhead without drawing everything again. */
  follow() {
    const { clock } = this.recording;
    const now = clock.now;
    const part = clock.length ? now / clock.length : 0;
    const surface = /** @type {HTMLElement | null} */ (this.querySelector(".timeline-surface"));
    surface?.style.setProperty("--now", String(part));
    surface?.setAttribute("aria-valuenow", String(Math.round(now / 1000)));
    surface?.setAttribute("aria-valuetext", formatDuration(now / 1000));
  }

  updated() {
    this.follow();
    for (const element of /** @type {NodeListOf<HTMLElement>} */ (this.querySelectorAll("[data-from]"))) {
      const { from = "0", to } = element.dataset;
      element.style.left = `${Number(from) * 100}%`;
      if (to) element.style.width = `max(2px, ${(Number(to) - Number(from)) * 100}%)`;
    }
  }

  render() {
    const { manifest, clock } = this.recording;
    if (!manifest) return nothing;
    const order = inOrder(manifest.tracks.map(({ name }) => name));
    const tracks = [...manifest.tracks].sort((a, b) => order.indexOf(a.name) - order.indexOf(b.name));
    return html`
      <div class="timeline-labels" aria-hidden="true">
        <span class="timeline-events">${t("Events")}</span>
        ${tracks.map(({ name }) => html`<span>${trackLabel(name)}</span>`)}
      </div>
      <div
        class="timeline-surface"
        role="slider"
        tabindex="0"
        aria-label=${t("Position")}
        aria-valuemin="0"
        aria-valuemax=${Math.round(clock.length / 1000)}
        @pointerdown=${this.#grab}
        @pointermove=${this.#drag}
        @pointerup=${this.#drop}
        @pointercancel=${this.#drop}
        @keydown=${(/** @type {KeyboardEvent} */ event) => this.key(event)}
      >
        <div class="lane marks">${this.#marks()}</div>
        ${tracks.map((track) => this.#lane(track))}
        <div class="playhead"></div>
      </div>
      <div class="timeline-scale number" aria-hidden="true">${this.#scale()}</div>
    `;
  }

  #marks() {
    const { manifest, clock } = this.recording;
    const marks = manifest?.moments.filter(({ kind, at_ms }) => !MINOR.has(kind) && at_ms <= clock.length) ?? [];
    return marks.map(
      (moment) =>
        html`<wa-icon class="mark ${moment.kind}" name=${momentIcon(moment.kind)} data-from=${moment.at_ms / clock.length}
          title="${formatDuration(moment.at_ms / 1000)} ${momentText(moment)}"></wa-icon>`,
    );
  }

  /** @param {Track} track */
  #lane(track) {
    const { length } = this.recording.clock;
    return html`<div class="lane ${track.kind}">
      ${joined(track, length).map(([from, to]) => html`<i class="span" data-from=${from / length} data-to=${to / length}></i>`)}
      ${late(track).map(
        ({ start_ms, end_ms, arrived_ms }) =>
          html`<i class="late" data-from=${start_ms / length} data-to=${end_ms / length}
            title=${t("Delivered afterwards, at {time}", { time: formatDuration(arrived_ms / 1000) })}></i>`,
      )}
      ${track.gaps.map(
        ({ start_ms, end_ms, reason }) =>
          html`<i class="gap" data-from=${start_ms / length} data-to=${end_ms / length} title=${gapLabel(reason)}></i>`,
      )}
    </div>`;
  }

  #scale() {
    const { length } = this.recording.clock;
    const steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600].map((seconds) => seconds * 1000);
    const step = steps.find((one) => length / one <= 8) ?? steps[steps.length - 1];
    const ticks = [];
    for (let at = 0; at <= length * 0.94; at += step) ticks.push(at);
    return ticks.map((at) => html`<span data-from=${length ? at / length : 0}>${formatDuration(at / 1000)}</span>`);
  }

  /** Keys of the slider, also used by the page when nothing else has the focus. @param {KeyboardEvent} event */
  key(event) {
    const { recording } = this;
    const { clock } = recording;
    /** @type {Record<string, () => void>} */
    const keys = {
      " ": () => (clock.playing ? clock.pause() : clock.play()),
      ArrowRight: () => recording.seek(clock.now + (event.shiftKey ? PAGE_MS : STEP_MS)),
      ArrowLeft: () => recording.seek(clock.now - (event.shiftKey ? PAGE_MS : STEP_MS)),
      ArrowUp: () => recording.seek(clock.now + STEP_MS),
      ArrowDown: () => recording.seek(clock.now - STEP_MS),
      PageUp: () => recording.seek(clock.now + PAGE_MS),
      PageDown: () => recording.seek(clock.now - PAGE_MS),
      Home: () => recording.seek(0),
      End: () => (recording.live ? recording.follow() : recording.seek(clock.length)),
    };
    const act = keys[event.key];
    if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    act();
  }

  /** @param {PointerEvent} event */
  #grab(event) {
    if (event.button !== 0) return;
    this.dragging = true;
    /** @type {HTMLElement} */ (event.currentTarget).setPointerCapture(event.pointerId);
    this.#seek(event);
  }

  /** @param {PointerEvent} event */
  #drag(event) {
    if (this.dragging) this.#seek(event);
  }

  #drop() {
    this.dragging = false;
  }

  /** @param {PointerEvent} event */
  #seek(event) {
    const box = /** @type {HTMLElement} */ (event.currentTarget).getBoundingClientRect();
    const part = Math.max(0, Math.min(1, (event.clientX - box.left) / box.width));
    this.recording.seek(part * this.recording.clock.length);
  }
}

/** What was lost on the network and delivered afterwards, one span for each delivery. @param {Track} track */
function late({ segments }) {
  /** @type {{start_ms: number, end_ms: number, arrived_ms: number}[]} */
  const spans = [];
  for (const { start_ms, end_ms, arrived_ms } of segments.filter((segment) => segment.arrived_ms)) {
    const last = spans[spans.length - 1];
    if (last && start_ms === last.end_ms) Object.assign(last, { end_ms, arrived_ms });
    else spans.push({ start_ms, end_ms, arrived_ms });
  }
  return spans;
}

/** The recorded spans, merged where gaps would not be visible. @param {Track} track @param {number} length */
function joined({ kind, segments }, length) {
  // While nothing changes on a page there is nothing to write, and all of it is recorded; gaps are drawn above.
  if (kind === "cobrowse" && segments.length) return [[segments[0].start_ms, length]];
  /** @type {[number, number][]} */
  const spans = [];
  for (const { start_ms, end_ms } of segments) {
    const last = spans[spans.length - 1];
    if (last && start_ms - last[1] < JOIN_MS) last[1] = Math.max(last[1], end_ms);
    else spans.push([start_ms, end_ms]);
  }
  return spans;
}

customElements.define("library-timeline", LibraryTimeline);
