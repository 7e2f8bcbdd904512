// State and actions of the lobby guide's page, without DOM.
import { LinkError } from "../link/connection.js";

/** @typedef {import("../link/messages.js").KioskStatus} KioskStatus */
/** @typedef {import("../link/connection.js").Connection} Connection */
/** @typedef {import("../link/connection.js").ConnectionState} ConnectionState */

/** The order of the list: requests for help first, then kiosks in a call, then the rest. @param {KioskStatus} kiosk */
function rank(kiosk) {
  if (kiosk.assistance) return kiosk.taken_by ? 1 : 0;
  if (!kiosk.online) return 2;
  return kiosk.session_state ? 3 : 4;
}

/** The kiosks of the guide's branches. Fires `change`, and `call` when a customer newly asks for somebody. */
export class Branch extends EventTarget {
  /** @type {KioskStatus[]} */ kiosks = [];
  /** When `kiosks` arrived, on the performance clock. */
  at = 0;
  /** @type {ConnectionState} */ link = "connecting";
  /** @type {string | null} */ closed = null;
  /** The last refusal's code, until the next success. @type {string | null} */ trouble = null;
  /** Kiosks that this page has a request under way for. @type {Set<string>} */ busy = new Set();
  /** False until the server has told the kiosks for the first time. */
  known = false;

  /** @param {Connection} connection */
  constructor(connection) {
    super();
    this.connection = connection;
    connection.addEventListener("state", () => {
      this.link = connection.state;
      this.closed = connection.state === "closed" ? (connection.reason?.code ?? "unavailable") : null;
      this.#changed();
    });
    connection.addEventListener("message", (event) => this.#receive(/** @type {CustomEvent} */ (event).detail));
  }

  /** Kiosks whose request for help is open. */
  get asking() {
    return this.kiosks.filter(({ assistance, taken_by: by }) => assistance && !by);
  }

  /** @param {import("../link/messages.js").ServerMessage} message */
  #receive(message) {
    if (message.type !== "branch") return;
    const before = new Set(this.asking.map(({ kiosk }) => kiosk));
    this.kiosks = [...message.kiosks].sort((a, b) => rank(a) - rank(b) || a.name.localeCompare(b.name));
    this.at = performance.now();
    this.known = true;
    this.#changed();
    if (this.asking.some(({ kiosk }) => !before.has(kiosk))) this.dispatchEvent(new Event("call"));
  }

  /**
   * Say that the guide goes to a customer, or that it is over.
   *
   * @param {string} kiosk
   * @param {boolean} done
   */
  async take(kiosk, done) {
    if (this.busy.has(kiosk)) return;
    this.busy.add(kiosk);
    this.#changed();
    try {
      await this.connection.request({ type: "assistance_take", kiosk, done });
      this.trouble = null;
    } catch (error) {
      this.trouble = error instanceof LinkError ? error.code : "internal";
    }
    this.busy.delete(kiosk);
    this.#changed();
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}
