// One video: shows a track, detects whether frames really arrive, and shows a text when they do not.
import { LitElement, html, nothing } from "lit";

/** How long without a new picture counts as none, in seconds; checked once a second. */
const SILENT_S = 3;

/**
 * `<video-tile>`; properties: `track`, `mirrored`, `label` (accessible name), `empty` (text when there is no picture),
 * `icon` for it. Fires `live` when pictures begin or stop.
 */
export class VideoTile extends LitElement {
  static properties = {
    track: { attribute: false },
    mirrored: { type: Boolean },
    label: { type: String },
    empty: { type: String },
    icon: { type: String },
    live: { state: true },
  };

  /** @type {ReturnType<typeof setInterval> | undefined} */ #timer;
  #frames = 0;
  #silent = 0;
  #video = document.createElement("video");

  constructor() {
    super();
    /** @type {MediaStreamTrack | null} */
    this.track = null;
    this.mirrored = false;
    this.label = "";
    this.empty = "";
    this.icon = "video-off";
    this.live = false;
    this.#video.muted = true;
    this.#video.autoplay = true;
    this.#video.playsInline = true;
    this.#video.disablePictureInPicture = true;
  }

  createRenderRoot() {
    return this;
  }

  connectedCallback() {
    super.connectedCallback();
    this.#timer = setInterval(() => this.#watch(), 1000);
    this.#video.addEventListener("loadeddata", () => this.#become(true));
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    clearInterval(this.#timer);
  }

  #watch() {
    const frames = this.#video.getVideoPlaybackQuality().totalVideoFrames;
    this.#silent = frames === this.#frames ? this.#silent + 1 : 0;
    this.#frames = frames;
    this.#become(this.track !== null && frames > 0 && this.#silent < SILENT_S);
  }

  /** @param {boolean} live */
  #become(live) {
    if (this.live === live) return;
    this.live = live;
    this.dispatchEvent(new Event("live"));
  }

  /** @param {Map<PropertyKey, unknown>} changed */
  willUpdate(changed) {
    if (changed.has("track")) {
      this.#video.srcObject = this.track ? new MediaStream([this.track]) : null;
      this.#frames = 0;
      this.#become(false);
      if (this.track) void this.#video.play().catch(() => undefined);
    }
    this.#video.classList.toggle("mirrored", this.mirrored);
    this.#video.setAttribute("aria-label", this.label);
  }

  render() {
    return html`${this.#video}${
      this.live
        ? nothing
        : html`<div class="no-picture"><wa-icon name=${this.icon}></wa-icon><span>${this.empty}</span></div>`
    }`;
  }
}

customElements.define("video-tile", VideoTile);
