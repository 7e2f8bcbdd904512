// The form that narrows the list: the usual filters, and the rarer ones behind a disclosure.
import { LitElement, html, nothing } from "lit";
import { LanguageController, msg, t } from "../i18n.js";
import { FILTERS, set } from "./address.js";
import { choiceName, outcomeLabel } from "./labels.js";
import { readJson } from "./requests.js";

const TYPING_MS = 300;
const MORE = ["outcome", "rating", "language", "kiosk", "review", "abandoned", "flag"];
const OUTCOMES = ["resolved", "follow_up", "appointment", "referred", "declined", "unresolved", "technical", "other"];

/** @type {[string, string][]} */
const FLAGS = [
  ["written", msg("Somebody wrote something")],
  ["documents", msg("With papers")],
  ["colleagues", msg("With more than two people")],
  ["requeued", msg("Customer waited again")],
  ["incomplete", msg("Recording incomplete")],
  ["restarted", msg("Server restarted")],
  ["elderly", msg("Large type")],
];

export class LibraryFilters extends LitElement {
  /** @type {import("lit").PropertyDeclarations} */
  static properties = { asked: { attribute: false }, choices: { attribute: false }, kiosks: { state: true } };

  /** @type {ReturnType<typeof setTimeout> | undefined} */ #typing;
  #branch = "";

  constructor() {
    super();
    new LanguageController(this);
    this.asked = new URLSearchParams();
    /** @type {Record<string, any>} */
    this.choices = {};
    /** @type {{id: string, name: string}[]} */
    this.kiosks = [];
  }

  createRenderRoot() {
    return this;
  }

  willUpdate() {
    const branch = this.#value("branch");
    if (branch !== this.#branch) void this.#loadKiosks(branch);
  }

  /** @param {string} branch */
  async #loadKiosks(branch) {
    this.#branch = branch;
    this.kiosks = [];
    if (!branch) return;
    const found = await readJson(`/api/library/kiosks?branch=${encodeURIComponent(branch)}`).catch(() => ({ kiosks: [] }));
    if (branch === this.#branch) this.kiosks = found.kiosks;
  }

  /** @param {string} name */
  #value(name) {
    return this.asked.get(name) ?? "";
  }

