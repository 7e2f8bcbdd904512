// Legal holds and retention of a recording: what keeps it, placing and lifting holds, the certificate of a deletion.
import { LitElement, html, nothing } from "lit";
import { LanguageController, formatDateTime, language, msg, t } from "../i18n.js";
import { Refused, readJson, send } from "./requests.js";

/** @typedef {import("./recording.js").Recording} Recording */
/** @typedef {import("./types.js").Hold} Hold */
/** @typedef {import("./types.js").RetentionReport} RetentionReport */

/** Characters of a reason, as `REASON` in server/store/holds.py. */
const REASON = 200;

/** @type {Record<string, string>} why the rules do not let it go yet */
const KEEPS = {
  running: msg("Kept: the call is not over."),
  no_rule: msg("Kept without limit: no retention rule applies."),
  dispute: msg("Kept: a dispute is open."),
  product_ended: msg("Kept: the end of the product is not known yet."),
  dispute_ended: msg("Kept: the end of the dispute is not known yet."),
};

/** @type {Record<string, string>} the event that a rule counts from */
const EVENTS = {
  call_ended: msg("end of the call"),
  product_ended: msg("end of the product"),
  dispute_ended: msg("end of the dispute"),
};

/** Fires `change` whenever more is known. */
export class Holds extends EventTarget {
  #asked = false;

  /** @param {string} session */
  constructor(session) {
    super();
    this.session = session;
    /** @type {RetentionReport | null} */
    this.report = null;
    /** Why the last request was not done: the code of the server's error. */
    this.failure = "";
    this.busy = false;
  }

  get active() {
    return (this.report?.holds ?? []).filter(({ lifted_ms }) => lifted_ms === null);
  }

  /** Look once. */
  begin() {
    if (this.#asked) return;
    this.#asked = true;
    void this.#take(async () => {});
  }

  /** @param {string} reason */
  place(reason) {
    return this.#take(async () => {
      const { results } = await readJson("/api/holds", undefined, "POST", { sessions: [this.session], reason });
      if (results[0].problem) throw new Refused(results[0].problem);
    });
  }

  /** @param {string} hold @param {string} reason */
  lift(hold, reason) {
    return this.#take(() => send("POST", `/api/holds/${encodeURIComponent(hold)}/lift`, { reason }));
  }

  /** Do it, and look how things are then. Whether it was done. @param {() => Promise<void>} change */
  async #take(change) {
    this.busy = true;
    this.dispatchEvent(new Event("change"));
    this.failure = "";
    try {
      await change();
    } catch (error) {
      this.failure = error instanceof Refused ? error.code : "unavailable";
    }
    try {
      this.report = await readJson(`/api/sessions/${encodeURIComponent(this.session)}/retention`);
    } catch (error) {
      this.failure ||= error instanceof Refused ? error.code : "unavailable";
    }
    this.busy = false;
    this.dispatchEvent(new Event("change"));
    return !this.failure;
  }
}

export class LibraryHolds extends LitElement {
  /** @type {import("lit").PropertyDeclarations} */
  static properties = { recording: { attribute: false }, asking: { state: true }, reason: { state: true } };

  constructor() {
    super();
    new LanguageController(this);
    /** @type {Recording} */
    this.recording = /** @type {any} */ (undefined);
    /** What a reason is asked for: "place", the id of a hold to lift, or "". */
    this.asking = "";
    this.reason = "";
  }

  createRenderRoot() {
    return this;
  }

