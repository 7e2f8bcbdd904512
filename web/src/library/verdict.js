// The verdict on a recording (complete, verified, or what is missing): short at the top, in full among the panels.
import { LitElement, html, nothing } from "lit";
import { LanguageController, formatDateTime, msg, t } from "../i18n.js";
import { trackLabel } from "./labels.js";

/** @typedef {import("./recording.js").Recording} Recording */
/** @typedef {import("./types.js").ProofReport} ProofReport */
/** @typedef {{kind: "success" | "warning" | "danger" | "", icon: string, text: string, more: string}} Words */

/** @type {Record<string, string>} where something was found */
const PLACES = {
  journal: msg("The sequence of events is not as it was written."),
  row: msg("What the list says of this session contradicts its events."),
  document: msg("A paper is missing or was changed."),
  key: msg("The key of this recording is missing or was destroyed."),
  certificate: msg("The certificate of the deletion is missing, or it is not this site's."),
  storage: msg("The store of the recordings does not answer."),
  check: msg("The check itself came to no end."),
};

/**
 * What is missing of each track, in milliseconds: who had left the call is not missing from it.
 *
 * @param {Recording} recording
 */
function missingByTrack({ manifest }) {
  return (manifest?.complete ?? []).map(({ track, gap_ms }) => {
    const gaps = manifest?.tracks.find(({ name }) => name === track)?.gaps ?? [];
    const left = gaps.filter(({ reason }) => reason === "left").reduce((sum, { start_ms, end_ms }) => sum + end_ms - start_ms, 0);
    return { track, gap_ms: Math.max(0, gap_ms - left) };
  });
}

/** What was lost on the network and delivered afterwards, of each track that has such, in milliseconds. @param {Recording} recording */
function lateByTrack({ manifest }) {
  return (manifest?.tracks ?? [])
    .map(({ name, segments }) => ({
      track: name,
      late_ms: segments.reduce((sum, { start_ms, end_ms, arrived_ms }) => sum + (arrived_ms ? end_ms - start_ms : 0), 0),
    }))
    .filter(({ late_ms }) => late_ms > 0);
}

/** How much of the longest-missing track is missing, in milliseconds. @param {Recording} recording */
const missing = (recording) => Math.max(0, ...missingByTrack(recording).map(({ gap_ms }) => gap_ms));

/** @param {ProofReport} report */
function share(report) {
  return report.total ? Math.floor((report.done / report.total) * 100) : 0;
}

/** @param {Recording} recording @returns {Words} */
export function verdictWords(recording) {
  const { report, failure, busy } = recording.proof;
  if (!recording.live && recording.loading) {
    return { kind: "", icon: "loader", text: t("Loading…"), more: t("Recordings are checked one after the other.") };
  }
  if (recording.live) {
    return { kind: "", icon: "hourglass", text: t("Checked after the call"), more: t("The record is checked when the call has ended and everything of it is stored.") };
  }
  if (failure && !busy) {
    const later = failure === "rate_limited";
    return {
      kind: "warning",
      icon: "triangle-alert",
      text: t("Not checked"),
      more: later ? t("Many recordings are being checked just now. Please try again in a minute.") : t("Please check the connection and try again."),
    };
  }
  if (!report || report.state === "waiting") {
    return { kind: "", icon: "hourglass", text: t("To be checked"), more: t("Recordings are checked one after the other.") };
  }
  if (report.state === "running") {
    return { kind: "", icon: "loader", text: t("Being checked: {n} %", { n: share(report) }), more: t("Every entry, segment and paper is read and compared with its fingerprint.") };
  }
  if (report.state === "failed") {
    return { kind: "warning", icon: "triangle-alert", text: t("Not checked"), more: t("The check itself came to no end.") };
  }
  if (report.verdict === "broken") {
    return { kind: "danger", icon: "circle-x", text: t("Not as it was recorded"), more: t("Something was changed, is damaged or is missing without being accounted for.") };
  }
  if (report.verdict === "deleted") {
    return { kind: "", icon: "trash-2", text: t("Deleted, certified"), more: t("It was deleted under a rule of retention. The certificate and the sequence of events that is left are sound.") };
  }
  if (report.verdict !== "sound") {
    return { kind: "danger", icon: "circle-x", text: t("Cannot be checked"), more: t("What is needed for the check is missing.") };
  }
  if (!recording.manifest?.complete) {
    return { kind: "success", icon: "badge-check", text: t("Proven"), more: t("Everything is as it was written. There is no sound or picture in it.") };
  }
  return missing(recording)
    ? { kind: "warning", icon: "badge-check", text: t("Proven, parts missing"), more: t("Everything is as it was recorded. What could not be recorded is accounted for, with its reason.") }
    : { kind: "success", icon: "badge-check", text: t("Complete and proven"), more: t("Everything was recorded, and everything is as it was recorded.") };
}

