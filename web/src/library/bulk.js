// What can be done with several sessions at once: evidence bundles, a reviewer, a hold.
import { LitElement, html, nothing } from "lit";
import { LanguageController, formatDateTime, t } from "../i18n.js";
import { pageData } from "../link/login.js";
import { PURPOSES } from "./bundle.js";
import { ExportQueue } from "./export-queue.js";
import { serviceName } from "./labels.js";
import { Refused, post } from "./requests.js";

/** @typedef {import("./types.js").Brief} Brief */
/** @typedef {import("./export-queue.js").Item} Item */

const HOLDS = "/api/holds";
const REASON = 200;
/** Results of an assignment that mean that it was done. */
const DONE = new Set(["assigned", "withdrawn"]);

/**
 * Put sessions on hold; how many are, and which could not be.
 *
 * @param {string[]} sessions
 * @param {string} reason
 */
export async function hold(sessions, reason) {
  const { results } = await post(HOLDS, { sessions, reason });
  return counted(results.map((/** @type {{session: string, problem: string}} */ { session, problem }) => ({ session, problem })));
}

/**
 * Let `reviewer` review these sessions, or nobody.
 *
 * @param {string[]} sessions
 * @param {string | null} reviewer
 */
export async function assign(sessions, reviewer) {
  const { results } = await post("/api/reviews", { sessions, reviewer });
  return counted(results.map((/** @type {{session: string, result: string}} */ { session, result }) => ({ session, problem: DONE.has(result) ? "" : result })));
}

/** @param {{session: string, problem: string}[]} results what is the matter with each session, empty where nothing is */
function counted(results) {
  const failed = results.filter(({ problem }) => problem);
  return { done: results.length - failed.length, failed };
}

/** The bar of what is selected. Fires `changed` when the list is to be read again, `clear` when nothing stays selected. */
export class LibraryBulk extends LitElement {
  /** @type {import("lit").PropertyDeclarations} */
  static properties = {
    rows: { attribute: false },
    choices: { attribute: false },
    open: { state: true },
    value: { state: true },
    said: { state: true },
    failure: { state: true },
    busy: { state: true },
    exported: { state: true },
  };

  constructor() {
    super();
    new LanguageController(this);
    /** Those selected. @type {Brief[]} */
    this.rows = [];
    /** @type {Record<string, any>} */
    this.choices = {};
    /** Which dialog is open. @type {"" | "export" | "assign" | "hold"} */
    this.open = "";
    this.value = "";
    this.said = "";
    this.failure = "";
    this.busy = false;
    /** Those that are being exported: the selection may change meanwhile. @type {Brief[]} */
    this.exported = [];
    this.queue = new ExportQueue();
    this.queue.addEventListener("change", () => this.requestUpdate());
    this.leaving = (/** @type {BeforeUnloadEvent} */ event) => {
      if (this.queue.busy) event.preventDefault();
    };
  }

  createRenderRoot() {
    return this;
  }

  connectedCallback() {
    super.connectedCallback();
    addEventListener("beforeunload", this.leaving);
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    removeEventListener("beforeunload", this.leaving);
  }

  updated() {
    const dialog = /** @type {HTMLDialogElement | null} */ (this.querySelector("dialog"));
    if (this.open && dialog && !dialog.open) dialog.showModal();
    if (!this.open && dialog?.open) dialog.close();
  }