  connectedCallback() {
    super.connectedCallback();
    this.recording.holds.addEventListener("change", this.#update);
    this.recording.addEventListener("change", this.#update);
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.recording.holds.removeEventListener("change", this.#update);
    this.recording.removeEventListener("change", this.#update);
  }

  #update = () => this.requestUpdate();

  updated() {
    if (this.recording.manifest) this.recording.holds.begin();
  }

  render() {
    const { report, failure } = this.recording.holds;
    if (!report && !failure) return nothing;
    return html`<section class="bundle holds" aria-labelledby="holds-title">
      <h2 id="holds-title"><wa-icon name="landmark"></wa-icon>${t("Retention and legal holds")}</h2>
      <div role="status">${report ? this.#keeps(report) : nothing}</div>
      ${failure ? html`<p class="bundle-failure" role="alert">${failureWords(failure)}</p>` : nothing}
      ${report?.holds.length ? html`<ul class="hold-list">${report.holds.map((hold) => this.#hold(hold))}</ul>` : nothing}
      ${report && !report.deletion ? this.#placing() : nothing}
    </section>`;
  }

  /** @param {RetentionReport} report */
  #keeps({ keeps, deletion }) {
    if (deletion) return html`<p>${t("Deleted. What is left is the sequence of events, and the certificate.")}</p>`;
    const held = this.recording.holds.active.length;
    const rule = keeps.rule ? html`<small class="muted">${t("Rule {rule}: {source}", { rule: keeps.rule, source: keeps.source ?? "" })}</small>` : nothing;
    const until = keeps.until ? t("Kept by the rules until the end of {day}.", { day: keeps.until }) : t(KEEPS[keeps.reason] ?? KEEPS.no_rule);
    return html`${held ? html`<p class="held"><wa-icon name="lock"></wa-icon>${t("Under a legal hold: nothing deletes it until every hold is lifted.")}</p>` : nothing}
      <p>${until} ${rule}</p>`;
  }

  /** @param {Hold} hold */
  #hold(hold) {
    const placed = t("Placed {time} by {name}", { time: formatDateTime(hold.placed_ms), name: hold.placed_by });
    return html`<li class=${hold.lifted_ms === null ? "" : "lifted"}>
      <b dir="auto">${hold.reason}</b>
      <small class="muted">${placed}</small>
      ${hold.lifted_ms === null
        ? nothing
        : html`<small class="muted" dir="auto">${t("Lifted {time} by {name}: {reason}", { time: formatDateTime(hold.lifted_ms), name: hold.lifted_by ?? "", reason: hold.lifted_reason ?? "" })}</small>`}
      ${hold.may_lift && this.asking !== hold.id
        ? html`<button class="tool" aria-label=${t("Lift the hold “{reason}”", { reason: hold.reason })} @click=${() => void this.#ask(hold.id)}>${t("Lift…")}</button>`
        : nothing}
      ${this.asking === hold.id ? this.#form(t("Why it is lifted"), t("Lift the hold")) : nothing}
    </li>`;
  }

  #placing() {
    if (this.asking === "place") return this.#form(t("Reason, such as the number of a case; no names"), t("Place the hold"));
    return html`<div class="bundle-actions">
      <button class="tool placing" @click=${() => void this.#ask("place")}><wa-icon name="lock"></wa-icon>${t("Place a legal hold…")}</button>
    </div>`;
  }

  /** @param {string} label @param {string} doing */
  #form(label, doing) {
    const { busy } = this.recording.holds;
    return html`<form class="bundle-actions" @submit=${(/** @type {Event} */ event) => void this.#submit(event)}>
      <label>
        ${label}
        <input
          type="text"
          required
          maxlength=${REASON}
          autocomplete="off"
          .value=${this.reason}
          @input=${(/** @type {Event} */ event) => (this.reason = /** @type {HTMLInputElement} */ (event.target).value)}
        />
      </label>
      <button class="tool" ?disabled=${busy || !this.reason.trim()}>${doing}</button>
      <button class="tool" type="button" @click=${() => void this.#ask("")}>${t("Cancel")}</button>
    </form>`;
  }

  /** Ask for a reason, or no more; the focus goes with it. @param {string} what */
  async #ask(what) {
    this.asking = what;
    this.reason = "";
    await this.updateComplete;
    const next = what ? "form input" : ".placing";
    /** @type {HTMLElement | null} */ (this.querySelector(next))?.focus();
  }

  /** @param {Event} event */
  async #submit(event) {
    event.preventDefault();
    const { holds } = this.recording;
    const reason = this.reason.trim();
    if (holds.busy || !reason) return;
    const done = this.asking === "place" ? holds.place(reason) : holds.lift(this.asking, reason);
    if (!(await done)) return;
    await this.#ask("");
    void this.recording.load();
  }
}

/** What the player shows in place of a recording that was deleted. */
export class LibraryDeleted extends LitElement {
  /** @type {import("lit").PropertyDeclarations} */
  static properties = { recording: { attribute: false } };

  constructor() {
    super();
    new LanguageController(this);
    /** @type {Recording} */
    this.recording = /** @type {any} */ (undefined);
  }

  createRenderRoot() {
    return this;
  }

  connectedCallback() {
    super.connectedCallback();
    this.recording.holds.addEventListener("change", this.#update);
    this.recording.holds.begin();
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.recording.holds.removeEventListener("change", this.#update);
  }

  #update = () => this.requestUpdate();

  render() {
    const deletion = this.recording.holds.report?.deletion;
    return html`<wa-icon name="trash-2"></wa-icon>
      <h2>${t("This recording was deleted")}</h2>
      <p class="muted">${t("Its period of retention had ended. Sound, pictures, papers and what was written are destroyed for good; the sequence of events stays.")}</p>
      ${deletion?.rule ? this.#told(deletion) : nothing}
      ${deletion
        ? html`<a class="replay" href="/api/sessions/${encodeURIComponent(this.recording.session)}/certificate" download>
            <wa-icon name="download"></wa-icon>${t("Certificate of the deletion")}
          </a>`
        : nothing}`;
  }

  /** @param {import("./types.js").DeletionReport} deletion */
  #told(deletion) {
    return html`<dl>
      <dt>${t("Deleted at")}</dt>
      <dd>${formatDateTime(deletion.at_ms)}</dd>
      <dt>${t("Under the rule")}</dt>
      <dd>${t("{rule}: {keep} from the {event}", { rule: deletion.rule, keep: periodWords(deletion.keep), event: t(EVENTS[deletion.counts_from] ?? EVENTS.call_ended) })}</dd>
      <dt>${t("Source")}</dt>
      <dd dir="auto">${deletion.source}</dd>
      <dt>${t("Certificate")}</dt>
      <dd class="mono hash">${deletion.certificate_sha256}</dd>
    </dl>`;
  }
}

/** A duration of years, months and days (ISO 8601) in words. @param {string} keep */
export function periodWords(keep) {
  const parts = [...keep.matchAll(/(\d+)([YMD])/g)].filter(([, count]) => Number(count));
  const units = { Y: "year", M: "month", D: "day" };
  const words = parts.map(([, count, unit]) => {
    const named = units[/** @type {"Y" | "M" | "D"} */ (unit)];
    return new Intl.NumberFormat(language(), { style: "unit", unit: named, unitDisplay: "long" }).format(Number(count));
  });
  return words.length ? words.join(language() === "en" ? " " : "") : t("at once");
}

/** @param {string} code */
function failureWords(code) {
  if (code === "wrong_state") return t("It was deleted meanwhile, or the hold was lifted already.");
  if (code === "not_allowed" || code === "not_found") return t("That is not yours to do here.");
  return t("Please check the connection and try again.");
}

customElements.define("library-holds", LibraryHolds);
customElements.define("library-deleted", LibraryDeleted);
