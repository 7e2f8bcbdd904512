// The player: the pictures, the customer's screen, the transport, the timeline and the panels of one recording.
import { LitElement, html, nothing } from "lit";
import { LanguageController, formatDateTime, formatDuration, t } from "../i18n.js";
import { isTalking } from "../link/states.js";
import { branchName, gapLabel, serviceName, statusLabel, trackLabel, outcomeLabel } from "./labels.js";
import "./holds.js";
import { keyOf } from "./keys.js";
import { marksOf } from "./lanes.js";
import { linkTo } from "./moment-link.js";
import "./panels.js";
import { lettersWork } from "./player-help.js";
import "./timeline.js";
import "./topbar.js";
import "./verdict.js";
import { inOrder } from "../link/participants.js";

/** @typedef {import("./recording.js").Recording} Recording */
/** @typedef {import("./media-track.js").MediaTrack} MediaTrack */

const RATES = [0.5, 1, 1.5, 2, 4];
/** How long it is said what was passed over, or that a link was copied. */
const SAID_MS = 4000;
/** An event so little before the moment is the one that somebody has just gone to. */
const JUST_MS = 1000;

/** @type {Record<string, string>} */
const FAILURES = { not_found: "search", deleted: "trash-2" };

export class LibraryPlayer extends LitElement {
  /** @type {import("lit").PropertyDeclarations} */
  static properties = { recording: { attribute: false }, sound: { state: true }, large: { state: true }, said: { state: true } };
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #silence;

  constructor() {
    super();
    new LanguageController(this);
    /** @type {Recording} */
    this.recording = /** @type {any} */ (undefined);
    this.sound = true;
    /** Which picture is large: a track, or the customer's screen. */
    this.large = "cobrowse";
    /** What is said for a moment beside the buttons. */
    this.said = "";
  }

  createRenderRoot() {
    return this;
  }

  connectedCallback() {
    super.connectedCallback();
    const { recording } = this;
    recording.addEventListener("change", () => this.requestUpdate());
    recording.clock.addEventListener("change", () => this.requestUpdate());
    recording.addEventListener("tick", () => this.follow());
    recording.addEventListener("skipped", () => this.#skipped());
    for (const name of ["pointerdown", "keydown"]) document.addEventListener(name, () => this.#unblock(), { capture: true });
    document.addEventListener("keydown", (event) => this.#key(event));
  }

  /** Keys work wherever the focus is, except where somebody types or chooses. @param {KeyboardEvent} event */
  #key(event) {
    const target = /** @type {HTMLElement} */ (event.composedPath()[0]);
    if (target.closest?.("dialog[open], wa-dialog") || event.isComposing) return;
    if (target.closest?.("input, select, textarea, button, a, [role=tab], [role=tabpanel]")) {
      if (event.key === " " || !target.closest("button, a")) return;
      if (target.closest("[role=tab]")) return;
    }
    const key = keyOf(event, lettersWork());
    if (!key) return;
    event.preventDefault();
    key.act(this, event.key);
  }

  /** The names of the pictures in the order in which they stand. */
  get pictures() {
    const { manifest } = this.recording;
    const cameras = inOrder(this.recording.media.keys()).filter((name) => !name.endsWith(".microphone"));
    const screen = manifest?.tracks.some(({ kind, segments }) => kind === "cobrowse" && segments.length);
    return screen ? [...cameras, "cobrowse"] : cameras;
  }

  /** The picture that is large just now. */
  get largest() {
    const names = this.pictures;
    return names.includes(this.large) ? this.large : (names[0] ?? "");
  }

  /** @param {number} number from 1 */
  enlarge(number) {
    this.large = this.pictures[number - 1] ?? this.large;
  }

  /** One frame of the large picture, or one change of the customer's screen. @param {1 | -1} direction */
  step(direction) {
    this.recording.step(this.largest, direction);
  }

  /** To the next mark of the timeline, or to the one before. @param {1 | -1} direction */
  toEvent(direction) {
    const { recording } = this;
    const { now } = recording.clock;
    const marks = [...marksOf(recording.manifest?.moments ?? []), ...recording.bookmarks.list].map(({ at_ms }) => at_ms).sort((a, b) => a - b);
    const found = direction > 0 ? marks.find((at) => at > now + 1) : marks.findLast((at) => at < now - JUST_MS);
    if (found !== undefined) recording.seek(found);
  }

  /** @param {1 | -1} direction */
  faster(direction) {
    const { clock } = this.recording;
    const next = RATES[RATES.indexOf(clock.rate) + direction];
    if (next) clock.setRate(next);
  }

  toggleSkipping() {
    this.recording.setSkipping(!this.recording.skipping);
    this.#say(this.recording.skipping ? t("Silence and waiting are passed over") : t("Everything is played"));
  }

  toggleSound() {
    this.sound = !this.sound;
  }

  addBookmark() {
    const { clock, bookmarks } = this.recording;
    const time = formatDuration(clock.now / 1000);
    void bookmarks.add(clock.now, "").then((done) => this.#say(done ? t("Bookmark at {time}", { time }) : t("The bookmark was not saved")));
  }

  /** The address of this moment, into the clipboard and the page's own address. Who opens it is asked who they are, as ever. */
  async copyLink() {
    const { now } = this.recording.clock;
    const link = linkTo(location.href, now);
    history.replaceState(null, "", link);
    try {
      await navigator.clipboard.writeText(link);
      this.#say(t("Link to {time} copied", { time: formatDuration(now / 1000) }));
    } catch {
      this.#say(t("The link stands in the address bar"));
    }
  }

  showHelp() {
    const help = /** @type {import("./player-help.js").PlayerHelp | null} */ (this.querySelector("player-help"));
    if (help) help.open = true;
  }

  /** @param {string} words */
  #say(words) {
    this.said = words;
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => (this.said = ""), SAID_MS);
  }

  #skipped() {
    const { skipped } = this.recording;
    if (!skipped) return;
    const time = formatDuration((skipped.to_ms - skipped.from_ms) / 1000);
    this.#say(skipped.kind === "waiting" ? t("Passed over {time} of waiting", { time }) : t("Passed over {time} of silence", { time }));
  }

