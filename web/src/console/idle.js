// The middle of the console without a call: ready or not, and whether camera and microphone work.
import { html, nothing } from "lit";
import { msg, t } from "../i18n.js";
import { deviceTrouble, troubleSummary } from "./devices.js";
import { ConsoleElement } from "./element.js";
import { branchName, languageName, serviceName } from "./labels.js";
import "./level-meter.js";
import "./video-tile.js";

/** Why no calls come, where the specialist did not choose it. @type {Record<string, string>} */
const PAUSED = {
  missed: msg("A call rang here and was not answered, so no more come. Switch on “Take calls” when you are back."),
  lost: msg("You were away from a call for too long, so no more come. Switch on “Take calls” when you are back."),
  overdue: msg("The last call was not finished in time, so no more come. Switch on “Take calls” when you are back."),
};

/** What became of a call that ended without its specialist: in short, and what it means. @type {Record<string, [string, string]>} */
const GONE = {
  requeued: [
    msg("The call went on without you"),
    msg("Your connection was away for too long. The customer is first in line and goes to the next specialist who is free."),
  ],
  not_allowed: [
    msg("This call is not yours any more"),
    msg("An administrator has changed which branches you work for. The customer is first in line and goes to another specialist."),
  ],
  overdue: [
    msg("The time to say how the call went is over"),
    msg("What you had entered until then has been saved."),
  ],
  left: [msg("You left the call"), msg("The call goes on with the specialist who leads it.")],
  removed: [msg("You were shown out of the call"), msg("The call goes on with the specialist who leads it.")],
  revoked: [msg("This call is not yours any more"), msg("The call goes on with the specialist who leads it.")],
  lost: [msg("The call went on without you"), msg("The call goes on with the specialist who leads it.")],
  ended: [msg("The call is over"), msg("The specialist who led it says how it went.")],
  over: [msg("The call is over"), msg("It ended while this page was not connected.")],
};

export class ConsoleIdle extends ConsoleElement {
  static ticking = true;

  render() {
    const { presence, config, paused } = this.state;
    const ready = presence === "available" || presence === "ringing";
    return html`<section class="idle" aria-labelledby="idle-title">
      <div class="idle-words">
        ${this.#gone()}
        <h1 id="idle-title">${ready ? t("Ready for the next customer") : t("You are not taking calls")}</h1>
        <p class="muted">
          ${
            ready
              ? t("It rings here, in this window. Answer with Enter.")
              : (PAUSED[paused] ? t(PAUSED[paused]) : t("Switch on “Take calls” when you are at your desk."))
          }
        </p>
        ${
          ready && this.app.ringtone.blocked
            ? html`<p class="callout warning" role="status">
                ${t("Click or press any key once, so that calls can ring aloud.")}
              </p>`
            : nothing
        }
        ${
          ready || !config
            ? nothing
            : html`<wa-button
                variant="brand"
                appearance="accent"
                size="l"
                @click=${() => void this.app.desk.setAvailable(true)}
              >
                <wa-icon slot="start" name="headset"></wa-icon>${t("Take calls")}<kbd aria-hidden="true">A</kbd>
              </wa-button>`
        }
        ${
          config
            ? html`<dl class="skills">
                <div>
                  <dt>${t("Your services")}</dt>
                  <dd>
                    ${config.services.map((service) => html`<span class="chip"><wa-icon name=${service.icon}></wa-icon>${serviceName(service)}</span>`)}
                  </dd>
                </div>
                <div>
                  <dt>${t("Your languages")}</dt>
                  <dd>
                    ${config.languages.map((code) => html`<span class="chip" lang=${code}>${languageName(code)}</span>`)}
                  </dd>
                </div>
              </dl>`
            : nothing
        }
      </div>
      ${this.#devices()}
    </section>`;
  }

  /** A call that ended without its specialist: what happened, and what comes next. */
  #gone() {
    const { gone, takesCalls } = this.state;
    if (!gone) return nothing;
    const { session, reason } = gone;
    const [title, what] = GONE[reason] ?? GONE.over;
    return html`<div class="callout warning gone" role="alert">
      <div>
        <strong>${t(title)}</strong>
        ${session ? html`<p>${session.kiosk_name} ·&nbsp;${branchName(session)} ·&nbsp;${serviceName(session.service)}</p>` : nothing}
        <p>
          ${t(what)}
          ${takesCalls ? t("The next call rings here as usual.") : t("No call comes to you until you switch on “Take calls”.")}
        </p>
      </div>
      <button class="icon" aria-label=${t("Close")} @click=${() => this.app.store.set({ gone: null })}>
        <wa-icon name="x"></wa-icon>
      </button>
    </div>`;
  }

  #devices() {
    const { media } = this.app;
    const { devices, local } = media;
    const summary = troubleSummary(devices);
    const off = devices.camera === "off";
    return html`<section class="device-check card" aria-labelledby="devices-title">
      <h2 id="devices-title">${t("Camera and microphone")}</h2>
      <div class="tile self">
        <video-tile
          mirrored
          .track=${local.camera}
          label=${t("Your own picture")}
          icon=${off ? "camera" : "video-off"}
          empty=${off ? t("Starts when you take calls.") : (deviceTrouble(devices, "camera") ?? t("Starting your camera…"))}
        ></video-tile>
      </div>
      <ul class="device-list">
        ${this.#device("video", t("Camera"), "camera")} ${this.#device("mic", t("Microphone"), "microphone")}
      </ul>
      <level-meter .track=${local.microphone} label=${t("Level of your microphone")}></level-meter>
      ${
        summary
          ? html`<div class="callout warning" role="status">
              <p>${summary}</p>
              <wa-button size="s" appearance="outlined" variant="warning" @click=${() => void media.warmUp()}>
                <wa-icon slot="start" name="refresh-cw"></wa-icon>${t("Try again")}
              </wa-button>
            </div>`
          : nothing
      }
    </section>`;
  }

  /**
   * @param {string} icon
   * @param {string} label
   * @param {"microphone" | "camera"} name
   */
  #device(icon, label, name) {
    const state = this.app.media.devices[name];
    const trouble = deviceTrouble(this.app.media.devices, name);
    const text = trouble ?? (state === "on" ? t("Works") : state === "asking" ? t("Starting…") : t("Off"));
    return html`<li class=${trouble ? "bad" : state}>
      <wa-icon name=${icon}></wa-icon><span>${label}</span><strong>${text}</strong>
    </li>`;
  }
}

customElements.define("console-idle", ConsoleIdle);
