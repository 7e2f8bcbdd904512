// The list of sessions: filters kept in the URL, and a table (cards on a phone).
import { LitElement, html, nothing } from "lit";
import { LanguageController, formatDateTime, formatDuration, t } from "../i18n.js";
import { pageData } from "../link/login.js";
import { isOver, isTalking } from "../link/states.js";
import { branchName, choiceName, outcomeLabel, serviceName, statusLabel } from "./labels.js";
import { Refused, readJson } from "./requests.js";
import "./condition.js";
import "./topbar.js";

/** @typedef {import("./types.js").Brief} Brief */

const FILTERS = ["from", "to", "branch", "specialist", "service", "status", "text"];
const REFRESH_MS = 10_000;
const TYPING_MS = 300;

export class LibraryList extends LitElement {
  /** @type {import("lit").PropertyDeclarations} */
  static properties = { found: { state: true }, failure: { state: true }, busy: { state: true } };

  /** @type {AbortController | null} */ #request = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #typing;

  constructor() {
    super();
    new LanguageController(this);
    /** @type {import("./types.js").Page | null} */
    this.found = null;
    this.failure = "";
    this.busy = true;
    this.asked = new URLSearchParams(location.search);
    this.choices = pageData();
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
      this.found = await readJson(`/api/sessions?${this.query()}`, request.signal);
      this.failure = "";
    } catch (error) {
      if (request.signal.aborted) return;
      this.failure = error instanceof Refused ? error.code : "unavailable";
    }
    this.busy = false;
  }

  /** The query of the filters; days become timestamps in the viewer's time zone. */
  query() {
    const query = new URLSearchParams();
    for (const [name, value] of this.asked) {
      if (!value) continue;
      if (name === "from") query.set("since", String(new Date(`${value}T00:00`).getTime()));
      else if (name === "to") query.set("until", String(new Date(`${value}T00:00`).getTime() + 86_400_000));
      else if (FILTERS.includes(name) || name === "offset") query.set(name, value);
    }
    return query;
  }

  /** @param {Record<string, string>} changes */
  ask(changes) {
    for (const [name, value] of Object.entries(changes)) {
      if (value) this.asked.set(name, value);
      else this.asked.delete(name);
    }
    if (!("offset" in changes)) this.asked.delete("offset");
    history.replaceState(null, "", this.asked.size ? `?${this.asked}` : location.pathname);
    void this.load();
  }

  /** @param {number} count */
  #count(count) {
    return count === 1 ? t("1 session") : t("{count} sessions", { count });
  }

  render() {
    return html`
      <library-topbar role="banner" class="topbar"></library-topbar>
      <main class="library-main">
        <library-condition></library-condition>
        <div class="library-heading">
          <h1>${t("Recordings")}</h1>
          <p class="muted" role="status">
            ${this.found && !this.busy ? this.#count(this.found.total) : nothing}
          </p>
        </div>
        ${this.#filters()} ${this.#results()}
      </main>
    `;
  }

  #filters() {
    const { branches = [], specialists = [], services = [] } = this.choices;
    const asked = (/** @type {string} */ name) => this.asked.get(name) ?? "";
    const active = FILTERS.some((name) => asked(name));
    return html`<form class="filters card" role="search" aria-label=${t("Search recordings")} @submit=${(/** @type {Event} */ event) => event.preventDefault()}>
      <label class="filter-text">
        <span>${t("Search")}</span>
        <input type="search" maxlength="100" .value=${asked("text")} placeholder=${t("Number, kiosk or specialist")} @input=${this.#typed} />
      </label>
      <label><span>${t("From")}</span><input type="date" .value=${asked("from")} @change=${this.#chosen("from")} /></label>
      <label><span>${t("To")}</span><input type="date" .value=${asked("to")} @change=${this.#chosen("to")} /></label>
      ${this.#choice("branch", t("Branch"), t("All branches"), branches.map((/** @type {any} */ one) => [one.id, choiceName(one)]))}
      ${this.#choice("specialist", t("Specialist"), t("All specialists"), specialists.map((/** @type {any} */ one) => [one.id, this.#specialist(one, specialists)]))}
      ${this.#choice("service", t("Service"), t("All services"), services.map((/** @type {any} */ one) => [one.id, choiceName(one)]))}
      ${this.#choice("status", t("Status"), t("Any status"), [
        ["live", t("In progress")],
        ["waiting", t("Waiting")],
        ["ended", t("Finished")],
      ])}
      <button type="button" class="clear" ?disabled=${!active} @click=${() => this.ask(Object.fromEntries(FILTERS.map((name) => [name, ""])))}>
        <wa-icon name="x"></wa-icon>${t("Clear")}
      </button>
    </form>`;
  }

  /**
   * A specialist's name; where several have it, with the login and the branches, which tell them apart.
   *
   * @param {{name: string, login: string, branches: string[] | null}} one
   * @param {{name: string}[]} all
   */
  #specialist(one, all) {
    if (all.filter(({ name }) => name === one.name).length < 2) return one.name;
    const names = (this.choices.branches ?? []).filter((/** @type {any} */ { id }) => one.branches?.includes(id)).map(choiceName);
    return [one.name, one.login, one.branches ? names.join(", ") : t("All branches")].filter(Boolean).join(" · ");
  }

  /** @param {string} name @param {string} label @param {string} all @param {[string, string][]} options */
  #choice(name, label, all, options) {
    const chosen = this.asked.get(name) ?? "";
    return html`<label>
      <span>${label}</span>
      <select @change=${this.#chosen(name)}>
        <option value="" ?selected=${!chosen}>${all}</option>
        ${options.map(([value, text]) => html`<option value=${value} ?selected=${value === chosen}>${text}</option>`)}
      </select>
    </label>`;
  }

  /** @param {string} name */
  #chosen(name) {
    return (/** @type {Event} */ event) => this.ask({ [name]: /** @type {HTMLInputElement} */ (event.target).value });
  }

  /** @param {Event} event */
  #typed(event) {
    const { value } = /** @type {HTMLInputElement} */ (event.target);
    clearTimeout(this.#typing);
    this.#typing = setTimeout(() => this.ask({ text: value.trim() }), TYPING_MS);
  }

  #results() {
    if (this.failure) return this.#failed();
    if (!this.found || this.busy) {
      return html`<div class="card waiting" aria-busy="true"><wa-spinner></wa-spinner><span>${t("Loading…")}</span></div>`;
    }
    if (!this.found.sessions.length) {
      return html`<div class="card empty">
        <wa-icon name="archive"></wa-icon>
        <h2>${t("No recordings found")}</h2>
        <p class="muted">${t("Nothing matches these filters. Choose other dates, or clear the filters.")}</p>
      </div>`;
    }
    return html`
      <div class="card results">
        <table>
          <thead>
            <tr>
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

  #failed() {
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
    return html`<tr>
      <td data-label=${t("Time")}><a class="open" href=${open}>${formatDateTime(row.requested_ms)}</a></td>
      <td data-label=${t("Branch and kiosk")}>${branchName(row)}<small>${row.kiosk_name}</small></td>
      <td data-label=${t("Service")}>${serviceName(row)}</td>
      <td data-label=${t("Specialist")} class=${row.specialist_name ? "" : "none"}>${row.specialist_name ?? "–"}</td>
      <td data-label=${t("Length")} class="number ${length === "–" ? "none" : ""}">${length}</td>
      <td data-label=${t("Outcome")} class=${row.outcome || row.rating ? "" : "none"}>${row.outcome ? outcomeLabel(row.outcome) : "–"}${this.#stars(row.rating)}</td>
      <td data-label=${t("Status")}>${this.#status(row.state)}</td>
      <td class="go"><a class="replay" href=${open}><wa-icon name="play"></wa-icon>${isOver(row.state) ? t("Replay") : t("Watch")}</a></td>
    </tr>`;
  }

  /** @param {string} state */
  #status(state) {
    if (isTalking(state)) return html`<span class="chip danger"><span class="recording-dot"></span>${statusLabel(state)}</span>`;
    return html`<span class="chip ${isOver(state) ? "" : "warning"}">${statusLabel(state)}</span>`;
  }

  /** @param {number | null} rating */
  #stars(rating) {
    if (!rating) return nothing;
    return html`<small class="stars" aria-label=${t("{stars} of 5 stars", { stars: rating })} role="img">${"★".repeat(rating)}<i>${"★".repeat(5 - rating)}</i></small>`;
  }

  #pages() {
    if (!this.found || this.found.total <= this.found.page) return nothing;
    const { total, page } = this.found;
    const offset = Number(this.asked.get("offset") ?? 0);
    const last = Math.min(offset + page, total);
    return html`<nav class="pages" aria-label=${t("Pages")}>
      <button ?disabled=${offset === 0} @click=${() => this.ask({ offset: String(Math.max(0, offset - page) || "") })}>
        <wa-icon name="chevron-left"></wa-icon>${t("Previous page")}
      </button>
      <span class="number">${t("{first}–{last} of {total}", { first: offset + 1, last, total })}</span>
      <button ?disabled=${last >= total} @click=${() => this.ask({ offset: String(offset + page) })}>
        ${t("Next page")}<wa-icon name="chevron-right"></wa-icon>
      </button>
    </nav>`;
  }
}

customElements.define("library-list", LibraryList);
