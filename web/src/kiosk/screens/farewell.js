// After the call: stars, thanks, and the way back.
import { html, nothing } from "lit";
import { msg, t } from "../../i18n.js";
import { KioskElement } from "../element.js";

const STARS = [msg("Very poor"), msg("Poor"), msg("Fair"), msg("Good"), msg("Very good")];
const THANKS_MS = 7000;

class KioskRating extends KioskElement {
  #stars = 0;

  /** @override */
  render() {
    const { session } = this.state;
    if (!session) return nothing;
    const lost = session.end_reason !== null && ["interrupted", "kiosk_lost", "lost"].includes(session.end_reason);
    return html`<div class="sheet farewell">
      <span class="seal"><wa-icon name=${lost ? "unplug" : "phone-off"}></wa-icon></span>
      <h1>${lost ? t("The call was interrupted") : t("The call has ended")}</h1>
      <p class="lead">${t("How was your call with {name}?", { name: session.specialist_name })}</p>
      <div class="stars" role="group" aria-label=${t("Rating")}>
        ${STARS.map((label, index) => {
          const lit = index < this.#stars;
          return html`<button type="button" class="star ${lit ? "lit" : ""}"
            @pointermove=${() => this.#preview(index + 1)} @pointerleave=${() => this.#preview(0)}
            @click=${() => void this.kiosk.rate(index + 1)}>
            <wa-icon name="star"></wa-icon><span>${t(label)}</span>
          </button>`;
        })}
      </div>
      <div class="actions">
        ${lost
          ? html`<button class="button primary again" type="button" @click=${() => this.kiosk.again()}>
              ${t("Talk to an expert")}
            </button>`
          : nothing}
        <button class="button quiet" type="button" @click=${() => this.kiosk.skipRating()}>${t("Skip")}</button>
      </div>
    </div>`;
  }

  // Only when the pointer moves: one that was there before the stars appeared must not preselect any.
  /** @param {number} stars */
  #preview(stars) {
    if (stars === this.#stars) return;
    this.#stars = stars;
    this.requestUpdate();
  }
}

class KioskThanks extends KioskElement {
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #timer;

  /** @override */
  connectedCallback() {
    super.connectedCallback();
    // The customer may continue an open form; otherwise the page goes back to its start by itself.
    if (!this.state.form) this.#timer = setTimeout(() => this.kiosk.finish(), THANKS_MS);
  }

  /** @override */
  disconnectedCallback() {
    super.disconnectedCallback();
    clearTimeout(this.#timer);
  }

  /** @override */
  render() {
    const { form, step } = this.state;
    const unfinished = form && step !== "done";
    return html`<div class="sheet farewell" role="status">
      <span class="seal"><wa-icon name="handshake"></wa-icon></span>
      <h1>${t("Thank you for your visit")}</h1>
      <p class="lead">${t("Please do not forget your card and your papers.")}</p>
      <div class="actions">
        ${unfinished
          ? html`<button class="button" type="button" @click=${() => this.kiosk.goOn()}>
              <wa-icon name="square-pen"></wa-icon>${t("Go on with the form")}
            </button>`
          : nothing}
        <button class="button primary big" type="button" @click=${() => this.kiosk.finish()}>
          <wa-icon name="check"></wa-icon>${t("Finish")}
        </button>
      </div>
    </div>`;
  }
}

customElements.define("kiosk-rating", KioskRating);
customElements.define("kiosk-thanks", KioskThanks);