/** `brief`: only the word, for the top of the page; pressing it fires `more`. */
export class LibraryVerdict extends LitElement {
  /** @type {import("lit").PropertyDeclarations} */
  static properties = { recording: { attribute: false }, brief: { type: Boolean } };

  constructor() {
    super();
    new LanguageController(this);
    /** @type {Recording} */
    this.recording = /** @type {any} */ (undefined);
    this.brief = false;
  }

  createRenderRoot() {
    return this;
  }

  connectedCallback() {
    super.connectedCallback();
    this.recording.addEventListener("change", () => this.requestUpdate());
    this.recording.proof.addEventListener("change", () => this.requestUpdate());
  }

  updated() {
    const { manifest, live, loading } = this.recording;
    if (manifest && !live && !loading) this.recording.proof.begin();
  }

  render() {
    const words = verdictWords(this.recording);
    return this.brief ? this.#word(words) : this.#full(words);
  }

  /** @param {Words} words */
  #word({ kind, icon, text, more }) {
    return html`<button
        class="chip verdict ${kind}"
        title=${more}
        @click=${() => this.dispatchEvent(new Event("more", { bubbles: true }))}
      >
        <wa-icon name=${icon}></wa-icon>${text}
      </button>
      <span class="visually-hidden" role="status">${this.recording.proof.busy ? "" : text}</span>`;
  }

  /** @param {Words} words */
  #full({ kind, icon, text, more }) {
    const { proof } = this.recording;
    const { report } = proof;
    const settled = !this.recording.live && !this.recording.loading && !proof.busy && Boolean(report || proof.failure);
    return html`<section class="verdict-full ${kind}" aria-labelledby="verdict-title">
      <h2 id="verdict-title"><wa-icon name=${icon}></wa-icon>${text}</h2>
      <p>${more}</p>
      ${proof.busy && report ? html`<progress max="100" value=${share(report)} aria-label=${t("Progress of the check")}></progress>` : nothing}
      ${report?.count ? this.#findings(report) : nothing}
      ${this.#missing()}
      ${report?.state === "done"
        ? html`<p class="muted">
            ${t("Checked {time}. Entries: {entries}, segments: {segments}, papers: {documents}.", {
              time: formatDateTime(report.at_ms ?? 0),
              entries: report.entries ?? 0,
              segments: report.segments ?? 0,
              documents: report.documents ?? 0,
            })}
          </p>`
        : nothing}
      ${settled ? html`<button class="tool" @click=${() => proof.again()}><wa-icon name="refresh-cw"></wa-icon>${t("Check again")}</button>` : nothing}
    </section>`;
  }

  /** @param {ProofReport} report */
  #findings(report) {
    const more = report.count - report.findings.length;
    return html`<ul class="findings">
        ${report.findings.map(({ part, track, index }) => html`<li>${finding(part, track, index)}</li>`)}
        ${more > 0 ? html`<li>${t("and {count} more", { count: more })}</li>` : nothing}
      </ul>
      <details>
        <summary>${t("For the system administrator")}</summary>
        <ul lang="en">
          ${report.findings.map(({ where, problem }) => html`<li><code>${where}: ${problem}</code></li>`)}
        </ul>
      </details>`;
  }

  #missing() {
    const lines = missingByTrack(this.recording).filter(({ gap_ms }) => gap_ms > 0);
    const late = lateByTrack(this.recording);
    if ((!lines.length && !late.length) || this.recording.live) return nothing;
    const seconds = (/** @type {number} */ ms) => (ms / 1000).toFixed(1);
    return html`<ul class="missing-parts">
      ${lines.map(({ track, gap_ms }) => html`<li>${t("{track}: {n} s missing", { track: trackLabel(track), n: seconds(gap_ms) })}</li>`)}
      ${late.map(
        ({ track, late_ms }) =>
          html`<li>${t("{track}: {n} s lost on the network, delivered by the kiosk afterwards", { track: trackLabel(track), n: seconds(late_ms) })}</li>`,
      )}
    </ul>`;
  }
}

/** @param {string} part @param {string} track @param {number | null} index */
function finding(part, track, index) {
  if (!track) return t(PLACES[part] ?? PLACES.check);
  const name = trackLabel(track);
  return index === null
    ? t("{track}: its times do not add up, or something of it is missing.", { track: name })
    : t("{track}, segment {n}: missing, damaged or changed.", { track: name, n: index + 1 });
}

customElements.define("library-verdict", LibraryVerdict);
