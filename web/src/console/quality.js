// Quality of the call: the server's judgement of both networks, and three figures measured here.
import { html, nothing } from "lit";
import { t } from "../i18n.js";
import { ConsoleElement } from "./element.js";
import { networkWords } from "./network.js";

/** @typedef {import("../media/peer.js").Statistics} Statistics */

const PERIOD_MS = 2000;

/**
 * Loss of the customer's sound and picture between two readings, in percent.
 *
 * @param {Statistics | null} before
 * @param {Statistics} now
 */
function lossPercent(before, now) {
  let lost = 0;
  let packets = 0;
  for (const slot of /** @type {const} */ (["audio0", "video0", "video1"])) {
    lost += now.received[slot].lost - (before?.received[slot].lost ?? 0);
    packets += now.received[slot].packets - (before?.received[slot].packets ?? 0);
  }
  return packets > 0 ? Math.max(0, (lost / (packets + Math.max(0, lost))) * 100) : 0;
}

export class ConsoleQuality extends ConsoleElement {
  /** @type {import("lit").PropertyDeclarations} */
  static properties = { now: { state: true } };

  /** @type {ReturnType<typeof setInterval> | undefined} */ #timer;
  #loss = 0;
  #arriving = false;

  constructor() {
    super();
    /** @type {Statistics | null} */
    this.now = null;
  }

  connectedCallback() {
    super.connectedCallback();
    this.#timer = setInterval(() => void this.#read(), PERIOD_MS);
    this.app.media.addEventListener("change", this.#arrived);
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    clearInterval(this.#timer);
    this.app.media.removeEventListener("change", this.#arrived);
  }

  /** The first picture or sound: figures for it now, and not when it is time again. */
  #arrived = () => {
    const { arriving } = this.app.media;
    if (arriving && !this.#arriving) void this.#read();
    this.#arriving = arriving;
  };

  async #read() {
    const { peer } = this.app.media;
    const read = peer?.state === "connected" ? await peer.statistics().catch(() => null) : null;
    if (read) this.#loss = lossPercent(this.now, read);
    this.now = read;
  }

  render() {
    const { media } = this.app;
    const now = media.connection === "connected" ? this.now : null;
    const measured = now !== null || media.arriving;
    const { level, lines, next, elsewhere } = networkWords(this.state, media, measured);
    return html`<div class="quality ${level}" role="group" tabindex="0" aria-label=${t("Network")}>
      <div role="status" aria-live="polite">
        ${lines.map(
          ({ level, icon, text }) =>
            html`<p class=${level} aria-hidden=${elsewhere}><wa-icon name=${icon}></wa-icon>${text}</p>`,
        )}
        ${next ? html`<p class="next">${next}</p>` : nothing}
      </div>
      ${now ? this.#figures(now) : nothing}
    </div>`;
  }

  /** @param {Statistics} now */
  #figures(now) {
    const { width, height, fps } = now.received.video0;
    return html`<dl>
      <div>
        <dt>${t("Your delay")}</dt>
        <dd class="number">${Math.round(now.rtt_ms ?? 0)} ms</dd>
      </div>
      <div>
        <dt>${t("Your loss")}</dt>
        <dd class="number">${this.#loss.toFixed(1)} %</dd>
      </div>
      <div>
        <dt>${t("Picture")}</dt>
        <dd class="number">${width ? `${width}×${height} · ${Math.round(fps)}` : "–"}</dd>
      </div>
    </dl>`;
  }
}

customElements.define("console-quality", ConsoleQuality);
