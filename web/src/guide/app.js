// The lobby guide's phone page: requests for help, and the state of every kiosk of the branch.
import { LitElement, html, nothing } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { LANGUAGES, LanguageController, formatDuration, language, msg, setLanguage, t } from "../i18n.js";

/** @typedef {import("./branch.js").KioskStatus} KioskStatus */

/** @type {Record<string, string>} */
const REASONS = {
  help: msg("Needs help at the kiosk"),
  customer: msg("Needs help at the kiosk"),
  document: msg("Needs help with a paper"),
  technical: msg("The kiosk has a problem"),
  nobody_available: msg("No expert is there just now"),
  not_recorded: msg("Calls cannot be recorded just now"),
  specialist: msg("The expert asks for somebody"),
};

/** @type {Record<string, {text: string, icon: string, kind: string}>} */
const STATES = {
  offline: { text: msg("Out of reach"), icon: "unplug", kind: "offline" },
  idle: { text: msg("Free"), icon: "circle-check", kind: "idle" },
  waiting: { text: msg("Waiting for an expert"), icon: "hourglass", kind: "waiting" },
  ringing: { text: msg("Waiting for an expert"), icon: "hourglass", kind: "waiting" },
  active: { text: msg("With an expert"), icon: "headset", kind: "active" },
  held: { text: msg("With an expert, on hold"), icon: "pause", kind: "active" },
  ended: { text: msg("Call ended"), icon: "phone-off", kind: "idle" },
  closed: { text: msg("Free"), icon: "circle-check", kind: "idle" },
};

export class GuideApp extends LitElement {
  /** @type {import("lit").PropertyDeclarations} */
  static properties = { branch: { attribute: false }, alarm: { attribute: false }, name: { type: String } };

