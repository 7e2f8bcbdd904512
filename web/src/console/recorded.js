// How much of each track is recorded: a missing part is seen at once, and done again while the customer is there.
import { html, nothing } from "lit";
import { formatDuration, t } from "../i18n.js";
import { inOrder, ownId } from "../link/participants.js";
import { ConsoleElement } from "./element.js";
import { gapLabel, trackLabel } from "./labels.js";

/** @typedef {import("../link/messages.js").TrackStatement} TrackStatement */
/** @typedef {import("../link/messages.js").RecordingStatement} RecordingStatement */
/** @typedef {import("./state.js").Session} Session */

/** Pieces that are shown one by one, the newest. */
const SHOWN = 4;

/** What is missing, newest first, each with its track. @param {RecordingStatement} statement */
const pieces = ({ tracks }) =>
  tracks
    .flatMap(({ track, missing }) => (missing ?? []).map((piece) => ({ track, ...piece })))
    .sort((one, other) => other.end_ms - one.end_ms);

/** Seconds in the call at that moment. @param {Session} session @param {number} ms of the session */
const inCallAt = (session, ms) => Math.max(0, ms / 1000 - session.waited_s);

/** Whole seconds of what is there, and not one more; a begun second of what is missing is one. @param {number} ms */
const whole = (ms) => formatDuration(Math.floor(ms / 1000));

/** @param {RecordingStatement} statement @param {string} track */
const of = ({ tracks }, track) => tracks.find((one) => one.track === track);

/**
 * What is missing and should be done again, one line a piece.
 *
 * @param {Session} session
 * @param {RecordingStatement} statement
 * @param {string} own
 */
export function missingPieces(session, statement, own) {
  const missing = pieces(statement);
  if (!missing.length) return nothing;
  return html`<ul class="missing" aria-label=${t("Missing from the recording")}>
    ${missing.slice(0, SHOWN).map(({ track, start_ms, end_ms, reason }) => {
      const at = formatDuration(inCallAt(session, start_ms));
      const seconds = Math.max(1, Math.round((end_ms - start_ms) / 1000));
      return html`<li>
        <b>${t("{track}: {seconds} s at {at}", { track: trackLabel(track, own), seconds, at })}</b>
        <small>${gapLabel(reason)}</small>
      </li>`;
    })}
    ${missing.length > SHOWN ? html`<li class="more">${t("and {count} more", { count: missing.length - SHOWN })}</li>` : nothing}
  </ul>`;
}

export class ConsoleRecorded extends ConsoleElement {
  render() {
    const { session, statement, config } = this.state;
    if (!session || !statement) return nothing;
    const own = ownId(session, config?.person);
    const { complete, final } = statement;
    return html`<section class="recorded ${complete ? "" : "incomplete"}" aria-labelledby="recorded-title">
      <header class="panel-head">
        <h2 id="recorded-title">${t("On record")}</h2>
        <span class="chip ${complete ? "success" : "danger"}" role="status">
          <wa-icon name=${complete ? "check" : "circle-alert"}></wa-icon>${
            complete ? (final ? t("Complete") : t("Complete so far")) : t("Parts missing")
          }
        </span>
      </header>
      <ul>
        ${inOrder(statement.tracks.map(({ track }) => track)).map((track) => this.#track(of(statement, track), own))}
      </ul>
      ${missingPieces(session, statement, own)}
    </section>`;
  }

  /** @param {TrackStatement | undefined} track @param {string} own */
  #track(track, own) {
    if (!track) return nothing;
    const { recorded_ms, expected_ms, reason } = track;
    const short = expected_ms - recorded_ms > 2000;
    const recorded = whole(recorded_ms);
    // Rounded apart from each other, a track that is whole would look as if a second were missing.
    const expected = short ? whole(expected_ms) : recorded;
    return html`<li class=${short ? "short" : ""}>
      <span class="what">${trackLabel(track.track, own)}</span>
      ${reason ? html`<small class="now">${gapLabel(reason)}</small>` : nothing}
      <span class="number" aria-label=${t("{recorded} of {expected} recorded", { recorded, expected })}
        >${recorded}<i> / ${expected}</i></span
      >
    </li>`;
  }
}

customElements.define("console-recorded", ConsoleRecorded);