  get #ids() {
    return this.rows.map(({ id }) => id);
  }

  render() {
    return html`${this.rows.length ? this.#bar() : nothing}
      <p class="visually-hidden" role="status">${this.rows.length ? t("{count} selected", { count: this.rows.length }) : this.said}</p>
      ${this.exported.length && this.open !== "export" ? this.#running() : nothing}
      <dialog class="bulk-dialog" aria-labelledby="bulk-title" @close=${() => (this.open = "")}>${this.open ? this.#dialog() : nothing}</dialog>`;
  }

  #bar() {
    return html`<div class="bulk" role="toolbar" aria-label=${t("With what is selected")}>
      <b>${t("{count} selected", { count: this.rows.length })}</b>
      <button @click=${() => this.#show("export")}><wa-icon name="archive"></wa-icon>${t("Evidence bundles…")}</button>
      <button @click=${() => this.#show("assign")}><wa-icon name="user-check"></wa-icon>${t("Assign…")}</button>
      ${this.choices.holds ? html`<button @click=${() => this.#show("hold")}><wa-icon name="lock"></wa-icon>${t("Legal hold…")}</button>` : nothing}
      <button class="bulk-clear" @click=${() => this.dispatchEvent(new Event("clear"))}><wa-icon name="x"></wa-icon>${t("Select none")}</button>
      ${this.said ? html`<span class="bulk-said">${this.said}</span>` : nothing}
    </div>`;
  }

  /** Bundles that go on while something else is done in the list. */
  #running() {
    const { items } = this.queue;
    const over = items.filter(({ state }) => state !== "waiting" && state !== "running").length;
    return html`<p class="card note bulk-running">
      <wa-icon name="archive"></wa-icon>${t("Evidence bundles: {done} of {all}", { done: over, all: items.length })}
      <button class="link" @click=${() => this.#show("export")}>${t("Show")}</button>
    </p>`;
  }

  /** @param {"export" | "assign" | "hold"} which */
  #show(which) {
    this.value = this.failure = this.said = "";
    this.open = which;
  }

  #dialog() {
    if (this.open === "export") return this.exported.length ? this.#progress() : this.#export();
    return this.open === "assign" ? this.#assign() : this.#hold();
  }

  /**
   * @param {string} icon @param {string} title @param {unknown} content @param {string} act what its button says
   * @param {boolean} ready @param {() => Promise<void>} done
   */
  #form(icon, title, content, act, ready, done) {
    return html`<form @submit=${(/** @type {Event} */ event) => (event.preventDefault(), void this.#try(done))}>
      <h2 id="bulk-title"><wa-icon name=${icon}></wa-icon>${title}</h2>
      <p class="muted">${t("{count} selected", { count: this.rows.length })}</p>
      ${content}
      ${this.failure ? html`<p class="bulk-failure" role="alert">${failed(this.failure)}</p>` : nothing}
      <div class="bulk-actions">
        <button type="button" @click=${() => (this.open = "")}>${t("Cancel")}</button>
        <button class="primary" ?disabled=${!ready || this.busy}>${act}</button>
      </div>
    </form>`;
  }

  /** @param {() => Promise<void>} act */
  async #try(act) {
    this.busy = true;
    this.failure = "";
    try {
      await act();
    } catch (error) {
      this.failure = error instanceof Refused ? error.code : "unavailable";
    }
    this.busy = false;
  }

  /** @param {{done: number, failed: {session: string, problem: string}[]}} result @param {string} all what to say of all */
  #finished({ done, failed: some }, all) {
    if (some.length) {
      this.failure = some.every(({ problem }) => problem === "reviewer_may_not") ? "reviewer_may_not" : "some";
      if (!done) return;
    } else {
      this.open = "";
    }
    this.said = all;
    this.dispatchEvent(new Event("changed"));
  }

  #export() {
    const content = html`<label><span>${t("Made for")}</span>${this.#select([["", t("Please choose")], ...Object.entries(PURPOSES).map(([code, text]) => /** @type {[string, string]} */ ([code, t(text)]))])}</label>
      <p class="bundle-warning"><wa-icon name="triangle-alert"></wa-icon>${t("Each contains the key of its recording: whoever has it can see and hear everything.")}</p>
      ${this.choices.approval ? html`<p>${t("Each needs a second supervisor's approval: those that have none are asked for.")}</p>` : nothing}
      <p class="muted">${t("They are made one after the other, three are kept at once: download one to make room for the next. Keep this page open.")}</p>`;
    return this.#form("archive", t("Evidence bundles"), content, t("Make them"), Boolean(this.value), async () => {
      this.exported = this.rows;
      this.queue.start(this.#ids, this.value);
    });
  }

  #progress() {
    const { items, busy } = this.queue;
    return html`<div class="bulk-progress">
      <h2 id="bulk-title"><wa-icon name="archive"></wa-icon>${t("Evidence bundles")}</h2>
      <ul>
        ${items.map((item, at) => this.#item(item, this.exported[at]))}
      </ul>
      <div class="bulk-actions">
        ${busy ? html`<button @click=${() => void this.queue.stop()}>${t("Stop")}</button>` : html`<button @click=${this.#forget}>${t("Close")}</button>`}
        <button class="primary" @click=${() => (this.open = "")}>${t("Go on in the list")}</button>
      </div>
    </div>`;
  }

  #forget = () => {
    this.exported = [];
    this.open = "";
  };

  /** @param {Item} item @param {Brief} row */
  #item(item, row) {
    const name = `${formatDateTime(row.requested_ms)} · ${serviceName(row)}`;
    return html`<li>
      <span>${name}</span>
      ${item.state === "running" ? html`<progress max="1" value=${item.part} aria-label=${name}></progress>` : html`<span class="chip ${chip(item.state)}">${itemLabel(item)}</span>`}
      ${item.state === "done"
        ? html`<a class="replay" download href="/api/sessions/${encodeURIComponent(item.session)}/bundle/file" aria-label=${t("Download: {what}", { what: name })}><wa-icon name="download"></wa-icon>${t("Download")}</a>`
        : nothing}
    </li>`;
  }

  #assign() {
    const { reviewers = [], person = "" } = { ...this.choices, ...pageData() };
    /** @type {[string, string][]} */
    const others = reviewers.filter((/** @type {any} */ one) => one.id !== person).map((/** @type {any} */ one) => [one.id, `${one.name} (${one.login})`]);
    const content = html`<label><span>${t("Reviewer")}</span>${this.#select([["", t("Please choose")], [person, t("Myself")], ...others, ["-", t("Nobody any more")]])}</label>
      <p class="muted">${t("The reviewer finds them under “Assigned to me”.")}</p>`;
    return this.#form("user-check", t("Assign for review"), content, t("Assign"), Boolean(this.value), async () => {
      const result = await assign(this.#ids, this.value === "-" ? null : this.value);
      this.#finished(result, this.value === "-" ? t("Assignments withdrawn: {count}", { count: result.done }) : t("Assigned: {count}", { count: result.done }));
    });
  }

  #hold() {
    const content = html`<label><span>${t("Reason, such as a case number")}</span>
        <input type="text" maxlength=${REASON} autocomplete="off" required .value=${this.value} @input=${this.#valued} /></label>
      <p class="muted">${t("What is on hold is not deleted, whatever the rules say, until the hold is released.")}</p>`;
    return this.#form("lock", t("Legal hold"), content, t("Put under legal hold"), this.value.trim().length > 2, async () => {
      const result = await hold(this.#ids, this.value.trim());
      this.#finished(result, t("Put under legal hold: {count}", { count: result.done }));
    });
  }

  #valued = (/** @type {Event} */ event) => {
    this.value = /** @type {HTMLInputElement} */ (event.target).value;
  };

  /** @param {[string, string][]} options */
  #select(options) {
    return html`<select required @change=${this.#valued}>
      ${options.map(([value, text]) => html`<option value=${value} ?selected=${value === this.value}>${text}</option>`)}
    </select>`;
  }
}

/** @param {string} state */
const chip = (state) => ({ done: "success", taken: "success", failed: "danger", asked: "warning" })[state] ?? "";

/** @param {Item} item */
function itemLabel({ state, failure }) {
  if (state === "waiting") return t("Queued");
  if (state === "done") return t("Made");
  if (state === "taken") return t("Downloaded");
  if (state === "asked") return t("Approval asked for");
  if (state === "stopped") return t("Stopped");
  return failure === "wrong_state" ? t("The call is not over") : t("It could not be made");
}

/** @param {string} code */
function failed(code) {
  if (code === "reviewer_may_not") return t("The reviewer may not see the recordings of some of these branches. Nothing was changed for those.");
  if (code === "some") return t("It was not possible for some of them.");
  if (code === "bad_message") return t("The server did not take it. Please reload the page and try again.");
  return t("Please check the connection and try again.");
}

customElements.define("library-bulk", LibraryBulk);
