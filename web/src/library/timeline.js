// The timeline: lanes of the tracks with what is recorded and what is not, lanes of what the journal tells, a playhead.
import { LitElement, html, nothing } from "lit";
import { LanguageController, formatDuration, t } from "../i18n.js";
import { inOrder } from "../link/participants.js";
import { gapLabel, momentIcon, momentText, trackLabel } from "./labels.js";
import { lanesOf, marksOf } from "./lanes.js";
import { drawWave } from "./waveform.js";

/** @typedef {import("./recording.js").Recording} Recording */
/** @typedef {import("./types.js").Track} Track */
/** @typedef {import("./lanes.js").Lane} Lane */

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
    const { recording } = this;
    recording.addEventListener("change", () => this.requestUpdate());
    recording.addEventListener("tick", () => this.follow());
    recording.clock.addEventListener("change", () => this.follow());
    recording.levels.addEventListener("change", () => this.#draw());
    recording.bookmarks.addEventListener("change", () => this.requestUpdate());
    new ResizeObserver(() => this.#draw()).observe(this);
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
    this.#draw();
  }

  #draw() {
    const { levels, clock, manifest } = this.recording;
    for (const canvas of /** @type {NodeListOf<HTMLCanvasElement>} */ (this.querySelectorAll("canvas[data-voice]"))) {
      const track = manifest?.tracks.find(({ name }) => name === canvas.dataset.voice);
      if (track) drawWave(canvas, levels.of(track), clock.length);
    }
  }

  render() {
    const { manifest, clock } = this.recording;
    if (!manifest) return nothing;
    const order = inOrder(manifest.tracks.map(({ name }) => name));
    const tracks = [...manifest.tracks].sort((a, b) => order.indexOf(a.name) - order.indexOf(b.name));
    const lanes = lanesOf(manifest.moments, clock.length);
    return html`
      <div class="timeline-labels" aria-hidden="true">
        <span class="timeline-events">${t("Events")}</span>
        ${tracks.map(({ name, kind }) => html`<span class=${kind}>${trackLabel(name)}</span>`)}
        ${lanes.map(({ label }) => html`<span>${t(label)}</span>`)}
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
      >
        <div class="lane marks">${this.#marks()}${this.#bookmarks()}</div>
        ${tracks.map((track) => this.#lane(track))} ${lanes.map((lane) => this.#journal(lane))}
        <div class="playhead"></div>
      </div>
      <div class="timeline-scale number" aria-hidden="true">${this.#scale()}</div>
    `;
  }

  #marks() {
    const { manifest, clock } = this.recording;
    return marksOf(manifest?.moments ?? [])
      .filter(({ at_ms }) => at_ms <= clock.length)
      .map((moment) => this.#mark(moment));
  }

  /** @param {import("./types.js").Moment} moment */
  #mark(moment) {
    return html`<wa-icon class="mark ${moment.kind}" name=${momentIcon(moment.kind)} data-from=${moment.at_ms / this.recording.clock.length}
      title="${formatDuration(moment.at_ms / 1000)} ${momentText(moment)}"></wa-icon>`;
  }

  #bookmarks() {
    const { bookmarks, clock } = this.recording;
    return bookmarks.list
      .filter(({ at_ms }) => at_ms <= clock.length)
      .map(
        ({ at_ms, text, name }) =>
          html`<wa-icon class="mark bookmark" name="bookmark" data-from=${at_ms / clock.length}
            title="${formatDuration(at_ms / 1000)} ${name}${text ? `: ${text}` : ""}"></wa-icon>`,
      );
  }

  /** @param {Lane} lane */
  #journal({ name, spans, marks }) {
    const { length } = this.recording.clock;
    return html`<div class="lane journal ${name}">
      ${spans.map(
        ({ from_ms, to_ms, kind, moment }) =>
          html`<i class=${kind} data-from=${from_ms / length} data-to=${to_ms / length}
            title="${formatDuration(from_ms / 1000)} ${momentText(moment)}"></i>`,
      )}
      ${marks.filter(({ at_ms }) => at_ms <= length).map((moment) => this.#mark(moment))}
    </div>`;
  }

  /** @param {Track} track */
  #lane(track) {
    const { length } = this.recording.clock;
    return html`<div class="lane ${track.kind}">
      ${joined(track, length).map(([from, to]) => html`<i class="span" data-from=${from / length} data-to=${to / length}></i>`)}
      ${track.kind === "audio" ? html`<canvas class="wave" data-voice=${track.name}></canvas>` : nothing}
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
