// The viewer's name, login and time over everything that is shown of a recording.
//
// It deters and names; it cannot keep anybody from copying what their own browser shows. A mark that is taken away or
// hidden comes back within a second, and where it cannot, its picture is hidden.

/** What carries a mark: the pictures of the call, and papers, small and large. */
const HOSTS = ".tile, .document-picture, .marked";
const CHECK_MS = 1000;
/** The angle of the lines, in radians. */
const SLANT = -0.4;
const GHOST = {
  position: "absolute",
  inset: "0",
  width: "100%",
  height: "100%",
  display: "block",
  visibility: "visible",
  opacity: "1",
  "pointer-events": "none",
  transform: "none",
  translate: "none",
  scale: "none",
  filter: "none",
  "clip-path": "none",
  "mask-image": "none",
  "mix-blend-mode": "normal",
  "content-visibility": "visible",
  "z-index": "2",
  "forced-color-adjust": "none",
};
/** What must be as it was set, as the browser computes it. */
const WATCHED = /** @type {const} */ (["display", "visibility", "opacity", "transform", "translate", "scale", "filter", "clip-path", "mask-image", "mix-blend-mode", "position"]);

export class Watermark {
  /** @type {Map<HTMLElement, HTMLCanvasElement>} */ #marks = new Map();
  #minute = "";

  /** @param {HTMLElement} root what the pictures are in @param {{name: string, login: string}} viewer */
  constructor(root, viewer) {
    this.root = root;
    this.viewer = viewer;
    this.watching = new MutationObserver((changes) => {
      if (changes.some(concerns)) this.check();
    });
    this.sizes = new ResizeObserver((changes) => {
      for (const { target } of changes) this.#draw(/** @type {HTMLElement} */ (target));
    });
  }

  start() {
    this.watching.observe(this.root, { childList: true, subtree: true, attributes: true, attributeFilter: ["style", "class", "hidden"] });
    this.ticking = setInterval(() => this.check(), CHECK_MS);
    this.check();
  }

  stop() {
    this.watching.disconnect();
    this.sizes.disconnect();
    clearInterval(this.ticking);
    for (const mark of this.#marks.values()) mark.remove();
    this.#marks.clear();
  }

  /** Every picture has its mark, the time is right, and none was hidden. */
  check() {
    const minute = stamp(new Date());
    const old = this.#minute !== minute;
    this.#minute = minute;
    for (const host of this.#marks.keys()) if (!this.root.contains(host)) this.#forget(host);
    for (const host of /** @type {NodeListOf<HTMLElement>} */ (this.root.querySelectorAll(HOSTS))) {
      if (!isMarked(host, this.#marks.get(host))) {
        this.#put(host);
        conceal(host, !isMarked(host, this.#marks.get(host)));
      } else {
        conceal(host, false);
        if (old) this.#draw(host);
      }
    }
    this.watching.takeRecords(); // what was done here is no tampering
  }

  /** @param {HTMLElement} host */
  #put(host) {
    this.#marks.get(host)?.remove();
    const mark = document.createElement("canvas");
    mark.setAttribute("aria-hidden", "true");
    mark.className = "watermark";
    for (const [name, value] of Object.entries(GHOST)) mark.style.setProperty(name, value, "important");
    host.append(mark);
    this.#marks.set(host, mark);
    this.sizes.observe(host);
    this.#draw(host);
  }

  /** @param {HTMLElement} host */
  #forget(host) {
    this.sizes.unobserve(host);
    this.#marks.delete(host);
  }

  /** Lines of text in white with a dark edge: one of the two stands out against any picture. @param {HTMLElement} host */
  #draw(host) {
    const mark = this.#marks.get(host);
    const { clientWidth: width, clientHeight: height } = host;
    if (!mark || !width || !height) return;
    const dots = Math.min(2, devicePixelRatio || 1);
    mark.width = Math.round(width * dots);
    mark.height = Math.round(height * dots);
    const context = mark.getContext("2d");
    if (!context) return;
    const size = Math.max(9, Math.min(17, Math.sqrt(width * height) / 26));
    const lines = [`${this.viewer.name}  ${this.viewer.login}`, this.#minute];
    context.scale(dots, dots);
    context.font = `600 ${size}px ${getComputedStyle(host).fontFamily}`;
    context.textAlign = "center";
    context.lineJoin = "round";
    context.lineWidth = size / 5;
    context.strokeStyle = "rgb(0 0 0 / 34%)";
    const across = Math.max(...lines.map((line) => context.measureText(line).width)) + size * 5;
    const down = size * 7.5;
    context.translate(width / 2, height / 2);
    context.rotate(SLANT);
    const reach = Math.hypot(width, height) / 2;
    for (let row = -Math.ceil(reach / down); row * down <= reach; row++) {
      const shift = row % 2 ? across / 2 : 0;
      for (let column = -Math.ceil(reach / across) - 1; column * across <= reach; column++) {
        lines.forEach((line, at) => {
          const place = /** @type {const} */ ([column * across + shift, row * down + at * size * 1.4]);
          context.strokeText(line, ...place);
          // The letters are cut out of their edge first: white on grey would be neither light nor dark.
          context.globalCompositeOperation = "destination-out";
          context.fillStyle = "#000";
          context.fillText(line, ...place);
          context.globalCompositeOperation = "source-over";
          context.fillStyle = "rgb(255 255 255 / 44%)";
          context.fillText(line, ...place);
        });
      }
    }
  }
}

/** Whether a change may have to do with a mark: most are of the clock and the timeline. @param {MutationRecord} change */
function concerns({ type, target, addedNodes }) {
  const element = /** @type {Element} */ (target);
  if (element.matches(HOSTS) || element.matches(".watermark")) return true;
  return type === "childList" && [...addedNodes].some((one) => one instanceof Element && (one.matches(HOSTS) || one.querySelector(HOSTS)));
}

/** Whether this mark covers its picture and can be seen. @param {HTMLElement} host @param {HTMLCanvasElement | undefined} mark */
function isMarked(host, mark) {
  if (!mark || mark.parentElement !== host) return false;
  const style = getComputedStyle(mark);
  if (WATCHED.some((name) => style.getPropertyValue(name) !== GHOST[name])) return false;
  if (!host.clientWidth) return true; // nothing of it is seen
  return Math.abs(mark.clientWidth - host.clientWidth) <= 2 && Math.abs(mark.clientHeight - host.clientHeight) <= 2;
}

/** Hide a picture that cannot be marked. @param {HTMLElement} host @param {boolean} hidden */
function conceal(host, hidden) {
  if (hidden === host.hasAttribute("data-unmarked")) return;
  host.toggleAttribute("data-unmarked", hidden);
  if (hidden) host.style.setProperty("visibility", "hidden", "important");
  else host.style.removeProperty("visibility");
}

/** Local time, the same in every language. @param {Date} date */
function stamp(date) {
  const two = (/** @type {number} */ number) => String(number).padStart(2, "0");
  const day = [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join("-");
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}`;
}
