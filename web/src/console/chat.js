// The chat between specialist and customer.
import { html, nothing } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { formatDuration, t } from "../i18n.js";
import { ConsoleElement } from "./element.js";
import { inCall } from "./state.js";
import { ownId } from "../link/participants.js";

export class ConsoleChat extends ConsoleElement {
  #lines = 0;
  #resized = new ResizeObserver(() => this.#toEnd());

  /** Move the focus into the field. */
  focusField() {
    /** @type {HTMLElement | null} */ (this.querySelector("input"))?.focus();
  }

  firstUpdated() {
    const log = this.querySelector(".lines");
    if (log) this.#resized.observe(log);
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.#resized.disconnect();
  }

  updated() {
    const { chat } = this.state;
    if (chat.length === this.#lines) return;
    this.#lines = chat.length;
    this.#toEnd();
  }

  #toEnd() {
    const log = this.querySelector(".lines");
    if (log) log.scrollTop = log.scrollHeight;
  }

  /** @param {SubmitEvent} event */
  #send(event) {
    event.preventDefault();
    const field = /** @type {HTMLInputElement} */ (this.querySelector("input"));
    void this.app.desk.sendChat(field.value);
    field.value = "";
    this.app.store.set({ unread: 0 });
  }

  render() {
    const { session, chat, unread } = this.state;
    if (!session) return nothing;
    return html`<section
      class="panel chat"
      aria-labelledby="chat-title"
      @focusin=${() => this.app.store.set({ unread: 0 })}
    >
      <header class="panel-head">
        <h2 id="chat-title">${t("Chat")}</h2>
        ${unread ? html`<span class="count number" aria-label=${t("{count} new", { count: unread })}>${unread}</span>` : nothing}
        ${inCall(session) ? html`<kbd aria-hidden="true">C</kbd>` : nothing}
      </header>
      <div class="lines" role="log" aria-live="polite" aria-labelledby="chat-title" tabindex="0">
        ${
          chat.length
            ? repeat(
                chat,
                ({ id }) => id,
                (line) => this.#line(line),
              )
            : html`<p class="hint">${t("No messages. The customer sees at once what you write.")}</p>`
        }
      </div>
      ${
        inCall(session)
          ? html`<form class="inline" @submit=${(/** @type {SubmitEvent} */ event) => this.#send(event)}>
              <label class="visually-hidden" for="chat-text">${t("Message to the customer")}</label>
              <input id="chat-text" maxlength="1000" autocomplete="off" placeholder=${t("Message to the customer")} />
              <button class="icon" aria-label=${t("Send")}><wa-icon name="send"></wa-icon></button>
            </form>`
          : nothing
      }
    </section>`;
  }

  /** @param {import("./state.js").ChatLine} line */
  #line(line) {
    const own = line.sender === ownId(this.state.session, this.state.config?.person);
    return html`<p class="line ${own ? "own" : ""} ${line.pending ? "pending" : ""} ${line.failed ? "failed" : ""}">
      <span class="visually-hidden">${own ? t("You") : t("Customer")}:</span>
      <span class="text" dir="auto">${line.text}</span>
      <small class="number"
        >${line.failed ? t("Not sent") : line.pending ? t("Sending…") : formatDuration(line.at_ms / 1000)}</small
      >
    </p>`;
  }
}

customElements.define("console-chat", ConsoleChat);
