// The customer's screen: its copy in any size, the specialist's pointer on it, and how what is masked looks.
import { html, nothing } from "lit";
import { STEPS } from "../cobrowse/lens.js";
import { CobrowseView } from "../cobrowse/view.js";
import { t } from "../i18n.js";
import { ConsoleElement } from "./element.js";
import { emphasise } from "./emphasis.js";
import { keepSettings, readSettings } from "./screen-settings.js";

/** @typedef {import("../cobrowse/lens.js").Zoom} Zoom */
/** @typedef {{x: number, y: number}} Point */

/** How far an arrow key moves the pointer, as a fraction of the page. */
const STEP = 0.02;
/** How far an arrow key moves the page where the pointer is off, and the wheel by one of its lines, in pixels. */
const PAN = 80;
const LINE = 16;
/** How far the wheel turns for one step of size. */
const TURN = 40;
/** A press that moves no further than this is a click. */
const CLICK = 5;
/** The view does not follow the customer while the specialist has just pointed. */
const HAND_MS = 1500;

export class ConsoleScreen extends ConsoleElement {
  /** @type {CobrowseView | null} */ #view = null;
  /** Where the keyboard has put the pointer, in fractions of the page. @type {Point} */ #at = { x: 0.5, y: 0.5 };
  /** Where the mouse is over the copy, in our page. @type {Point | null} */ #mouse = null;
  /** A press of the mouse that may become a move of the page. @type {{x: number, y: number, moved: boolean} | null} */ #press = null;
  #pressed = false;
  #turned = 0;
  #handAt = -Infinity;
  /** Where the customer was last, in the page's pixels. @type {Point | null} */ #customer = null;
  /** Whether the view follows the customer; after moving it by hand it stays, until following is switched on again. */
  #following = true;
  /** @type {import("./screen-settings.js").ScreenSettings} */ #settings = readSettings("");
  #cobrowse = (/** @type {Event} */ event) => this.#view?.piece(/** @type {CustomEvent} */ (event).detail);
  #stale = () => this.#view?.stale();
  #reset = () => this.#view?.reset();

