// How long the specialist's login lasts, and signing in again without leaving the page: a call must not end with a login.
import { loggedIn, pageData } from "../link/login.js";

/** How long before its end the page asks for a new login. */
const EARLY_MS = 10 * 60_000;
const ASK_MS = 5000;

/** Why signing in failed. @typedef {"refused" | "too_many" | "unreachable"} Refusal */

export class Login {
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #timer;

  /**
   * @param {import("../link/connection.js").Connection} connection
   * @param {import("./state.js").Store} store
   */
  constructor(connection, store) {
    this.connection = connection;
    this.store = store;
    /** The name to sign in with. @type {string} */
    this.name = pageData().login ?? "";
    this.#lasts(pageData().ends_s);
  }

  /** Whether the server refused this login. */
  ended() {
    clearTimeout(this.#timer);
    this.store.set({ login: "ended" });
  }

  /**
   * Sign in again without leaving the page; a stream that was closed for lack of a login begins anew.
   *
   * @param {string} login
   * @param {string} password
   * @returns {Promise<Refusal | null>}
   */
  async signIn(login, password) {
    try {
      const body = new URLSearchParams({ login, password, next: "/console" });
      // The response redirects to the person's page, which is this one.
      const signal = AbortSignal.timeout(ASK_MS);
      const response = await fetch("/login", { method: "POST", body, redirect: "manual", signal });
      if (response.type !== "opaqueredirect") return response.status === 429 ? "too_many" : "refused";
      const me = await (await fetch("/api/me", { cache: "no-store", signal: AbortSignal.timeout(ASK_MS) })).json();
      if (me.id !== pageData().person) location.reload(); // Another person signed in: reload, so that nothing of the first one stays.
      this.#lasts(me.ends_s);
    } catch {
      return "unreachable";
    }
    this.store.set({ signingIn: false });
    this.connection.reopen();
    return null;
  }

  /** Ask now whether the login still holds. Rejects when the server cannot be reached. */
  async check() {
    const holds = await loggedIn();
    if (!holds) this.ended();
    return holds;
  }

  /** @param {number | undefined} seconds until the login ends */
  #lasts(seconds) {
    clearTimeout(this.#timer);
    if (seconds === undefined) return;
    const left = seconds * 1000;
    if (left <= 0) return this.ended();
    this.store.set({ login: left > EARLY_MS ? "good" : "ending" });
    const next = left > EARLY_MS ? left - EARLY_MS : left;
    this.#timer = setTimeout(() => this.#lasts((left - next) / 1000), next);
  }
}
