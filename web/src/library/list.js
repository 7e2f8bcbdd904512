// The list of sessions: a search kept in the URL, and a table (cards on a phone).
import { LitElement, html, nothing } from "lit";
import { LanguageController, formatDateTime, formatDuration, language, t } from "../i18n.js";
import { pageData } from "../link/login.js";
import { isOver, isTalking } from "../link/states.js";
import { FILTERS, changed, searchOf, set, toQuery } from "./address.js";
import { branchName, outcomeLabel, serviceName, statusLabel } from "./labels.js";
import { Refused, readJson } from "./requests.js";
import { Selection } from "./selection.js";
import "./approvals.js";
import "./bulk.js";
import "./condition.js";
import "./filters.js";
import "./kept.js";
import "./topbar.js";

/** @typedef {import("./types.js").Brief} Brief */

const REFRESH_MS = 10_000;
/** Most sessions that one table to take away has, as `EXPORTED` in server/api/library_search.py. */
const TABLE = 5_000;

export class LibraryList extends LitElement {
  /** @type {import("lit").PropertyDeclarations} */
  static properties = { asked: { state: true }, found: { state: true }, failure: { state: true }, busy: { state: true }, chosen: { state: true } };

  /** @type {AbortController | null} */ #request = null;

  constructor() {
    super();
    new LanguageController(this);
    /** @type {import("./types.js").Page | null} */
    this.found = null;
    this.failure = "";
    this.busy = true;
    this.asked = new URLSearchParams(location.search);
    this.choices = pageData();
    this.selection = new Selection();
    /** How many are selected: the selection itself is one object. */
    this.chosen = 0;
  }

  createRenderRoot() {
    return this;
  }

  connectedCallback() {
    super.connectedCallback();
    void this.load();
    addEventListener("popstate", () => {
      this.asked = new URLSearchParams(location.search);
      void this.load();
    });
    setInterval(() => {
      if (!document.hidden && this.found?.sessions.some(({ state }) => !isOver(state))) void this.load(true);
    }, REFRESH_MS);
  }

  /** @param {boolean} [quietly] keep showing what is there meanwhile */
  async load(quietly = false) {
    this.#request?.abort();
    const request = (this.#request = new AbortController());
    this.busy = !quietly;
    try {
      this.found = await readJson(`/api/sessions?${toQuery(this.asked)}`, request.signal);
      this.failure = "";
      this.selection.keep(this.#shown);
      this.chosen = this.selection.size;
    } catch (error) {
      if (request.signal.aborted) return;
      this.failure = error instanceof Refused ? error.code : "unavailable";
    }
    this.busy = false;
  }

  /** Search for something else, in place of what is in the address. @param {Record<string, string>} changes */
  ask(changes) {
    this.asked = changed(this.asked, changes);
    history.replaceState(null, "", this.#address());
    void this.load();
  }

  /** Turn to another page, from which the browser's own button leads back. @param {"after" | "before"} name @param {string} cursor */
  async #turn(name, cursor) {
    this.asked = changed(this.asked, { [name]: cursor });
    history.pushState(null, "", this.#address());
    await this.load();
    await this.updateComplete;
    scrollTo({ top: 0 });
    /** @type {HTMLElement | null} */ (this.querySelector("h1"))?.focus();
  }

  /** The ids of the sessions that are shown, in order. */
  get #shown() {
    return this.found?.sessions.map(({ id }) => id) ?? [];
  }

  /** @param {string} id @param {boolean} on @param {boolean} range */
  #select(id, on, range) {
    this.selection.set(id, on, this.#shown, range);
    this.#selected();
  }

  /** @param {boolean} on */
  #selectAll(on) {
    this.selection.setAll(this.#shown, on);
    this.#selected();
  }

  #selected() {
    this.chosen = this.selection.size;
    this.requestUpdate();
  }

  /** Beside a box is as good as on it. @param {MouseEvent} event @param {string} id */
  #boxCell(event, id) {
    if (event.target === event.currentTarget) this.#select(id, !this.selection.has(id), event.shiftKey);
  }

