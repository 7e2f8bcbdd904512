// The little of a browser that modules without DOM still touch, and a time that a test moves by hand.
//
// Each file of tests runs in a process of its own, so nothing here has to be taken back.

/** An English page: its language decides which catalog is asked for, and English needs none. */
export function page() {
  const own = new EventTarget();
  globalThis.document = { documentElement: { lang: "en" }, querySelectorAll: () => [], cookie: "" };
  globalThis.location = new URL("http://kiosk.example/console");
  globalThis.addEventListener = own.addEventListener.bind(own);
  globalThis.removeEventListener = own.removeEventListener.bind(own);
  globalThis.dispatchEvent = own.dispatchEvent.bind(own);
  // What browsers have, and the oldest Node.js that is taken here has not.
  globalThis.CustomEvent ??= class extends Event {
    constructor(type, { detail = null } = {}) {
      super(type);
      this.detail = detail;
    }
  };
  if (!Array.prototype.with) {
    Object.defineProperty(Array.prototype, "with", {
      value(at, one) {
        return this.map((kept, index) => (index === at ? one : kept));
      },
    });
  }
}

/** Replaces timers and `performance.now`: nothing happens by itself, and everything in its order by `pass`. */
export class Time {
  #now = 1000;
  #timers = new Map();
  #last = 0;

  constructor() {
    performance.now = () => this.#now;
    globalThis.setTimeout = (run, ms = 0) => this.#add(run, ms, null);
    globalThis.setInterval = (run, ms) => this.#add(run, ms, ms);
    globalThis.clearTimeout = globalThis.clearInterval = (id) => void this.#timers.delete(id);
  }

  get now() {
    return this.#now;
  }

  #add(run, ms, every) {
    this.#timers.set(++this.#last, { run, at: this.#now + ms, every });
    return this.#last;
  }

  /** So many milliseconds go by; whatever falls due runs in its order, with all that promises do in between. */
  async pass(ms) {
    const end = this.#now + ms;
    for (;;) {
      await settled();
      const [due] = [...this.#timers].filter(([, { at }]) => at <= end).sort(([, a], [, b]) => a.at - b.at);
      if (!due) break;
      const [id, timer] = due;
      this.#now = Math.max(this.#now, timer.at);
      if (timer.every === null) this.#timers.delete(id);
      else timer.at += timer.every;
      timer.run();
    }
    this.#now = end;
    await settled();
  }
}

/** Every promise that can go on has gone on. */
export const settled = () => new Promise((resolve) => setImmediate(resolve));
