// A ringing call: customer, service and time left; Enter answers, Esc declines.
import { html, nothing } from "lit";
import { formatDuration, t } from "../i18n.js";
import { ConsoleElement } from "./element.js";
import { branchName, languageName, serviceName, stepLabel } from "./labels.js";

const ARMED_MS = 4000;
const RADIUS = 34;
const LENGTH = 2 * Math.PI * RADIUS;

export class ConsoleRing extends ConsoleElement {
  static ticking = true;

  #shown = "";
  /** Whether the ring covers something that Esc closes as well. */
  #covering = false;
  /** Then declining takes two presses of Esc: the first may have been meant for what was covered. */
  #armed = 0;

  #key = (/** @type {KeyboardEvent} */ event) => {
    if (event.key !== "Escape" || event.isComposing || !this.#dialog?.open) return;
    event.preventDefault();
    event.stopPropagation();
    if (!event.repeat) this.#escape();
  };

  connectedCallback() {
    super.connectedCallback();
    addEventListener("keydown", this.#key, { capture: true });
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    removeEventListener("keydown", this.#key, { capture: true });
  }

  /** Esc first closes what was open before, then asks, then declines; with nothing open it declines at once. */
  #escape() {
    const { help, signingIn, document: doc } = this.state;
    if (help || signingIn || doc) {
      this.#covering = true;
      this.app.store.set({ help: false, signingIn: false, document: null });
    } else if (!this.#covering || performance.now() < this.#armed) {
      this.#armed = 0;
      void this.app.desk.decline();
    } else {
      this.#armed = performance.now() + ARMED_MS;
      this.requestUpdate();
    }
  }

  get #dialog() {
    return /** @type {HTMLDialogElement | null} */ (this.querySelector("dialog"));
  }

  updated() {
    const { ring } = this.state;
    const dialog = this.#dialog;
    const shown = ring?.session.id ?? "";
    if (shown === this.#shown || !dialog) return;
    this.#shown = shown;
    this.#armed = 0;
    this.#covering = false;
    if (ring) {
      this.app.ringtone.start(t("Incoming call"));
      dialog.showModal();
      // The widget draws itself a moment later than we do; focus goes there once it can take it.
      const answer = /** @type {HTMLElement & {updateComplete?: Promise<unknown>}} */ (dialog.querySelector(".answer"));
      void Promise.resolve(answer.updateComplete).then(() => answer.focus());
    } else {
      this.app.ringtone.stop();
      dialog.close();
    }
  }

  render() {
    const { ring } = this.state;
    return html`<dialog
      class="ring"
      aria-labelledby="ring-title"
      aria-describedby="ring-facts"
      @cancel=${(/** @type {Event} */ event) => {
        event.preventDefault();
      }}
    >
      ${ring ? this.#content(ring) : nothing}
    </dialog>`;
  }

  /** @param {import("./state.js").RingView} ring */
  #content({ session, deadline, total, settling, invitation }) {
    const title = invitation ? t("{name} asks you to join", { name: session.specialist_name ?? "" }) : t("Incoming call");
    const left = Math.max(0, deadline - performance.now());
    const waited = session.waited_s + (total - left) / 1000;
    return html`
      <div class="ring-head">
        <div class="ring-clock" role="timer" aria-label=${t("Seconds left to answer")}>
          <svg viewBox="0 0 80 80" aria-hidden="true">
            <circle cx="40" cy="40" r=${RADIUS} class="track"></circle>
            <circle
              cx="40"
              cy="40"
              r=${RADIUS}
              class="remaining"
              stroke-dasharray=${LENGTH}
              stroke-dashoffset=${LENGTH * (1 - left / total)}
            ></circle>
          </svg>
          <span class="number">${Math.ceil(left / 1000)}</span>
        </div>
        <div>
          <h2 id="ring-title">${title}</h2>
          <p class="ring-service"><wa-icon name=${session.service.icon}></wa-icon>${serviceName(session.service)}</p>
        </div>
      </div>
      <dl id="ring-facts" class="facts">
        ${fact("building-2", t("Branch"), branchName(session))}
        ${fact("monitor-smartphone", t("Kiosk"), session.kiosk_name)}
        ${fact("languages", t("Language"), languageName(session.language))}
        ${fact("text-cursor-input", t("Form step"), stepLabel(session.step))}
        ${fact("clock", t("Has waited"), formatDuration(waited))}
      </dl>
      ${
        session.elderly || session.requeued
          ? html`<div class="ring-flags">
              ${
                session.elderly
                  ? html`<span class="chip warning"
                      ><wa-icon name="accessibility"></wa-icon>${t("Uses the elderly mode: speak slowly")}</span
                    >`
                  : nothing
              }
              ${
                session.requeued
                  ? html`<span class="chip danger"
                      ><wa-icon name="rotate-ccw"></wa-icon>${t("Was cut off from a colleague")}</span
                    >`
                  : nothing
              }
            </div>`
          : nothing
      }
      <div class="ring-actions">
        <wa-button
          class="decline"
          appearance="outlined"
          variant="neutral"
          size="l"
          ?loading=${settling === "decline"}
          @click=${() => void this.app.desk.decline()}
        >
          <wa-icon slot="start" name="phone-missed"></wa-icon><span role="status"
            >${performance.now() < this.#armed ? t("Press Esc again to decline") : t("Decline")}</span
          ><kbd aria-hidden="true">Esc</kbd>
        </wa-button>
        <wa-button
          class="answer"
          variant="success"
          appearance="accent"
          size="l"
          autofocus
          ?loading=${settling === "answer"}
          @click=${() => void this.app.desk.answer()}
        >
          <wa-icon slot="start" name="phone-call"></wa-icon>${invitation ? t("Join") : t("Answer")}<kbd aria-hidden="true">Enter</kbd>
        </wa-button>
      </div>
    `;
  }
}

/**
 * @param {string} icon
 * @param {string} name
 * @param {string} value
 */
function fact(icon, name, value) {
  return html`<div>
    <dt><wa-icon name=${icon}></wa-icon>${name}</dt>
    <dd>${value}</dd>
  </div>`;
}

customElements.define("console-ring", ConsoleRing);
