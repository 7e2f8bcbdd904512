// The audit log: filters kept in the URL, and a table (cards on a phone), newest first.
import { LitElement, html, nothing } from "lit";
import { LanguageController, language, t } from "../i18n.js";
import { toQuery } from "../library/address.js";
import { Refused, readJson } from "../library/requests.js";
import "../library/topbar.js";
import { actionLabel, actions } from "./actions.js";
import { detailLines } from "./details.js";

/** @typedef {import("./types.js").Entry} Entry */

const FILTERS = ["actor", "action", "object", "from", "to"];

export class AuditLog extends LitElement {
  /** @type {import("lit").PropertyDeclarations} */
  static properties = { asked: { state: true }, found: { state: true }, failure: { state: true }, busy: { state: true } };

  /** @type {AbortController | null} */ #request = null;

  constructor() {
    super();
    new LanguageController(this);
    /** @type {import("./types.js").AuditPage | null} */
    this.found = null;
    this.failure = "";
    this.busy = true;
    this.asked = new URLSearchParams(location.search);
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
  }

  async load() {
    this.#request?.abort();
    const request = (this.#request = new AbortController());
    this.busy = true;
    try {
      this.found = await readJson(`/api/audit?${query(this.asked)}`, request.signal);
      this.failure = "";
    } catch (error) {
      if (request.signal.aborted) return;
      this.failure = error instanceof Refused ? error.code : "unavailable";
    }
    this.busy = false;
  }

  /** @param {URLSearchParams} asked @param {boolean} [turned] to another page of the same search */
  async #show(asked, turned = false) {
    this.asked = asked;
    history[turned ? "pushState" : "replaceState"](null, "", asked.size ? `?${asked}` : location.pathname);
    await this.load();
    if (!turned) return;
    await this.updateComplete;
    scrollTo({ top: 0 });
    /** @type {HTMLElement | null} */ (this.querySelector("h1"))?.focus();
  }

