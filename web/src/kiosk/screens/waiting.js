// Waiting for an expert: position, expected waiting time, and the alternatives.
import { html, nothing } from "lit";
import { live } from "lit/directives/live.js";
import { formatDuration, t } from "../../i18n.js";
import { Elapsed, KioskElement, Ticker } from "../element.js";
import { serviceName } from "../labels.js";
import { deviceNote, errorNote, helpAsked, helpButton, recordingNote, wayToServer } from "./parts.js";
import { hasForm } from "../form/catalogue.js";

class KioskWaiting extends KioskElement {
  #elapsed = new Elapsed();

  constructor() {
    super();
    new Ticker(this);
  }

  /** @override */
  render() {
    const { session, form, elderly, online } = this.state;
    if (!session) return nothing;
    const ringing = online && session.state === "ringing";
    return html`
      <div class="sheet waiting" data-tone=${session.staffed ? "calm" : "alone"}>
        ${session.recording.length ? recordingNote(session, wayToServer(this.kiosk)) : nothing}
        <p class="eyebrow"><wa-icon name=${session.service.icon}></wa-icon>${serviceName(session.service)}</p>
        <div class="waiting-main">
          <div class="place ${ringing ? "ringing" : ""}" aria-hidden="true">
            ${online && !ringing && session.staffed && session.position > 0
              ? html`<b>${session.position}</b>`
              : html`<wa-icon name=${this.#sign(session)}></wa-icon>`}
          </div>
          <div class="waiting-text" role="status" aria-live="polite">
            <h1>${this.#headline(session)}</h1>
            <p class="lead">${this.#detail(session)}</p>
          </div>
        </div>
        ${helpAsked(this.kiosk)} ${deviceNote(this.kiosk)} ${errorNote(this.kiosk)}
        <p class="waited">
          <wa-icon name="clock"></wa-icon>${t("You have been waiting for {time}", {
            time: formatDuration(this.#elapsed.now(session.waited_s)),
          })}
        </p>
        ${form || elderly || !session.staffed ? nothing : this.#selfView(session)}
        <div class="actions">
          <button class="button quiet" type="button" @click=${() => this.kiosk.leave()}>
            <wa-icon name="x"></wa-icon>${t("Stop waiting")}
          </button>
          ${helpButton(this.kiosk, session.staffed ? "help" : "nobody_available")}
          ${!form && hasForm(session.service)
            ? html`<button class="button" type="button" @click=${() => this.kiosk.openForm()}>
                <wa-icon name="square-pen"></wa-icon>${t("Begin with the form")}
              </button>`
            : nothing}
        </div>
      </div>
    `;
  }

  /** @param {import("../state.js").Session} session */
  #sign(session) {
    if (!this.state.online) return "wifi-off";
    if (session.state === "ringing") return "phone-call";
    return session.staffed ? "hourglass" : "users-round";
  }

  /** @param {import("../state.js").Session} session */
  #headline(session) {
    // The server's last estimate is outdated; do not show it.
    if (!this.state.online) return t("The connection is interrupted");
    if (session.state === "ringing") return t("An expert is being called");
    if (session.requeued) {
      const next = session.staffed && session.position <= 1;
      return next ? t("The connection to your expert was lost. You are next.") : t("The connection to your expert was lost");
    }
    if (!session.staffed) return t("No expert for this is on duty just now");
    if (session.position <= 1) return t("You are next");
    return t("You are number {position} in line", { position: session.position });
  }

  /** @param {import("../state.js").Session} session */
  #detail(session) {
    if (!this.state.online) return t("We are restoring it. If it takes longer, please speak to the lobby staff.");
    if (session.state === "ringing") return t("Please stay in front of the screen. It takes a few seconds.");
    if (!session.staffed && session.requeued) {
      return t("No other expert for this is on duty just now. You are called as soon as one comes. Or let the lobby staff help you now.");
    }
    if (!session.staffed) {
      return t("You can keep your place: you are called as soon as an expert comes. Or let the lobby staff help you now.");
    }
    if (session.wait_s === null) return t("We cannot say yet how long it will take. Thank you for your patience.");
    if (session.wait_s < 60) return t("It will take less than a minute.");
    return t("It will take about {minutes} minutes.", { minutes: Math.max(2, Math.ceil(session.wait_s / 60)) });
  }

  /** @param {import("../state.js").Session} session */
  #selfView(session) {
    const { self } = this.kiosk.capture;
    if (!self) return nothing;
    return html`<figure class="preview">
      <video class="self" aria-label=${t("Your own picture")} autoplay muted playsinline .srcObject=${live(self)}></video>
      ${session.recording.length
        ? nothing
        : html`<figcaption>${t("This is how the expert will see you. Nobody sees you yet.")}</figcaption>`}
    </figure>`;
  }
}

customElements.define("kiosk-waiting", KioskWaiting);
