// Bookmarks of a recording and reviewers' notes: everybody's are read, one's own are changed.
import { Refused, readJson, send } from "./requests.js";

/** @typedef {{id: string, at_ms: number, text: string, name: string, own: boolean, changed_ms: number}} Bookmark */

/** Most characters of a note, as the server takes them. */
export const TEXT = 2000;

/** Fires `change` whenever more is known. */
export class Bookmarks extends EventTarget {
  /** @param {string} session */
  constructor(session) {
    super();
    this.address = `/api/sessions/${encodeURIComponent(session)}/bookmarks`;
    /** @type {Bookmark[]} */
    this.list = [];
    /** Why the last wish was not done: the code of the server's error. */
    this.failure = "";
    this.busy = false;
  }

  load() {
    return this.#do(async () => {});
  }

  /** @param {number} ms @param {string} text */
  add(ms, text) {
    return this.#do(() => send("POST", this.address, { at_ms: Math.round(ms), text }));
  }

  /** @param {string} id @param {string} text */
  change(id, text) {
    return this.#do(() => send("PUT", `${this.address}/${encodeURIComponent(id)}`, { text }));
  }

  /** @param {string} id */
  remove(id) {
    return this.#do(() => send("DELETE", `${this.address}/${encodeURIComponent(id)}`));
  }

  /** Do this, and look what there is now; whether it was done. @param {() => Promise<void>} wish @returns {Promise<boolean>} */
  async #do(wish) {
    this.busy = true;
    this.dispatchEvent(new Event("change"));
    try {
      await wish();
      this.list = (await readJson(this.address)).bookmarks;
      this.failure = "";
    } catch (error) {
      this.failure = error instanceof Refused ? error.code : "unavailable";
    }
    this.busy = false;
    this.dispatchEvent(new Event("change"));
    return !this.failure;
  }
}