  /** @param {Record<string, string>} changes */
  #ask(changes) {
    this.dispatchEvent(new CustomEvent("ask", { detail: changes }));
  }

  render() {
    const { branches = [], specialists = [], services = [] } = this.choices;
    const more = set(this.asked, MORE);
    return html`<form class="filters card" role="search" aria-label=${t("Search recordings")} @submit=${this.#submitted}>
      <label class="filter-text">
        <span>${t("Search")}</span>
        <input type="search" name="text" maxlength="100" autocomplete="off" .value=${this.#value("text")} aria-describedby="search-hint"
          placeholder=${t("Chat, notes, names or number")} @input=${this.#typed} />
      </label>
      <label><span>${t("From")}</span><input type="date" .value=${this.#value("from")} max=${this.#value("to") || nothing} @change=${this.#chosen("from")} /></label>
      <label><span>${t("To")}</span><input type="date" .value=${this.#value("to")} min=${this.#value("from") || nothing} @change=${this.#chosen("to")} /></label>
      ${this.#choice("branch", t("Branch"), t("All branches"), branches.map((/** @type {any} */ one) => [one.id, choiceName(one)]))}
      ${this.#choice("specialist", t("Specialist"), t("All specialists"), specialists.map((/** @type {any} */ one) => [one.id, this.#specialist(one, specialists)]))}
      ${this.#choice("service", t("Service"), t("All services"), services.map((/** @type {any} */ one) => [one.id, choiceName(one)]))}
      ${this.#choice("status", t("Status"), t("Any status"), [
        ["live", t("In progress")],
        ["waiting", t("Waiting")],
        ["ended", t("Finished")],
      ])}
      <button type="button" class="clear" ?disabled=${!set(this.asked, FILTERS)} @click=${() => this.#ask(Object.fromEntries(FILTERS.map((name) => [name, ""])))}>
        <wa-icon name="x"></wa-icon>${t("Clear")}
      </button>
      <p class="search-hint muted" id="search-hint">
        ${t("Every word is looked for in names, chat and notes. What was written in a call is found once the call is closed.")}
      </p>
      <details class="filters-more" ?open=${more > 0}>
        <summary>${t("More filters")}${more ? html` <span class="chip">${more}</span>` : nothing}</summary>
        ${this.#more()}
      </details>
    </form>`;
  }

  #more() {
    const branch = this.#value("branch");
    const flags = this.#value("flag").split(",");
    return html`<div class="filters-grid">
      ${this.#choice("outcome", t("Outcome"), t("Any outcome"), [...OUTCOMES.map((code) => /** @type {[string, string]} */ ([code, outcomeLabel(code)])), ["-", t("None")]])}
      ${this.#choice("rating", t("Stars"), t("Any rating"), [...["5", "4", "3", "2", "1"].map((stars) => /** @type {[string, string]} */ ([stars, t("{stars} of 5 stars", { stars })])), ["-", t("Not rated")]])}
      ${this.#choice("language", t("Language"), t("Any language"), [
        ["zh-CN", t("Chinese")],
        ["en", t("English")],
      ])}
      ${this.#choice("kiosk", t("Kiosk"), branch ? t("All kiosks") : t("Choose a branch first"), this.kiosks.map(({ id, name }) => [id, name]), !branch)}
      ${this.#choice("review", t("Assignment"), t("Any"), [
        ["mine", t("Assigned to me")],
        ["mine_done", t("Assigned to me, done")],
        ["open", t("Assigned to somebody")],
        ["done", t("Reviewed")],
      ])}
      <fieldset>
        <legend>${t("Only calls")}</legend>
        ${this.#tick(t("Left before an answer"), Boolean(this.#value("abandoned")), (on) => this.#ask({ abandoned: on ? "1" : "" }))}
        ${FLAGS.map(([flag, label]) => this.#tick(t(label), flags.includes(flag), (on) => this.#flag(flag, on)))}
      </fieldset>
    </div>`;
  }

  /** @param {string} label @param {boolean} on @param {(on: boolean) => void} change */
  #tick(label, on, change) {
    return html`<label class="tick">
      <input type="checkbox" .checked=${on} @change=${(/** @type {Event} */ event) => change(/** @type {HTMLInputElement} */ (event.target).checked)} />
      <span>${label}</span>
    </label>`;
  }

  /** @param {string} flag @param {boolean} on */
  #flag(flag, on) {
    const others = this.#value("flag").split(",").filter((one) => one && one !== flag);
    this.#ask({ flag: (on ? [...others, flag] : others).join(",") });
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

  /** @param {string} name @param {string} label @param {string} all @param {[string, string][]} options @param {boolean} [disabled] */
  #choice(name, label, all, options, disabled = false) {
    const chosen = this.#value(name);
    return html`<label>
      <span>${label}</span>
      <select ?disabled=${disabled} @change=${this.#chosen(name)}>
        <option value="" ?selected=${!chosen}>${all}</option>
        ${options.map(([value, text]) => html`<option value=${value} ?selected=${value === chosen}>${text}</option>`)}
      </select>
    </label>`;
  }

  /** @param {string} name */
  #chosen(name) {
    return (/** @type {Event} */ event) => this.#ask({ [name]: /** @type {HTMLInputElement} */ (event.target).value });
  }

  /** @param {Event} event */
  #typed(event) {
    const { value } = /** @type {HTMLInputElement} */ (event.target);
    clearTimeout(this.#typing);
    this.#typing = setTimeout(() => this.#ask({ text: value.trim() }), TYPING_MS);
  }

  /** Enter searches at once. @param {SubmitEvent} event */
  #submitted(event) {
    event.preventDefault();
    clearTimeout(this.#typing);
    const field = /** @type {HTMLInputElement | null} */ (this.querySelector("input[name=text]"));
    this.#ask({ text: field?.value.trim() ?? "" });
  }
}

customElements.define("library-filters", LibraryFilters);
