// How loud a microphone is, as a bar: a specialist sees before a call that the microphone works.
import { LitElement, html } from "lit";

const PERIOD_MS = 100;

/** `<level-meter>`; properties: `track`, `label`. */
export class LevelMeter extends LitElement {
  static properties = { track: { attribute: false }, label: { type: String } };

  /** @type {AudioContext | null} */ #context = null;
  /** @type {AnalyserNode | null} */ #analyser = null;
  /** @type {ReturnType<typeof setInterval> | undefined} */ #timer;

  constructor() {
    super();
    /** @type {MediaStreamTrack | null} */
    this.track = null;
    this.label = "";
  }

  createRenderRoot() {
    return this;
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.#stop();
  }

  /** @param {Map<PropertyKey, unknown>} changed */
  updated(changed) {
    if (!changed.has("track")) return;
    this.#stop();
    if (this.track) this.#start(this.track);
  }

  /** @param {MediaStreamTrack} track */
  #start(track) {
    this.#context = new AudioContext();
    this.#analyser = this.#context.createAnalyser();
    this.#analyser.fftSize = 1024;
    this.#context.createMediaStreamSource(new MediaStream([track])).connect(this.#analyser);
    this.#timer = setInterval(() => this.#show(), PERIOD_MS);
  }

  #stop() {
    clearInterval(this.#timer);
    void this.#context?.close();
    this.#context = null;
    this.#analyser = null;
    const meter = this.querySelector("meter");
    if (meter) meter.value = 0;
  }

  #show() {
    const samples = new Float32Array(1024);
    this.#analyser?.getFloatTimeDomainData(samples);
    const power = samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length;
    // -60 dB is the left end of the bar, 0 dB the right.
    const level = power ? Math.min(1, Math.max(0, 1 + (10 * Math.log10(power)) / 60)) : 0;
    const meter = this.querySelector("meter");
    if (meter) meter.value = level;
  }

  render() {
    return html`<meter min="0" max="1" low="0.15" optimum="0.6" value="0" aria-label=${this.label}></meter>`;
  }
}

customElements.define("level-meter", LevelMeter);
