// Evidence bundles of several recordings, one after the other: few at once, as the server makes one at a time.
import { Refused, drop, post, readJson } from "./requests.js";

/** @typedef {import("./types.js").BundleReport} BundleReport */

/** Bundles of this page that the server keeps at once: others want some too. */
const AT_ONCE = 3;
const POLL_MS = 1500;
/** The pause before the server is asked again that had no room. */
const AGAIN_MS = 8000;

/**
 * One recording of the queue. `state`: waiting (for its turn here), running, done (can be downloaded), taken, asked (for
 * an approval), stopped or failed, with the error's code as `failure`.
 *
 * @typedef {{session: string, state: string, part: number, failure: string}} Item
 */

/** Fires `change` whenever more is known. */
export class ExportQueue extends EventTarget {
  /** @type {Item[]} */ items = [];
  purpose = "";
  #notBefore = 0;
  #ticking = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #timer;

  /** @param {(ms: number, act: () => void) => any} [later] @param {() => number} [now] */
  constructor(later = (ms, act) => setTimeout(act, ms), now = () => Date.now()) {
    super();
    this.later = later;
    this.now = now;
  }

  /** @param {string[]} sessions @param {string} purpose */
  start(sessions, purpose) {
    this.purpose = purpose;
    this.items = sessions.map((session) => ({ session, state: "waiting", part: 0, failure: "" }));
    void this.tick();
  }

  get busy() {
    return this.items.some(({ state }) => state === "waiting" || state === "running");
  }

  /** Nothing more is begun, and what is being made is stopped and removed. What is made stays to be downloaded. */
  async stop() {
    for (const item of this.items) {
      if (item.state === "waiting") item.state = "stopped";
      if (item.state !== "running") continue;
      item.state = "stopped";
      await drop(address(item)).catch(() => null);
    }
    this.#changed();
  }

  /** One step: ask how far those are that were begun, and begin others where there is room. */
  async tick() {
    clearTimeout(this.#timer);
    if (this.#ticking) return;
    this.#ticking = true;
    for (const item of this.items.filter(({ state }) => state === "running" || state === "done")) await this.#look(item);
    for (const item of this.items) {
      const kept = this.items.filter(({ state }) => state === "running" || state === "done").length;
      if (kept >= AT_ONCE || this.now() < this.#notBefore) break;
      if (item.state === "waiting") await this.#begin(item);
    }
    this.#ticking = false;
    this.#changed();
    if (this.items.some(({ state }) => state === "waiting" || state === "running" || state === "done")) {
      this.#timer = this.later(POLL_MS, () => void this.tick());
    }
  }

  /** @param {Item} item */
  async #begin(item) {
    try {
      this.#take(item, await post(`${address(item)}?purpose=${encodeURIComponent(this.purpose)}`));
    } catch (error) {
      const code = error instanceof Refused ? error.code : "unavailable";
      if (code === "rate_limited" || code === "unavailable") this.#notBefore = this.now() + AGAIN_MS;
      else if (code === "approval_required") await this.#ask(item);
      else Object.assign(item, { state: "failed", failure: code });
    }
  }

  /** @param {Item} item */
  async #ask(item) {
    const path = `/api/sessions/${encodeURIComponent(item.session)}/approvals`;
    try {
      await post(path, { kind: "bundle", purpose: this.purpose });
      item.state = "asked";
    } catch (error) {
      Object.assign(item, { state: "failed", failure: error instanceof Refused ? error.code : "unavailable" });
    }
  }

  /** @param {Item} item */
  async #look(item) {
    try {
      this.#take(item, await readJson(address(item)));
      if (item.state === "done" && item.part === 2) {
        // Downloaded to its end: it makes room for the next one.
        await drop(address(item));
        item.state = "taken";
      }
    } catch {
      // It is asked again in a moment.
    }
  }

  /** @param {Item} item @param {BundleReport} report */
  #take(item, report) {
    if (item.state === "stopped") return;
    const states = { none: "stopped", waiting: "running", running: "running", stopped: "stopped", failed: "failed", done: "done" };
    item.state = states[report.state];
    item.part = report.state === "done" ? (report.taken ? 2 : 1) : report.total ? (report.done ?? 0) / report.total : 0;
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}

/** @param {Item} item */
const address = ({ session }) => `/api/sessions/${encodeURIComponent(session)}/bundle`;
