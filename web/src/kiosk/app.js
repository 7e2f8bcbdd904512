// The kiosk page: wires the connection, the session logic and the screens together.
import { html, nothing } from "lit";
import { keyed } from "lit/directives/keyed.js";
import "webawesome";
import { language, languageEvents, t } from "../i18n.js";
import { Connection } from "../link/connection.js";
import { KioskElement } from "./element.js";
import { keepFocus } from "./focus.js";
import { IdleTimer } from "./idle.js";
import { Kiosk, idleLimit, idleWarning } from "./kiosk.js";
import { showHand } from "./overlay.js";
import { isOpen, screenOf } from "./state.js";
import "./form/form.js";
import "./screens/call.js";
import "./screens/desk.js";
import "./screens/dialogs.js";
import "./screens/farewell.js";
import "./screens/header.js";
import "./screens/home.js";
import "./screens/notice.js";
import "./screens/document.js";
import "./screens/services.js";
import "./screens/unrecorded.js";
import "./screens/waiting.js";

/** Draws the screen that the state asks for. An open form stays the same element through all of them. */
class KioskApp extends KioskElement {
  /** @override */
  render() {
    const { kiosk, state } = this;
    const screen = screenOf(state);
    const beside = screen === "call" || screen === "waiting";
    const form = state.form && (beside || screen === "home");
    const asked = state.ending || state.idleLeft !== null;
    return html`
      <kiosk-header role="banner" ?inert=${asked} .kiosk=${kiosk}></kiosk-header>
      <main class=${form ? "with-form" : ""} ?inert=${asked} data-screen=${screen}>
        ${screen === "call"
          ? html`<kiosk-call class="stage" .kiosk=${kiosk}></kiosk-call>`
          : screen === "waiting"
            ? html`<kiosk-waiting class="stage" .kiosk=${kiosk}></kiosk-waiting>`
            : nothing}
        <div class="work" ?hidden=${screen === "waiting" && !state.form}>
          ${state.form
            ? keyed(state.visit, html`<kiosk-form ?hidden=${!form} .kiosk=${kiosk}></kiosk-form>`)
            : nothing}
          ${form ? nothing : this.#other(screen)}
        </div>
      </main>
      <kiosk-document ?inert=${asked} .kiosk=${kiosk}></kiosk-document>
      <kiosk-dialogs .kiosk=${kiosk}></kiosk-dialogs>
    `;
  }

  /** @param {import("./state.js").Screen} screen */
  #other(screen) {
    const { kiosk } = this;
    switch (screen) {
      case "home":
        return html`<kiosk-home .kiosk=${kiosk}></kiosk-home>`;
      case "services":
        return html`<kiosk-services .kiosk=${kiosk}></kiosk-services>`;
      case "notice":
        return html`<kiosk-notice .kiosk=${kiosk}></kiosk-notice>`;
      case "unrecorded":
        return html`<kiosk-unrecorded .kiosk=${kiosk}></kiosk-unrecorded>`;
      case "call":
        return html`<kiosk-desk .kiosk=${kiosk}></kiosk-desk>`;
      case "rating":
        return html`<kiosk-rating .kiosk=${kiosk}></kiosk-rating>`;
      case "thanks":
        return html`<kiosk-thanks .kiosk=${kiosk}></kiosk-thanks>`;
      case "starting":
        return html`<div class="sheet starting" role="status">
          <span class="seal"><wa-icon name="loader"></wa-icon></span>
          <h1>${t("One moment, please.")}</h1>
          <p class="lead">${t("The kiosk is connecting. You can speak to the lobby staff meanwhile.")}</p>
        </div>`;
      default:
        return nothing;
    }
  }
}

customElements.define("kiosk-app", KioskApp);

const settings = JSON.parse(document.getElementById("page-data")?.textContent ?? "{}");
const kiosk = new Kiosk(new Connection("/ws/page"));
const app = /** @type {KioskApp} */ (document.createElement("kiosk-app"));
app.kiosk = kiosk;
document.getElementById("kiosk")?.append(app);
showHand(kiosk);
keepFocus(app, kiosk);

/** What must survive a reload: that no call can be recorded. Nothing of the customer is kept. */
const KEPT = "visavis.unrecorded";
const kept = sessionStorage.getItem(KEPT);
if (kept) kiosk.tellUnrecorded(JSON.parse(kept));
kiosk.addEventListener("change", () => {
  const { view, brokenOff, elderly, service } = kiosk.state;
  if (view === "unrecorded") sessionStorage.setItem(KEPT, JSON.stringify({ brokenOff, elderly, service }));
  else sessionStorage.removeItem(KEPT);
});

const idle = new IdleTimer({
  limit: () => idleLimit(kiosk.state, settings.idle_s ?? 90),
  warning: () => idleWarning(kiosk.state),
  onLeft: (left) => kiosk.setIdle(left),
  onOver: () => kiosk.finish(),
});

/** Classes that the style sheet needs on the root element. */
function dress() {
  const { elderly, session } = kiosk.state;
  document.documentElement.classList.toggle("elderly", elderly);
  document.documentElement.classList.toggle("in-call", isOpen(session));
}
kiosk.addEventListener("change", dress);
kiosk.addEventListener("stay", () => idle.touch());
kiosk.addEventListener("visit", () => scrollTo(0, 0));
languageEvents.addEventListener("change", () => (document.title = `${t("Remote expert")} · ${language()}`));
dress();

// A double tap counts once: the second tap must not hit what the first one has brought up, least of all a consent.
addEventListener(
  "click",
  (event) => {
    if (event.detail < 2) return;
    event.preventDefault();
    event.stopImmediatePropagation();
  },
  { capture: true },
);

// A kiosk has no context menus, zooming or dragging.
for (const type of ["contextmenu", "dragstart", "gesturestart"]) addEventListener(type, (event) => event.preventDefault());
addEventListener("wheel", (event) => event.ctrlKey && event.preventDefault(), { passive: false });

// Shows a page of ours when the page is reloaded while the kiosk client is down.
void navigator.serviceWorker?.register("/away-worker.js").catch(() => undefined);
