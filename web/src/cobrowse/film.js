// The page of a viewing copy's browser (server/evidence/screen_browser.py): recorded lines go in, and a picture of the
// window is taken after them. It draws what the library's player draws, behind the same walls.
import { msg } from "../i18n.js";
import { Stage, withoutPictures } from "./stage.js";

/** A frame is drawn after two turns of the screen at the latest. */
const drawn = () => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));

export class ScreenFilm {
  /** The epoch that the page is drawn from, without a hole. @type {string | null} */ #followed = null;

  /** @param {HTMLElement} container positioned, with a size */
  constructor(container) {
    this.stage = new Stage(container, msg("Customer's screen"));
    this.stage.onFailure = () => (this.#followed = null);
  }

  /**
   * Applies recorded lines; says where in the window the customer's page is shown as it was after them, if it is.
   *
   * @param {string} text lines of JSON
   */
  async apply(text) {
    await this.stage.ready;
    for (const line of text.split("\n").filter(Boolean)) this.#apply(JSON.parse(line));
    if (this.#followed === null) this.stage.clear();
    await drawn();
    if (this.#followed === null) return null;
    const { left, top, width, height } = this.stage.frame.getBoundingClientRect();
    return width >= 1 && height >= 1 ? { x: left, y: top, width, height } : null;
  }

  /** What follows is not known until the next full picture. */
  clear() {
    this.#followed = null;
    this.stage.clear();
  }

  /** @param {{kind: string, epoch: string, keyframe: boolean, data: any}} line */
  #apply({ kind, epoch, keyframe, data }) {
    const anew = kind === "rrweb" && keyframe && epoch !== this.#followed;
    if (this.#followed === null && !anew) return;
    if (kind === "point") {
      this.stage.point(typeof data.x === "number" ? data : null);
    } else if (kind === "highlight") {
      this.stage.highlight(data.node ?? null);
    } else if (kind === "rrweb") {
      if (anew) {
        this.#followed = epoch;
        this.stage.open([], { liveMode: true }).startLive(1);
      }
      // rrweb shows at once what has the time of its beginning: as in the player, the line's own time is what counts.
      for (const event of anew ? data : withoutPictures(data)) {
        if (!this.stage.omissions.take(event)) this.stage.replayer?.addEvent({ ...event, timestamp: 1 });
      }
    }
  }
}

const container = document.getElementById("film");
if (container) {
  Object.assign(document.body.style, { margin: "0", overflow: "hidden" });
  Object.assign(container.style, { position: "relative", width: "100vw", height: "100vh", background: "#0d2326" });
  Object.assign(globalThis, { film: new ScreenFilm(container) });
}
