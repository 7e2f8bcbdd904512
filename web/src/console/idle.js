// The middle of the console while no call is there: ready or not, and whether camera and microphone work.
import { html, nothing } from "lit";
import { t } from "../i18n.js";
import { deviceTrouble, troubleSummary } from "./devices.js";
import { ConsoleElement } from "./element.js";
import { languageName, serviceName } from "./labels.js";
import "./level-meter.js";
import "./video-tile.js";

export class ConsoleIdle extends ConsoleElement {
  static ticking = true;

  render() {
    const { presence, config } = this.state;
    const ready = presence === "available" || presence === "ringing";
    return html`<section class="idle" aria-labelledby="idle-title">
      <div class="idle-words">
        <h1 id="idle-title">${ready ? t("Ready for the next customer") : t("You are not taking calls")}</h1>
        <p class="muted">
          ${
            ready
              ? t("It rings here, in this window. Answer with Enter.")
              : t("Switch on “Take calls” when you are at your desk.")
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
