// The left column: whether calls come to this specialist, and the calls that wait.
import { html, nothing } from "lit";
import { formatDuration, t } from "../i18n.js";
import { ConsoleElement } from "./element.js";
import { branchName, languageName, presenceLabel, serviceName } from "./labels.js";

/** Longer waits than this many seconds are shown in amber, twice as long in red. */
const LONG_S = 60;

export class ConsoleQueue extends ConsoleElement {
  static ticking = true;

  render() {
    return html`${this.#presence()}${this.#calls()}`;
  }

  #presence() {
    const { presence, takesCalls, config, link } = this.state;
    const later = presence === "busy" || presence === "wrap_up";
    return html`<section class="presence" data-presence=${presence} aria-labelledby="presence-title">
      <h2 id="presence-title" class="visually-hidden">${t("My availability")}</h2>
      <div class="presence-state" role="status">
        <span class="presence-lamp"></span><strong>${presenceLabel(presence)}</strong>
        ${later ? html`<small class="presence-next">${takesCalls ? t("Then: calls come again") : t("Then: no more calls")}</small>` : nothing}
      </div>
      <wa-switch
        ?checked=${takesCalls}
        .checked=${takesCalls}
        ?disabled=${presence === "ringing" || link !== "open" || !config}
        aria-keyshortcuts="A Alt+A"
        @change=${(/** @type {Event} */ event) => this.#switch(event)}
        >${later ? t("Take calls afterwards") : t("Take calls")}</wa-switch
      >
      <kbd aria-hidden="true">A</kbd>
    </section>`;
  }

  /** @param {Event} event */
  #switch(event) {
    const control = /** @type {HTMLInputElement} */ (event.target);
    void this.app.desk.setAvailable(control.checked);
  }

  #calls() {
    const { waiting, calls, at, available } = this.state.queue;
    // Without a connection the last queue is outdated, and before the first message none is known.
    const known = at !== 0 && this.state.link === "open";
    if (!known) return this.#unknown();
    const since = (performance.now() - at) / 1000;
    return html`<section class="queue" aria-labelledby="queue-title">
      <header class="panel-head">
        <h2 id="queue-title">${t("Waiting customers")}</h2>
        <span class="count number" aria-label=${t("{count} waiting", { count: waiting })}>${waiting}</span>
      </header>
      ${
        calls.length
          ? html`<ul>
              ${calls.map((call) => this.#call(call, since))}
            </ul>`
          : html`<div class="empty">
              <wa-icon name="users-round"></wa-icon>
              <p>${t("Nobody is waiting.")}</p>
            </div>`
      }
      ${waiting > calls.length ? html`<p class="more">${t("and {count} more", { count: waiting - calls.length })}</p>` : nothing}
      <footer><wa-icon name="headset"></wa-icon>${t("Specialists available: {count}", { count: available })}</footer>
    </section>`;
  }

  #unknown() {
    return html`<section class="queue" aria-labelledby="queue-title">
      <header class="panel-head"><h2 id="queue-title">${t("Waiting customers")}</h2></header>
      <div class="empty">
        <wa-icon name="wifi-off"></wa-icon>
        <p>${t("Not known while there is no connection.")}</p>
      </div>
    </section>`;
  }

  /**
   * @param {import("./state.js").WaitingCall} call
   * @param {number} since seconds since the queue was told
   */
  #call(call, since) {
    const waited = call.waited_s + since;
    const urgency = waited > LONG_S * 2 ? "late" : waited > LONG_S ? "long" : "";
    return html`<li class=${call.fits ? "fits" : ""}>
      <span class="service-icon"><wa-icon name=${call.service.icon}></wa-icon></span>
      <span class="what">
        <strong>${serviceName(call.service)}</strong>
        <small>${branchName(call)} ·&nbsp;<span lang=${call.language}>${languageName(call.language)}</span></small>
        ${call.fits ? html`<span class="fit"><wa-icon name="user-check"></wa-icon>${t("Fits you")}</span>` : nothing}
      </span>
      <span class="waited number ${urgency}">${formatDuration(waited)}</span>
    </li>`;
  }
}

customElements.define("console-queue", ConsoleQueue);