  /** Somebody has touched the page: sound may be heard. */
  #unblock() {
    for (const track of this.recording.media.values()) track.blocked = false;
    if (this.recording.manifest) this.requestUpdate();
  }

  /** Updates what changes many times a second directly: the time, and why a picture is missing. */
  follow() {
    const now = this.recording.clock.now;
    const time = this.querySelector(".time-now");
    if (time) time.textContent = formatDuration(now / 1000);
    for (const tile of /** @type {NodeListOf<HTMLElement>} */ (this.querySelectorAll("[data-track]"))) {
      const name = tile.dataset.track ?? "";
      const track = name === "cobrowse" ? this.recording.cobrowse : this.recording.media.get(name);
      const reason = track?.absence(now) ?? null;
      const notice = tile.querySelector(".absent");
      tile.classList.toggle("is-absent", reason !== null);
      if (notice) notice.textContent = reason === null ? "" : reason ? gapLabel(reason) : t("Not recorded at this time");
    }
    const live = this.querySelector(".live-lag");
    if (live) live.textContent = this.recording.following ? t("{n} s behind", { n: (this.recording.lag / 1000).toFixed(1) }) : "";
    this.querySelector(".buffering")?.toggleAttribute("hidden", !(this.recording.clock.held && this.recording.clock.playing));
  }

  updated() {
    for (const [name, track] of this.recording.media) {
      const slot = this.querySelector(`[data-track="${name}"] .picture`) ?? this.querySelector(".sounds");
      if (slot && track.element.parentElement !== slot) slot.replaceChildren(...(slot.matches(".sounds") ? [...slot.children, track.element] : [track.element]));
      if (track.track.kind === "audio") track.element.muted = !this.sound || track.blocked;
      track.element.setAttribute("aria-label", trackLabel(name));
    }
    const screen = /** @type {HTMLElement | null} */ (this.querySelector(".screen-picture"));
    if (screen) this.recording.showScreenIn(screen);
    this.follow();
  }

  render() {
    const { manifest, failure } = this.recording;
    return html`
      <library-topbar role="banner" class="topbar"></library-topbar>
      ${manifest ? this.#all() : failure ? this.#failed() : this.#waiting()}
    `;
  }

  #waiting() {
    return html`<main class="library-main"><div class="card waiting" aria-busy="true"><wa-spinner></wa-spinner><span>${t("Loading…")}</span></div></main>`;
  }

  #failed() {
    const { failure } = this.recording;
    return html`<main class="library-main">
      <div class="card empty" role="alert">
        <wa-icon name=${FAILURES[failure] ?? "triangle-alert"}></wa-icon>
        <h1>${t("This recording cannot be shown")}</h1>
        <p class="muted">${failure === "not_found" ? t("It does not exist, or it is not for you.") : t("Please check the connection and try again.")}</p>
        <button class="primary" @click=${() => void this.recording.start()}>${t("Try again")}</button>
      </div>
    </main>`;
  }

  #all() {
    const { manifest } = this.recording;
    if (!manifest) return nothing;
    const { session } = manifest;
    const { pictures, largest: large } = this;
    const cameras = pictures.filter((name) => name !== "cobrowse");
    const screen = !session.deleted && pictures.includes("cobrowse");
    return html`
      <main class="player">
        <header class="player-heading">
          <a class="back" href="/library" aria-label=${t("All recordings")}><wa-icon name="arrow-left"></wa-icon></a>
          <h1>${serviceName(session)}<small>${branchName(session)} · ${session.kiosk_name}</small></h1>
          ${isTalking(session.state)
            ? html`<span class="chip danger"><span class="recording-dot"></span>${statusLabel(session.state)}</span>`
            : html`<span class="chip">${statusLabel(session.state)}</span>`}
          ${session.held ? html`<button class="chip warning verdict" @click=${() => this.#showProof()}><wa-icon name="lock"></wa-icon>${t("Legal hold")}</button>` : nothing}
          <library-verdict brief .recording=${this.recording} @more=${() => this.#showProof()}></library-verdict>
          <dl>
            <div><dt>${t("Time")}</dt><dd>${formatDateTime(session.requested_ms)}</dd></div>
            <div><dt>${t("Specialist")}</dt><dd>${session.specialist_name ?? "–"}</dd></div>
            <div><dt>${t("Outcome")}</dt><dd>${session.outcome ? outcomeLabel(session.outcome) : "–"}</dd></div>
          </dl>
        </header>
        ${session.deleted ? html`<library-deleted class="card empty" .recording=${this.recording}></library-deleted>` : nothing}
        <div class="pictures" ?hidden=${session.deleted} data-small=${cameras.length + (screen ? 1 : 0) - 1}>
          ${cameras.map((name) => this.#tile(name, name === large))}
          ${screen ? this.#screen(large === "cobrowse") : nothing}
          ${cameras.length || screen ? nothing : html`<p class="nothing"><wa-icon name="video-off"></wa-icon>${isTalking(session.state) ? t("Nothing was recorded yet.") : t("Nothing was recorded.")}</p>`}
          <div class="sounds" hidden></div>
        </div>
        <library-panels class="card side" .recording=${this.recording}></library-panels>
        <section class="card transport" ?hidden=${session.deleted} aria-label=${t("Playback")}>${this.#transport()}
          <library-timeline class="timeline" .recording=${this.recording}></library-timeline>
        </section>
        <player-help></player-help>
      </main>
    `;
  }

  #showProof() {
    const panels = /** @type {import("./panels.js").LibraryPanels | null} */ (this.querySelector("library-panels"));
    if (!panels) return;
    panels.tab = "complete";
    void panels.updateComplete.then(() => /** @type {HTMLElement | null} */ (panels.querySelector("#tab-complete"))?.focus());
  }

  /** @param {string} name @param {boolean} large */
  #tile(name, large) {
    return html`<figure class="tile ${large ? "large" : ""}" data-track=${name} @click=${() => (this.large = name)}>
      <div class="picture"></div>
      <p class="absent"></p>
      ${this.#caption(name)}
      ${this.#enlarge(name, large)}
    </figure>`;
  }

  /** @param {boolean} large */
  #screen(large) {
    return html`<figure class="tile screen ${large ? "large" : ""}" data-track="cobrowse" @click=${() => (this.large = "cobrowse")}>
      <div class="screen-picture"></div>
      <p class="absent"></p>
      ${this.#caption("cobrowse")}
      ${this.#enlarge("cobrowse", large)}
    </figure>`;
  }

  /** What it is, and which key makes it large. @param {string} name */
  #caption(name) {
    const number = this.pictures.indexOf(name) + 1;
    return html`<figcaption><kbd aria-hidden="true">${number}</kbd>${trackLabel(name)}</figcaption>`;
  }

  /** @param {string} name @param {boolean} large */
  #enlarge(name, large) {
    if (large) return nothing;
    const label = t("Enlarge: {track}", { track: trackLabel(name) });
    return html`<button class="enlarge" aria-label=${label} title=${label} @click=${() => (this.large = name)}><wa-icon name="maximize-2"></wa-icon></button>`;
  }

  #transport() {
    const { recording } = this;
    const { clock } = recording;
    return html`<div class="controls">
      <button class="play" @click=${() => clock.toggle()} aria-label=${clock.playing ? t("Pause") : t("Play")}>
        <wa-icon name=${clock.playing ? "pause" : "play"}></wa-icon>
      </button>
      <button class="tool" @click=${() => recording.seek(clock.now - 5000)} aria-label=${t("Back 5 seconds")}><wa-icon name="rotate-ccw"></wa-icon>5</button>
      <button class="tool" @click=${() => recording.seek(clock.now + 5000)} aria-label=${t("Forward 5 seconds")}>5<wa-icon name="rotate-cw"></wa-icon></button>
      ${this.#tool("step-back", t("One frame back"), () => this.step(-1), true)} ${this.#tool("step-forward", t("One frame on"), () => this.step(1), true)}
      <p class="time number"><span class="time-now"></span> / ${formatDuration(clock.length / 1000)}</p>
      <wa-spinner class="buffering" hidden></wa-spinner>
      <span class="controls-gap"><span class="said" role="status">${this.said}</span></span>
      ${recording.live
        ? html`<button class="tool live" aria-pressed=${recording.following} @click=${() => recording.follow()}>
            <span class="recording-dot"></span>${recording.following ? t("Following live") : t("Jump to live")} <small class="live-lag number"></small>
          </button>`
        : nothing}
      <button class="tool" aria-pressed=${recording.skipping} title=${t("Pass over where nobody speaks and nothing happens on the customer's screen, and where the customer waits")}
        @click=${() => this.toggleSkipping()}>
        <wa-icon name="fast-forward"></wa-icon>${t("Skip silence")}
      </button>
      <div class="rates" role="group" aria-label=${t("Speed")}>
        ${RATES.map((rate) => html`<button class="tool" aria-pressed=${clock.rate === rate} @click=${() => clock.setRate(rate)}>${rate}×</button>`)}
      </div>
      <button class="tool" aria-pressed=${!this.sound} aria-label=${this.sound ? t("Mute") : t("Unmute")} @click=${() => this.toggleSound()}>
        <wa-icon name=${this.sound ? "volume-2" : "volume-x"}></wa-icon>
      </button>
      ${this.#tool("bookmark-plus", t("Bookmark this moment"), () => this.addBookmark())} ${this.#tool("link", t("Copy a link to this moment"), () => void this.copyLink())}
      ${this.#tool("keyboard", t("Keyboard shortcuts"), () => this.showHelp(), true)}
    </div>`;
  }

  /** @param {string} icon @param {string} label @param {() => void} act @param {boolean} [byKeys] not worth its room on a telephone */
  #tool(icon, label, act, byKeys = false) {
    return html`<button class="tool ${byKeys ? "by-keys" : ""}" aria-label=${label} title=${label} @click=${act}><wa-icon name=${icon}></wa-icon></button>`;
  }
}

customElements.define("library-player", LibraryPlayer);