  /** Arrow keys go from box to box, with Shift they select on the way. @param {KeyboardEvent} event @param {string} id */
  #boxKey(event, id) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    const next = this.#shown[this.#shown.indexOf(id) + step];
    if (!next) return;
    if (event.shiftKey) {
      const on = this.selection.has(id);
      this.selection.set(id, on, this.#shown);
      this.#select(next, on, true);
    }
    /** @type {HTMLElement | null} */ (this.querySelector(`input[data-session="${CSS.escape(next)}"]`))?.focus();
  }

  #address() {
    return this.asked.size ? `?${this.asked}` : location.pathname;
  }

  #count() {
    if (!this.found || this.busy) return nothing;
    const count = new Intl.NumberFormat(language()).format(this.found.total);
    if (!this.found.exact) return t("{count} sessions at most", { count });
    return this.found.total === 1 ? t("1 session") : t("{count} sessions", { count });
  }

  render() {
    return html`
      <library-topbar role="banner" class="topbar"></library-topbar>
      <main class="library-main">
        <library-condition></library-condition>
        <div class="library-heading">
          <h1 tabindex="-1">${t("Recordings")}</h1>
          <p class="muted" role="status">${this.#count()}</p>
        </div>
        ${this.choices.approval ? html`<library-approvals></library-approvals>` : nothing}
        <library-filters .asked=${this.asked} .choices=${this.choices} @ask=${(/** @type {CustomEvent} */ event) => this.ask(event.detail)}></library-filters>
        <library-kept search=${String(searchOf(this.asked))}></library-kept>
        ${this.#pending()} ${this.#tools()} ${this.#results()}
        <library-bulk .rows=${this.found?.sessions.filter(({ id }) => this.selection.has(id)) ?? []} .choices=${this.choices}
          @changed=${() => void this.load(true)} @clear=${() => this.#selectAll(false)}></library-bulk>
      </main>
    `;
  }

  /** After an upgrade: what is not in the index yet. */
  #pending() {
    if (!this.found?.pending) return nothing;
    const count = new Intl.NumberFormat(language()).format(this.found.pending);
    return html`<p class="card note"><wa-icon name="hourglass"></wa-icon>${t("{count} older sessions are still being indexed and are not found yet.", { count })}</p>`;
  }

  /** The order, and the table to take away. */
  #tools() {
    if (this.failure || !this.found) return nothing;
    const sort = this.asked.get("sort") ?? "newest";
    const { total } = this.found;
    const all = this.selection.of(this.#shown);
    return html`<div class="library-tools">
      <label class="select-all">
        <input type="checkbox" .checked=${all === "all"} .indeterminate=${all === "some"} ?disabled=${!this.#shown.length}
          @change=${(/** @type {Event} */ event) => this.#selectAll(/** @type {HTMLInputElement} */ (event.target).checked)} />
        <span>${t("Select all shown")}</span>
      </label>
      <label>
        <span>${t("Order")}</span>
        <select @change=${(/** @type {Event} */ event) => this.ask({ sort: /** @type {HTMLSelectElement} */ (event.target).value })}>
          ${[
            ["newest", t("Newest first")],
            ["oldest", t("Oldest first")],
            ["longest", t("Longest calls first")],
            ["rating", t("Lowest rating first")],
          ].map(([value, text]) => html`<option value=${value} ?selected=${value === sort}>${text}</option>`)}
        </select>
      </label>
      <button class="button" aria-pressed=${this.asked.get("review") === "mine"} @click=${() => this.ask({ review: this.asked.get("review") === "mine" ? "" : "mine" })}>
        <wa-icon name="user-check"></wa-icon>${t("Assigned to me")}
      </button>
      <span class="topbar-gap"></span>
      ${total > TABLE ? html`<small class="muted">${t("The table has the first {most}.", { most: new Intl.NumberFormat(language()).format(TABLE) })}</small>` : nothing}
      ${total ? html`<a class="button" download href=${`/api/sessions.csv?${toQuery(searchOf(this.asked))}`}><wa-icon name="download"></wa-icon>${t("Download as a table (CSV)")}</a>` : nothing}
    </div>`;
  }

  #results() {
    if (this.failure) return this.#failed();
    if (!this.found || this.busy) {
      return html`<div class="card waiting" aria-busy="true"><wa-spinner></wa-spinner><span>${t("Loading…")}</span></div>`;
    }
    if (!this.found.sessions.length) return this.#none();
    const all = this.selection.of(this.#shown);
    return html`
      <div class="card results">
        <table>
          <thead>
            <tr>
              <th scope="col" class="select">
                <input type="checkbox" aria-label=${t("Select all shown")} .checked=${all === "all"} .indeterminate=${all === "some"}
                  @change=${(/** @type {Event} */ event) => this.#selectAll(/** @type {HTMLInputElement} */ (event.target).checked)} />
              </th>
              <th scope="col">${t("Time")}</th>
              <th scope="col">${t("Branch and kiosk")}</th>
              <th scope="col">${t("Service")}</th>
              <th scope="col">${t("Specialist")}</th>
              <th scope="col">${t("Length")}</th>
              <th scope="col">${t("Outcome")}</th>
              <th scope="col">${t("Status")}</th>
              <th scope="col"><span class="visually-hidden">${t("Replay")}</span></th>
            </tr>
          </thead>
          <tbody>
            ${this.found.sessions.map((row) => this.#row(row))}
          </tbody>
        </table>
      </div>
      ${this.#pages()}
    `;
  }

  #none() {
    if (this.found?.partial) {
      return html`<div class="card empty">
          <wa-icon name="search"></wa-icon>
          <h2>${t("Nothing found so far")}</h2>
          <p class="muted">${t("Many sessions have parts of these words. Part of them has been looked through: search on, or choose dates or a branch.")}</p>
        </div>
        ${this.#pages()}`;
    }
    const chosen = this.found?.total || set(this.asked, FILTERS);
    return html`<div class="card empty">
      <wa-icon name="archive"></wa-icon>
      <h2>${t("No recordings found")}</h2>
      <p class="muted">
        ${chosen ? t("Nothing matches these filters. Choose other dates, or clear the filters.") : t("Sessions are here as soon as a customer calls.")}
      </p>
    </div>`;
  }

  #failed() {
    if (this.failure === "bad_message") {
      return html`<div class="card empty" role="alert">
        <wa-icon name="circle-help"></wa-icon>
        <h2>${t("This search cannot be made")}</h2>
        <p class="muted">${t("The address has a filter that does not exist, or too many words. Clear the filters and search again.")}</p>
      </div>`;
    }
    const forbidden = this.failure === "not_allowed";
    return html`<div class="card empty" role="alert">
      <wa-icon name=${forbidden ? "lock" : "triangle-alert"}></wa-icon>
      <h2>${forbidden ? t("Recordings are for supervisors") : t("The list could not be loaded")}</h2>
      <p class="muted">${forbidden ? t("Your account has no supervisor role in any branch.") : t("Please check the connection and try again.")}</p>
      ${forbidden ? nothing : html`<button class="primary" @click=${() => void this.load()}>${t("Try again")}</button>`}
    </div>`;
  }

  /** @param {Brief} row */
  #row(row) {
    const end = row.ended_ms ?? (isOver(row.state) ? row.closed_ms : Date.now());
    const length = row.answered_ms && end ? formatDuration((end - row.answered_ms) / 1000) : "–";
    const open = `/library/${encodeURIComponent(row.id)}`;
    const time = formatDateTime(row.requested_ms);
    const chosen = this.selection.has(row.id);
    return html`<tr class=${chosen ? "selected" : ""}>
      <td class="select" @click=${(/** @type {MouseEvent} */ event) => this.#boxCell(event, row.id)}>
        <input type="checkbox" data-session=${row.id} aria-label=${t("Select the session of {time}", { time })} .checked=${chosen}
          @click=${(/** @type {MouseEvent} */ event) => this.#select(row.id, /** @type {HTMLInputElement} */ (event.target).checked, event.shiftKey)}
          @keydown=${(/** @type {KeyboardEvent} */ event) => this.#boxKey(event, row.id)} />
      </td>
      <td data-label=${t("Time")}><a class="open" href=${open}>${time}</a></td>
      <td data-label=${t("Branch and kiosk")}>${branchName(row)}<small>${row.kiosk_name}</small></td>
      <td data-label=${t("Service")}>${serviceName(row)}</td>
      <td data-label=${t("Specialist")} class=${row.specialist_name ? "" : "none"}>${row.specialist_name ?? "–"}</td>
      <td data-label=${t("Length")} class="number ${length === "–" ? "none" : ""}">${length}</td>
      <td data-label=${t("Outcome")} class=${row.outcome || row.rating ? "" : "none"}>${row.outcome ? outcomeLabel(row.outcome) : "–"}${this.#stars(row.rating)}</td>
      <td data-label=${t("Status")}>${this.#status(row.state)}${this.#kept(row)}${this.#review(row)}</td>
      <td class="go"><a class="replay" href=${open}>${this.#way(row)}</a></td>
    </tr>`;
  }

  /** What there is behind the row. @param {Brief} row */
  #way({ deleted, state }) {
    if (deleted) return html`<wa-icon name="list"></wa-icon>${t("Details")}`;
    return html`<wa-icon name="play"></wa-icon>${isOver(state) ? t("Replay") : t("Watch")}`;
  }

  /** What a hold or a deletion makes of it. @param {Brief} row */
  #kept({ held, deleted }) {
    if (deleted) return html` <span class="chip"><wa-icon name="trash-2"></wa-icon>${t("Deleted")}</span>`;
    return held ? html` <span class="chip warning"><wa-icon name="lock"></wa-icon>${t("Legal hold")}</span>` : nothing;
  }

  /** @param {string} state */
  #status(state) {
    if (isTalking(state)) return html`<span class="chip danger"><span class="recording-dot"></span>${statusLabel(state)}</span>`;
    return html`<span class="chip ${isOver(state) ? "" : "warning"}">${statusLabel(state)}</span>`;
  }

  /** @param {Brief} row */
  #review({ review }) {
    if (!review) return nothing;
    const name = review.reviewer === this.choices.person ? t("Myself") : review.name;
    return html`<small>${review.done ? t("Reviewed: {name}", { name }) : t("To review: {name}", { name })}</small>`;
  }

  /** @param {number | null} rating */
  #stars(rating) {
    if (!rating) return nothing;
    return html`<small class="stars" aria-label=${t("{stars} of 5 stars", { stars: rating })} role="img">${"★".repeat(rating)}<i>${"★".repeat(5 - rating)}</i></small>`;
  }

  #pages() {
    if (!this.found || !(this.found.after || this.found.before)) return nothing;
    const { total, first, sessions, after, before, partial } = this.found;
    const figure = (/** @type {number} */ count) => new Intl.NumberFormat(language()).format(count);
    const last = first === null ? 0 : first + sessions.length - 1;
    return html`<nav class="pages" aria-label=${t("Pages")}>
      <button ?disabled=${!before} @click=${() => void this.#turn("before", before ?? "")}>
        <wa-icon name="chevron-left"></wa-icon>${t("Previous page")}
      </button>
      ${first === null ? nothing : html`<span class="number">${t("{first}–{last} of {total}", { first: figure(first), last: figure(last), total: figure(total) })}</span>`}
      <button ?disabled=${!after} @click=${() => void this.#turn("after", after ?? "")}>
        ${partial ? t("Search on") : t("Next page")}<wa-icon name="chevron-right"></wa-icon>
      </button>
    </nav>`;
  }
}

customElements.define("library-list", LibraryList);
