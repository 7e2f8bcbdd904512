// How well the call is carried, in one word and three figures, so that "I cannot see you" has an answer.
import { html, nothing } from "lit";
import { msg, t } from "../i18n.js";
import { ConsoleElement } from "./element.js";

/** @typedef {import("../media/peer.js").Statistics} Statistics */

const PERIOD_MS = 2000;
/** Above these the call is worse than good, and worse than fair: round trip in ms, loss in percent. */
const FAIR = { rtt: 200, loss: 2 };
const POOR = { rtt: 500, loss: 8 };
const WORDS = { good: msg("Good connection"), fair: msg("Fair connection"), poor: msg("Poor connection") };

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

  constructor() {
    super();
    /** @type {Statistics | null} */
    this.now = null;
  }

  connectedCallback() {
    super.connectedCallback();
    this.#timer = setInterval(() => void this.#read(), PERIOD_MS);
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    clearInterval(this.#timer);
  }

  async #read() {
    const { peer } = this.app.media;
    const read = peer?.state === "connected" ? await peer.statistics().catch(() => null) : null;
    if (read) this.#loss = lossPercent(this.now, read);
    this.now = read;
  }

  render() {
    if (!this.now) return nothing;
    const rtt = this.now.rtt_ms ?? 0;
    const { width, height, fps } = this.now.received.video0;
    const over = (/** @type {typeof FAIR} */ limit) => rtt > limit.rtt || this.#loss > limit.loss;
    const word = over(POOR) ? "poor" : over(FAIR) ? "fair" : "good";
    return html`<div class="quality ${word}">
      <p role="status"><wa-icon name="gauge"></wa-icon>${t(WORDS[word])}</p>
      <dl>
        <div>
          <dt>${t("Delay")}</dt>
          <dd class="number">${Math.round(rtt)} ms</dd>
        </div>
        <div>
          <dt>${t("Loss")}</dt>
          <dd class="number">${this.#loss.toFixed(1)} %</dd>
        </div>
        <div>
          <dt>${t("Picture")}</dt>
          <dd class="number">${width ? `${width}×${height} · ${Math.round(fps)}` : "–"}</dd>
        </div>
      </dl>
    </div>`;
  }
}

customElements.define("console-quality", ConsoleQuality);