  #update = () => {
    this.#sound();
    this.requestUpdate();
  };
  /** @type {ReturnType<typeof setInterval> | undefined} */ #clock;

  constructor() {
    super();
    /** @type {import("./branch.js").Branch} */
    this.branch = /** @type {any} */ (undefined);
    /** @type {import("./alarm.js").Alarm} */
    this.alarm = /** @type {any} */ (undefined);
    /** The guide's own name, as the server shows it to others. */
    this.name = "";
    new LanguageController(this);
  }

  createRenderRoot() {
    return this;
  }

  connectedCallback() {
    super.connectedCallback();
    this.branch.addEventListener("change", this.#update);
    this.#clock = setInterval(() => this.requestUpdate(), 1000);
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.branch.removeEventListener("change", this.#update);
    clearInterval(this.#clock);
  }

  #sound() {
    if (this.branch.asking.length) this.alarm.start(t("A customer needs you"));
    else this.alarm.stop();
  }

  #toggleSound() {
    this.alarm.silent = !this.alarm.silent;
    if (this.alarm.silent) this.alarm.stop();
    else this.#sound();
    this.requestUpdate();
  }

  render() {
    const { kiosks, known, closed, link } = this.branch;
    const called = kiosks.filter(({ assistance }) => assistance);
    return html`
      ${this.#bar()} ${this.#link()}
      ${
        closed
          ? this.#closed(closed)
          : html`<main class="guide">
              <h1 class="visually-hidden">${t("Lobby guide")}</h1>
              ${this.branch.trouble ? html`<p class="guide-trouble" role="alert">${t("That did not work. Please try again.")}</p>` : nothing}
              <div class="calls" role="region" aria-live="assertive" aria-label=${t("Customers who need somebody")}>
                ${repeat(
                  called,
                  ({ kiosk }) => kiosk,
                  (kiosk) => this.#call(kiosk),
                )}
                ${
                  known && !called.length
                    ? html`<div class="quiet-card">
                        <wa-icon name=${link === "open" ? "circle-check" : "wifi-off"}></wa-icon>
                        <p>${link === "open" ? t("Nobody needs you just now.") : t("Not known while there is no connection.")}</p>
                      </div>`
                    : nothing
                }
              </div>
              <section aria-labelledby="kiosks-title">
                <h2 id="kiosks-title">${t("Kiosks of the branch")}</h2>
                ${
                  known
                    ? html`<ul class="kiosks">
                        ${repeat(
                          kiosks,
                          ({ kiosk }) => kiosk,
                          (kiosk) => this.#kiosk(kiosk),
                        )}
                      </ul>`
                    : html`<p class="muted">${t("Loading…")}</p>`
                }
                ${known && !kiosks.length ? html`<p class="muted">${t("No kiosk belongs to your branch.")}</p>` : nothing}
              </section>
            </main>`
      }
    `;
  }

  #bar() {
    const other = language() === "en" ? "zh-CN" : "en";
    return html`<header class="topbar">
      <a class="brand" href="/guide"><img src="/static/images/visavis.svg" alt="" />Visavis</a>
      <span class="guide-name">${this.name}</span>
      <button aria-pressed=${!this.alarm.silent} aria-label=${t("Alert sound")} @click=${() => this.#toggleSound()}>
        <wa-icon name=${this.alarm.silent ? "volume-x" : "bell-ring"}></wa-icon>
      </button>
      <button lang=${other} @click=${() => void setLanguage(other)}>${LANGUAGES[other]}</button>
      <form method="post" action="/logout">
        <button aria-label=${t("Sign out")}><wa-icon name="log-out"></wa-icon></button>
      </form>
    </header>`;
  }

  #link() {
    const { link } = this.branch;
    const words = {
      connecting: t("Connecting…"),
      open: t("Live"),
      lost: t("Connection lost. Trying again…"),
      closed: t("Not connected"),
    };
    return html`<p class="guide-link ${link}" role="status">
      <span class="lamp"></span>${words[link]}
      ${link === "open" && this.alarm.blocked ? html`<strong>${t("Tap once so that alerts can sound.")}</strong>` : nothing}
    </p>`;
  }

  /** @param {string} code */
  #closed(code) {
    const login = code === "not_authenticated";
    return html`<main class="guide">
      <div class="quiet-card" role="alert">
        <wa-icon name=${login ? "lock" : "unplug"}></wa-icon>
        <p>
          ${
            login
              ? t("You are signed out. Please sign in again.")
              : code === "replaced"
                ? t("This page was opened on another phone or in another window.")
                : t("The connection has been closed.")
          }
        </p>
        <a class="big-button" href=${login ? "/login?next=/guide" : "/guide"}
          >${login ? t("Sign in") : t("Use this window")}</a
        >
      </div>
    </main>`;
  }

  /** @param {KioskStatus} kiosk */
  #call(kiosk) {
    const mine = kiosk.taken_by !== "" && kiosk.taken_by === this.name;
    const busy = this.branch.busy.has(kiosk.kiosk) || this.branch.link !== "open";
    const seconds = kiosk.assistance_s + (performance.now() - this.branch.at) / 1000;
    return html`<article class="call ${kiosk.taken_by ? "taken" : "asking"}">
      <header>
        <wa-icon name=${kiosk.taken_by ? "user-check" : "bell-ring"}></wa-icon>
        <h2>${kiosk.name}</h2>
        <span class="number" role="timer">${formatDuration(seconds)}</span>
      </header>
      <p>${t(REASONS[kiosk.assistance ?? "help"] ?? REASONS.help)}</p>
      ${
        kiosk.taken_by === ""
          ? html`<button
              class="big-button accent"
              ?disabled=${busy}
              @click=${() => void this.branch.take(kiosk.kiosk, false)}
            >
              ${t("I am going")}
            </button>`
          : mine
            ? html`<button
                class="big-button"
                ?disabled=${busy}
                @click=${() => void this.branch.take(kiosk.kiosk, true)}
              >
                <wa-icon name="check"></wa-icon>${t("Done")}
              </button>`
            : html`<p class="taken-by">
                <wa-icon name="user-check"></wa-icon>${t("{name} is going", { name: kiosk.taken_by })}
              </p>`
      }
    </article>`;
  }

  /** @param {KioskStatus} kiosk */
  #kiosk(kiosk) {
    const state = STATES[kiosk.online ? (kiosk.session_state ?? "idle") : "offline"] ?? STATES.idle;
    return html`<li class=${state.kind}>
      <span class="kiosk-icon"><wa-icon name=${state.icon}></wa-icon></span>
      <strong>${kiosk.name}</strong>
      <span class="kiosk-state">${t(state.text)}</span>
    </li>`;
  }
}

customElements.define("guide-app", GuideApp);