  get #person() {
    return this.state.config?.person ?? "";
  }

  get #large() {
    return this.state.emphasis === "screen";
  }

  get #stage() {
    return this.#view?.stage ?? null;
  }

  connectedCallback() {
    super.connectedCallback();
    this.#settings = readSettings(this.#person);
    this.#following = this.#settings.follow;
    this.app.desk.addEventListener("cobrowse", this.#cobrowse);
    this.app.desk.addEventListener("cobrowse-stale", this.#stale);
    this.app.desk.addEventListener("cobrowse-reset", this.#reset);
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.app.desk.removeEventListener("cobrowse", this.#cobrowse);
    this.app.desk.removeEventListener("cobrowse-stale", this.#stale);
    this.app.desk.removeEventListener("cobrowse-reset", this.#reset);
    this.#view?.destroy();
    this.#view = null;
  }

  firstUpdated() {
    const box = /** @type {HTMLElement} */ (this.querySelector(".cobrowse"));
    const view = new CobrowseView(box);
    view.addEventListener("need-snapshot", (event) => this.app.desk.refresh(/** @type {CustomEvent} */ (event).detail.failed));
    view.addEventListener("shown", () => this.app.store.set({ shown: true, highlighted: null }));
    view.stage.onCustomer = (at) => this.#follow(at);
    view.stage.onView = () => this.#viewed();
    // Lit's own listener would be as good, but says nothing of being able to keep the page from scrolling.
    box.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    this.#view = view;
    this.app.desk.refresh();
  }

  updated() {
    const stage = this.#stage;
    if (!stage) return;
    const zoom = this.#large ? this.#settings.zoom : "whole";
    if (stage.lens.zoom !== zoom) {
      stage.lens.to(zoom);
      stage.fit();
    }
    if (stage.hatched !== this.#settings.hatched) stage.hatch(this.#settings.hatched);
    this.#view?.highlight(this.state.highlighted);
    const { x, y } = stage.lens.seen;
    place(this.querySelector(".thumb.across"), "left", "width", x);
    place(this.querySelector(".thumb.down"), "top", "height", y);
  }

  render() {
    const { pointing, highlighted, shown, session } = this.state;
    const large = this.#large;
    return html`<section class="tile screen ${large ? "large" : ""}" aria-label=${t("Customer's screen")}>
      <header class="tile-bar">
        ${emphasise(this.app, "screen", "F1", t("Customer's screen"))}
        <span class="tile-tools" ?hidden=${!large}>
          <button
            class="tool small"
            aria-pressed=${pointing}
            aria-keyshortcuts="P Alt+P"
            @click=${() => this.togglePointer()}
          >
            <wa-icon name="mouse-pointer-click"></wa-icon><span>${pointing ? t("Pointer on") : t("Pointer off")}</span
            ><kbd aria-hidden="true">P</kbd>
          </button>
          <button
            class="tool small"
            aria-keyshortcuts="X Alt+X"
            ?disabled=${highlighted === null}
            @click=${() => this.app.desk.highlight(null)}
          >
            <wa-icon name="highlighter"></wa-icon><span>${t("Clear outline")}</span><kbd aria-hidden="true">X</kbd>
          </button>
        </span>
      </header>
      <div
        class="cobrowse ${large ? (pointing ? "pointing" : "movable") : ""}"
        role="application"
        tabindex=${large ? 0 : -1}
        aria-label=${
          pointing
            ? t("Customer's screen: arrow keys move the pointer, Enter outlines what is under it")
            : t("Customer's screen: arrow keys move it, Enter outlines what is in the middle")
        }
        @pointerdown=${(/** @type {PointerEvent} */ event) => this.#down(event)}
        @pointermove=${(/** @type {PointerEvent} */ event) => this.#move(event)}
        @pointerup=${() => this.#up()}
        @pointercancel=${() => this.#up()}
        @pointerleave=${() => this.#leave()}
        @blur=${() => this.#point(null)}
        @click=${(/** @type {MouseEvent} */ event) => this.#click(event)}
        @keydown=${(/** @type {KeyboardEvent} */ event) => this.#key(event)}
      >
        <i class="thumb across" hidden></i><i class="thumb down" hidden></i>
      </div>
      ${large ? this.#bar() : nothing}
      ${
        shown || session?.state === "held"
          ? nothing
          : html`<div class="no-picture">
              <wa-icon name="monitor"></wa-icon><span>${t("Waiting for the customer's screen…")}</span>
            </div>`
      }
    </section>`;
  }

  #bar() {
    const { hatched } = this.#settings;
    return html`<footer class="tile-bar screen-bar">
      <button
        class="tool small masked"
        aria-pressed=${hatched}
        aria-keyshortcuts="B Alt+B"
        title=${hatched ? t("Show what is masked as black boxes") : t("Show what is masked as light hatching")}
        @click=${() => this.toggleBoxes()}
      >
        <i class="swatch ${hatched ? "hatched" : ""}"></i>${t("Masked by the bank's rule")}<kbd aria-hidden="true">B</kbd>
      </button>
      <span class="tile-tools">
        <button
          class="tool small"
          aria-pressed=${this.#following}
          aria-keyshortcuts="F Alt+F"
          title=${t("Go where the customer points and types")}
          @click=${() => this.toggleFollow()}
        >
          <wa-icon name="crosshair"></wa-icon><span>${t("Follow")}</span><kbd aria-hidden="true">F</kbd>
        </button>
        ${this.#sizes()}
      </span>
    </footer>`;
  }

  #sizes() {
    const { zoom } = this.#settings;
    const percent = (/** @type {number} */ scale) => `${Math.round(scale * 100)} %`;
    const now = percent(this.#stage?.lens.scale ?? 1);
    const fits = /** @type {[Zoom, string][]} */ ([
      ["readable", t("Readable")],
      ["whole", t("Whole page")],
      ["width", t("Full width")],
    ]);
    return html`<span class="sizes" role="group" aria-label=${t("Size of the customer's screen")}>
      <button class="tool small" aria-label=${t("Zoom out")} title=${t("Zoom out")} aria-keyshortcuts="-" @click=${() => this.step(-1)}>
        <wa-icon name="zoom-out"></wa-icon>
      </button>
      <select aria-label=${t("Size")} @change=${(/** @type {Event} */ event) => this.#choose(/** @type {HTMLSelectElement} */ (event.target))}>
        ${fits.map(([fit, label]) => html`<option value=${fit} .selected=${zoom === fit}>${zoom === fit ? `${label} · ${now}` : label}</option>`)}
        ${STEPS.map((step) => html`<option value=${step} .selected=${zoom === step}>${percent(step)}</option>`)}
      </select>
      <button class="tool small" aria-label=${t("Zoom in")} title=${t("Zoom in")} aria-keyshortcuts="+" @click=${() => this.step(1)}>
        <wa-icon name="zoom-in"></wa-icon>
      </button>
    </span>`;
  }

  /** @param {HTMLSelectElement} select */
  #choose(select) {
    const number = Number(select.value);
    this.zoomTo(number || /** @type {Zoom} */ (select.value));
    /** @type {HTMLElement} */ (this.querySelector(".cobrowse")).focus();
  }

  /** @param {Partial<import("./screen-settings.js").ScreenSettings>} changes */
  #set(changes) {
    this.#settings = { ...this.#settings, ...changes };
    keepSettings(this.#person, this.#settings);
    this.requestUpdate();
  }

  /** @param {Zoom} zoom */
  zoomTo(zoom) {
    const stage = this.#stage;
    if (!stage) return;
    stage.lens.to(zoom);
    if (this.#following && this.#customer) stage.lens.show(this.#customer);
    stage.fit();
    this.#set({ zoom });
  }

  /** The next larger or smaller size. @param {1 | -1} direction @param {Point} [at] what stays where it is, in the box */
  step(direction, at) {
    const stage = this.#stage;
    if (!stage) return;
    stage.lens.step(direction, at);
    stage.fit();
    this.#set({ zoom: stage.lens.zoom });
  }

  togglePointer() {
    const pointing = !this.state.pointing;
    this.app.store.set({ pointing });
    if (!pointing) this.#point(null);
  }

  toggleBoxes() {
    this.#set({ hatched: !this.#settings.hatched });
  }

  toggleFollow() {
    this.#following = !this.#following;
    this.#handAt = -Infinity;
    if (this.#customer) this.#follow(this.#customer);
    this.#set({ follow: this.#following });
  }

  /** The customer does something there. @param {Point} at in the page's pixels */
  #follow(at) {
    const stage = this.#stage;
    this.#customer = at;
    if (!stage || !this.#following || !this.#large || this.#press || performance.now() - this.#handAt < HAND_MS) return;
    if (stage.lens.show(at)) stage.fit();
  }

  /** Another part of the page is under the mouse: that is where it points now. */
  #viewed() {
    this.requestUpdate();
    if (this.#mouse && !this.#press) this.#pointAt(this.#mouse);
  }

  /** @param {Point | null} at */
  #point(at) {
    this.#view?.point(at);
    this.app.desk.point(at);
  }

  /** @param {Point} at in our page */
  #pointAt(at) {
    if (this.state.pointing && this.#large) this.#point(this.#view?.toPage(at.x, at.y) ?? null);
  }

  /** Moves the page by hand, which switches following off. @param {number} x @param {number} y */
  #pan(x, y) {
    const stage = this.#stage;
    if (!stage?.lens.pan(x, y)) return false;
    this.#following = false;
    stage.fit();
    return true;
  }

  /** @param {WheelEvent} event */
  #wheel(event) {
    const stage = this.#stage;
    if (!stage || !this.#large) return;
    const unit = event.deltaMode === WheelEvent.DOM_DELTA_PIXEL ? 1 : LINE;
    if (!event.ctrlKey) {
      if (this.#pan(event.deltaX * unit, event.deltaY * unit)) event.preventDefault();
      return;
    }
    event.preventDefault();
    this.#turned += event.deltaY * unit;
    if (Math.abs(this.#turned) < TURN) return;
    const box = stage.container.getBoundingClientRect();
    this.step(this.#turned < 0 ? 1 : -1, { x: event.clientX - box.left, y: event.clientY - box.top });
    this.#turned = 0;
  }

  /** @param {PointerEvent} event */
  #down(event) {
    this.#pressed = false;
    if (this.#large && event.button <= 1 && !this.#stage?.lens.whole) {
      this.#press = { x: event.clientX, y: event.clientY, moved: false };
    }
  }

  /** @param {PointerEvent} event */
  #move(event) {
    const at = { x: event.clientX, y: event.clientY };
    this.#mouse = at;
    this.#handAt = performance.now();
    const press = this.#press;
    if (!press) return this.#pointAt(at);
    if (!press.moved && Math.hypot(at.x - press.x, at.y - press.y) <= CLICK) return;
    if (!press.moved) {
      /** @type {Element} */ (event.currentTarget).setPointerCapture(event.pointerId);
      press.moved = true;
    }
    this.#pan(press.x - at.x, press.y - at.y);
    Object.assign(press, at);
  }

  #up() {
    this.#pressed = this.#press?.moved ?? false;
    this.#press = null;
    if (this.#pressed && this.#mouse) this.#pointAt(this.#mouse);
  }

  #leave() {
    this.#mouse = null;
    if (!this.#press) this.#point(null);
  }

  /** @param {MouseEvent} event */
  #click(event) {
    if (this.#pressed) this.#pressed = false;
    else if (!this.#large) this.app.store.set({ emphasis: "screen" });
    else this.#outline(event.clientX, event.clientY);
  }

  /**
   * @param {number} clientX
   * @param {number} clientY
   */
  #outline(clientX, clientY) {
    const node = this.#view?.nodeAt(clientX, clientY) ?? null;
    if (node !== null) this.app.desk.highlight(node === this.state.highlighted ? null : node);
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const move = moves[/** @type {keyof typeof moves} */ (event.key)];
    const stage = this.#stage;
    if (!stage) return;
    if (move && this.state.pointing) {
      const far = event.shiftKey ? STEP * 4 : STEP;
      const within = (/** @type {number} */ at) => Math.min(1, Math.max(0, at));
      this.#at = { x: within(this.#at.x + move[0] * far), y: within(this.#at.y + move[1] * far) };
      this.#showOwn();
      this.#point(this.#at);
    } else if (move) {
      this.#pan(move[0] * PAN, move[1] * PAN);
    } else if (event.key === "PageUp" || event.key === "PageDown") {
      this.#pan(0, stage.lens.box.height * (event.key === "PageUp" ? -0.8 : 0.8));
    } else if (event.key === "Enter") {
      this.#outlineOwn();
    } else {
      return;
    }
    event.preventDefault();
  }

  /** What the keyboard points at is to be seen. */
  #showOwn() {
    const stage = this.#stage;
    if (!stage) return;
    this.#handAt = performance.now();
    if (stage.lens.show({ x: this.#at.x * stage.size.width, y: this.#at.y * stage.size.height })) stage.fit();
  }

  /** Outlines what the keyboard points at; without the pointer, what is in the middle. */
  #outlineOwn() {
    const stage = this.#stage;
    if (!stage) return;
    if (!this.state.pointing) {
      const box = stage.container.getBoundingClientRect();
      this.#outline(box.left + box.width / 2, box.top + box.height / 2);
      return;
    }
    this.#showOwn();
    const box = stage.frame.getBoundingClientRect();
    this.#outline(box.left + this.#at.x * box.width, box.top + this.#at.y * box.height);
  }
}

/**
 * A mark at the edge that says which part of the page is seen; none where all of it is.
 *
 * @param {HTMLElement | null} thumb
 * @param {"left" | "top"} side
 * @param {"width" | "height"} length
 * @param {{from: number, to: number}} seen
 */
function place(thumb, side, length, { from, to }) {
  if (!thumb) return;
  thumb.hidden = !(to - from < 0.999);
  thumb.style[side] = `${from * 100}%`;
  thumb.style[length] = `${(to - from) * 100}%`;
}

customElements.define("console-screen", ConsoleScreen);
