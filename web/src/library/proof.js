// Verification of a recording (`visavis verify`) by the server: request and result.
import { Refused, post, readJson } from "./requests.js";

/** @typedef {import("./types.js").ProofReport} ProofReport */

const POLL_MS = 1000;

/** Fires `change` whenever more is known. */
export class Proof extends EventTarget {
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #polling;
  #asked = false;

  /** @param {string} session */
  constructor(session) {
    super();
    this.address = `/api/sessions/${encodeURIComponent(session)}/proof`;
    /** @type {ProofReport | null} */
    this.report = null;
    /** Why there is no answer: the code of the server's error. */
    this.failure = "";
  }

  get busy() {
    return this.report?.state === "waiting" || this.report?.state === "running";
  }

  /** Request the check once; a result that the server has already is used. */
  begin() {
    if (this.#asked) return;
    this.#asked = true;
    void this.#take(post(this.address));
  }

  /** Check now, whatever was said before. */
  again() {
    if (!this.busy) void this.#take(post(`${this.address}?again=1`));
  }

  /** @param {Promise<ProofReport>} answer @returns {Promise<void>} */
  async #take(answer) {
    clearTimeout(this.#polling);
    try {
      const report = await answer;
      // The server drops a waiting check that nobody polled for a while.
      if (report.state === "none") return await this.#take(post(this.address));
      this.report = report;
      this.failure = "";
    } catch (error) {
      this.failure = error instanceof Refused ? error.code : "unavailable";
    }
    if (this.busy) this.#polling = setTimeout(() => void this.#take(readJson(this.address)), POLL_MS);
    this.dispatchEvent(new Event("change"));
  }
}