  /** @param {SubmitEvent} event */
  #submitted(event) {
    event.preventDefault();
    const form = new FormData(/** @type {HTMLFormElement} */ (event.target));
    const asked = new URLSearchParams();
    for (const name of FILTERS) {
      const value = String(form.get(name) ?? "").trim();
      if (value) asked.set(name, value);
    }
    void this.#show(asked);
  }

  render() {
    return html`
      <library-topbar role="banner" class="topbar"></library-topbar>
      <main class="library-main">
        <div class="library-heading">
          <h1 tabindex="-1">${t("Audit log")}</h1>
          <p class="muted">${t("Who did, read or was refused what. Your reading is recorded as well.")}</p>
        </div>
        ${this.#filters()}
        <p class="visually-hidden" role="status">${this.busy || this.failure || !this.found ? nothing : t("{count} entries on this page", { count: this.found.entries.length })}</p>
        ${this.#results()}
      </main>
    `;
  }

  #filters() {
    const asked = (/** @type {string} */ name) => this.asked.get(name) ?? "";
    return html`<form class="filters audit-filters card" role="search" aria-label=${t("Search the audit log")} @submit=${this.#submitted}>
      <label><span>${t("Who")}</span><input name="actor" maxlength="128" autocomplete="off" .value=${asked("actor")} placeholder=${t("Login, or kiosk:…")} /></label>
      <label>
        <span>${t("What")}</span>
        <select name="action">
          <option value="" ?selected=${!asked("action")}>${t("Everything")}</option>
          ${[...new Set([...actions(), ...(asked("action") ? [asked("action")] : [])])].map(
            (code) => html`<option value=${code} ?selected=${code === asked("action")}>${actionLabel(code)}</option>`,
          )}
        </select>
      </label>
      <label><span>${t("Of what")}</span><input name="object" maxlength="128" autocomplete="off" .value=${asked("object")} placeholder=${t("Number of a session, or kiosk:…")} /></label>
      <label><span>${t("From")}</span><input type="date" name="from" .value=${asked("from")} /></label>
      <label><span>${t("To")}</span><input type="date" name="to" .value=${asked("to")} /></label>
      <button class="primary"><wa-icon name="search"></wa-icon>${t("Search")}</button>
      <button type="button" class="clear" ?disabled=${!FILTERS.some(asked)} @click=${() => void this.#show(new URLSearchParams())}><wa-icon name="x"></wa-icon>${t("Clear")}</button>
    </form>`;
  }

  #results() {
    if (this.failure) {
      return html`<div class="card empty" role="alert">
        <wa-icon name="triangle-alert"></wa-icon>
        <h2>${t("The audit log could not be loaded")}</h2>
        <p class="muted">${t("Please check the filters and the connection, and try again.")}</p>
        <button class="primary" @click=${() => void this.load()}>${t("Try again")}</button>
      </div>`;
    }
    if (!this.found || this.busy) {
      return html`<div class="card waiting" aria-busy="true"><wa-spinner></wa-spinner><span>${t("Loading…")}</span></div>`;
    }
    if (!this.found.entries.length) {
      return html`<div class="card empty">
        <wa-icon name="archive"></wa-icon>
        <h2>${t("No entries found")}</h2>
        <p class="muted">${t("Nothing in the audit log matches these filters.")}</p>
      </div>`;
    }
    return html`
      <div class="card results">
        <table class="audit-table">
          <thead>
            <tr>
              <th scope="col">${t("Time")}</th>
              <th scope="col">${t("Who")}</th>
              <th scope="col">${t("What")}</th>
              <th scope="col">${t("Of what")}</th>
              <th scope="col">${t("Details")}</th>
            </tr>
          </thead>
          <tbody>
            ${this.found.entries.map((entry) => row(entry))}
          </tbody>
        </table>
      </div>
      ${this.#pages()}
    `;
  }

  #pages() {
    const { after = null, before = null } = this.found ?? {};
    if (after === null && before === null) return nothing;
    const turn = (/** @type {"after" | "before"} */ name, /** @type {number | null} */ cursor) => {
      const asked = new URLSearchParams(this.asked);
      asked.delete("after");
      asked.delete("before");
      asked.set(name, String(cursor));
      void this.#show(asked, true);
    };
    return html`<nav class="pages" aria-label=${t("Pages")}>
      <button ?disabled=${before === null} @click=${() => turn("before", before)}><wa-icon name="chevron-left"></wa-icon>${t("Previous page")}</button>
      <button ?disabled=${after === null} @click=${() => turn("after", after)}>${t("Next page")}<wa-icon name="chevron-right"></wa-icon></button>
    </nav>`;
  }
}

/** @param {Entry} entry */
function row(entry) {
  const time = new Intl.DateTimeFormat(language(), { dateStyle: "medium", timeStyle: "medium" }).format(entry.at_ms);
  const label = actionLabel(entry.action);
  const details = detailLines(entry.detail);
  return html`<tr>
    <td data-label=${t("Time")}>${time}<small class="number">${entry.seq}</small></td>
    <td data-label=${t("Who")}>${named(entry.actor, entry.actor_name)}</td>
    <td data-label=${t("What")}>${label}${label === entry.action ? nothing : html`<small class="mono">${entry.action}</small>`}</td>
    <td data-label=${t("Of what")} class=${entry.object ? "" : "none"}>${target(entry)}</td>
    <td data-label=${t("Details")} class=${details.length ? "" : "none"}>
      ${details.length ? details.map((line) => html`<small class="mono" dir="auto">${line}</small>`) : "–"}
    </td>
  </tr>`;
}

/** @param {string} id @param {string} name */
function named(id, name) {
  if (id === "-") return t("Nobody known");
  return name ? html`${name}<small class="mono">${id}</small>` : html`<span class="mono">${id}</span>`;
}

/** A session leads to its recording, for those who may see it. @param {Entry} entry */
function target({ object, object_name: name }) {
  if (!object) return "–";
  const session = object.match(/^session:([\w-]+)$/)?.[1];
  return session ? html`<a class="mono" href=${`/library/${session}`}>${object}</a>` : named(object, name);
}

/** @param {URLSearchParams} asked */
function query(asked) {
  const wanted = toQuery(asked); // the days
  for (const name of ["actor", "action", "object"]) {
    const value = asked.get(name);
    if (value) wanted.set(name, value);
  }
  return wanted;
}

customElements.define("audit-log", AuditLog);
