// The bar on top of the library's pages and of the audit log.
import { LitElement, html, nothing } from "lit";
import { LANGUAGES, LanguageController, language, setLanguage, t } from "../i18n.js";
import { pageData } from "../link/login.js";
import "./review.js";

export class LibraryTopbar extends LitElement {
  constructor() {
    super();
    new LanguageController(this);
  }

  createRenderRoot() {
    return this;
  }

  render() {
    const other = language() === "en" ? "zh-CN" : "en";
    const { name = "", roles = [], auditor = false } = pageData();
    const audit = location.pathname === "/audit";
    return html`
      <a class="brand" href="/library"><img src="/static/images/visavis.svg" alt="" />Visavis</a>
      <span class="topbar-title">${audit ? t("Audit log") : t("Recordings")}</span>
      <span class="topbar-gap"></span>
      <library-review></library-review>
      ${audit && roles.includes("supervisor") ? html`<a class="quiet" href="/library">${t("Recordings")}</a>` : nothing}
      ${auditor && !audit ? html`<a class="quiet" href="/audit">${t("Audit log")}</a>` : nothing}
      ${roles.includes("specialist") ? html`<a class="quiet" href="/console">${t("Console")}</a>` : nothing}
      <button class="quiet" lang=${other} @click=${() => void setLanguage(other)}>
        <wa-icon name="languages"></wa-icon><span>${LANGUAGES[other]}</span>
      </button>
      <span class="topbar-name"><wa-icon name="circle-user"></wa-icon>${name}</span>
      <form method="post" action="/logout">
        <button class="quiet" aria-label=${t("Sign out")} title=${t("Sign out")}><wa-icon name="log-out"></wa-icon></button>
      </form>
    `;
  }
}

customElements.define("library-topbar", LibraryTopbar);
