// How well the call is carried: what the server says of both networks, and three figures, so that "I cannot see you" has
// an answer.
import { html, nothing } from "lit";
import { msg, t } from "../i18n.js";
import { ConsoleElement } from "./element.js";

/** @typedef {import("../media/peer.js").Statistics} Statistics */

const PERIOD_MS = 2000;

/** @type {Record<string, Record<string, string>>} */
const NETWORKS = {
  kiosk: {
    weak: msg("Customer's network is weak: {reason}"),
    bad: msg("Customer's network is poor: {reason}"),
  },
  specialist: {
    weak: msg("Your network is weak: {reason}"),
    bad: msg("Your network is poor: {reason}"),
  },
};
/** @type {Record<string, string>} */
const REASONS = {
  loss: msg("packets are lost"),
  delay: msg("long delay"),
  bandwidth: msg("little bandwidth"),
  silent: msg("nothing arrives"),
};
/** What to expect, by quality and reason. @type {Record<string, Record<string, string>>} */
const NEXT = {
  weak: {
    delay: msg("Answers come later: let the customer finish each sentence."),
    other: msg("Pictures may be less sharp; the sound goes first."),
  },
  bad: {
    delay: msg("Answers come much later: speak in turns. The call goes on."),
    silent: msg("The call stays open and reconnects by itself."),
    other: msg("Picture and sound may stop for moments; the call goes on and reconnects by itself."),
  },
};

/** The server's word on one participant's network. @param {import("../link/messages.js").Network} network */
function networkText({ participant, quality, reason }) {
  const text = (NETWORKS[participant] ?? NETWORKS.kiosk)[quality];
  return text ? t(text, { reason: REASONS[reason] ? t(REASONS[reason]) : reason }) : quality;
}

/** What follows from the worse of them. @param {import("../link/messages.js").Network[]} networks */
function nextText(networks) {
  const { quality, reason } = networks.find(({ quality }) => quality === "bad") ?? networks[0];
  const next = NEXT[quality] ?? NEXT.weak;
  return t(next[reason] ?? next.other);
}

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
    const { session } = this.state;
    const { connection, arriving } = this.app.media;
    const now = connection === "connected" ? this.now : null;
    const networks = session?.state === "active" ? (session.network ?? []) : [];
    const worst = networks.some(({ quality }) => quality === "bad") ? "bad" : "weak";
    const word = networks.length ? worst : "good";
    return html`<div class="quality ${word}" role="group" tabindex="0" aria-label=${t("Network")}>
      <div role="status" aria-live="polite">
        ${
          networks.length
            ? networks.map((network) => html`<p><wa-icon name="triangle-alert"></wa-icon>${networkText(network)}</p>`)
            : now || (arriving && connection === "connected")
              ? html`<p><wa-icon name="gauge"></wa-icon>${t("Good connection")}</p>`
              : html`<p><wa-icon name="loader"></wa-icon>${t("Connecting sound and picture…")}</p>`
        }
        ${networks.length ? html`<p class="next">${nextText(networks)}</p>` : nothing}
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
