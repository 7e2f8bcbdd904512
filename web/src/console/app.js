// The console's root element: which parts are shown in which state, notices and banners, and the keys.
import { html, nothing } from "lit";
import { keyed } from "lit/directives/keyed.js";
import { msg, t } from "../i18n.js";
import { ownId } from "../link/participants.js";
import { deviceTrouble, troubleSummary } from "./devices.js";
import { ConsoleElement } from "./element.js";
import { PAUSE_REASONS, errorText, gapLabel, pauseLabel, trackLabel } from "./labels.js";
import { inCall, inWrapUp, isLead, ownPause } from "./state.js";
import "./chat.js";
import "./customer.js";
import "./documents.js";
import "./help.js";
import "./idle.js";
import "./notes.js";
import "./queue.js";
import "./recorded.js";
import "./ring.js";
import "./sign-in.js";
import "./stage.js";
import "./topbar.js";
import "./viewer.js";
import "./wrapup.js";

export class ConsoleApp extends ConsoleElement {
  /** Documents whose arrival was announced. @type {Set<string>} */ #announced = new Set();

  willUpdate() {
    for (const { id, state } of this.state.session?.documents ?? []) {
      if (state !== "stored" || this.#announced.has(id)) continue;
      this.#announced.add(id);
      this.app.store.notify("info", msg("A paper has arrived. Press F4 to look at it."));
    }
  }

  render() {
    const { session, closed } = this.state;
    const { app } = this;
    const phase = closed ? "closed" : inCall(session) ? "call" : inWrapUp(session) ? "wrapup" : "idle";
    return html`
      <console-topbar role="banner" class="topbar" .app=${app}></console-topbar>
      <div class="edges" aria-live="polite">${this.#edge()}</div>
      <div class="console-grid" data-phase=${phase}>
        <aside class="left" aria-label=${t("Availability and waiting customers")}>
          ${session && !closed ? html`<console-recorded .app=${app}></console-recorded>` : nothing}
          <console-queue .app=${app}></console-queue>
        </aside>
        <main class="centre">${this.#centre(phase)}</main>
        ${
          session && !closed
            ? html`<aside class="right" aria-label=${t("This call")}>
                ${keyed(
                  session.id,
                  html`<console-customer .app=${app}></console-customer>
                    <console-documents .app=${app}></console-documents>
                    <console-chat .app=${app}></console-chat>
                    ${phase === "call" ? html`<console-notes .app=${app}></console-notes>` : nothing}`,
                )}
              </aside>`
            : nothing
        }
      </div>
      <console-ring .app=${app}></console-ring>
      <console-viewer .app=${app}></console-viewer>
      <console-help .app=${app}></console-help>
      <console-sign-in .app=${app}></console-sign-in>
      ${this.#notices()}
    `;
  }

  /** @param {string} phase */
  #centre(phase) {
    const { session, closed } = this.state;
    const { app } = this;
    if (closed) return this.#closed(closed);
    if (phase === "call") return keyed(session?.id, html`<console-stage .app=${app}></console-stage>`);
    if (phase === "wrapup") return keyed(session?.id, html`<console-wrapup .app=${app}></console-wrapup>`);
    return html`<console-idle .app=${app}></console-idle>`;
  }

  /** Banners: the connection, and devices that do not work during a call. */
  #edge() {
    const { link, session, config, closed } = this.state;
    if (closed) return nothing;
    if (link === "lost") {
      const text = inCall(session)
        ? t("The connection to the server is lost. Trying again; you return into this call by yourself.")
        : t("The connection to the server is lost. Trying again…");
      return html`<div class="banner danger"><wa-icon name="wifi-off"></wa-icon>${text}<wa-spinner></wa-spinner></div>`;
    }
    if (link === "connecting" || !config) {
      return html`<div class="banner info"><wa-spinner></wa-spinner>${t("Connecting…")}</div>`;
    }
    return html`${this.#stalled()}${this.#paused()}${this.#loginEnds()}${this.#devicesFail()}`;
  }

  /** Something that has to be recorded is not: which, why, and what that means. */
  #stalled() {
    const { session, config } = this.state;
    if (!inCall(session) || !session?.stalled?.length) return nothing;
    const own = ownId(session, config?.person);
    const tracks = session.stalled.map(({ name, reason }) =>
      t("{track} ({reason})", { track: trackLabel(name, own), reason: gapLabel(reason) }),
    );
    return html`<div class="banner danger" role="alert">
      <wa-icon name="circle-alert"></wa-icon>${t("Not recorded: {tracks}.", { tracks: tracks.join(t(", ")) })}
      ${
        session.stopped
          ? t("Nobody hears or sees anybody until it is recorded again.")
          : t("The customer has been told. What is agreed on now is not on record: have it said again afterwards.")
      }
    </div>`;
  }

  /** Nothing is recorded on purpose: since when, what for, and how it ends. */
  #paused() {
    const { session } = this.state;
    const pause = ownPause(session) ?? session?.pauses?.[0];
    if (!inCall(session) || !pause) return nothing;
    const { automatic, reason, overdue } = pause;
    return html`<div class="banner ${overdue ? "danger" : "warning"} pausing" role=${overdue ? "alert" : "status"}>
      <wa-icon name="lock"></wa-icon>
      <span>
        <b>${t("Nothing is recorded.")}</b>
        ${
          automatic
            ? t("The customer types a secret; their screen stands still here until they have left the field.")
            : t("You and the customer still hear and see each other.")
        }
        ${overdue ? html`<b>${t("For more than five minutes now: please end it, or end the call.")}</b>` : nothing}
      </span>
      ${
        automatic || !isLead(this.state)
          ? nothing
          : html`<span class="pause-reasons" role="group" aria-label=${t("What is the pause for?")}>
                ${PAUSE_REASONS.map(
                  (code) =>
                    html`<button class="inline-action" aria-pressed=${code === reason}
                      @click=${() => void this.app.desk.pauseRecording(true, code)}>${pauseLabel(code)}</button>`,
                )}
              </span>
              <button class="inline-action go-on" @click=${() => void this.app.desk.pauseRecording(false)}>
                ${t("Record again")}<kbd aria-hidden="true">S</kbd>
              </button>`
      }
    </div>`;
  }

  /** A call outlives its login, but cannot reconnect without one: ask for a new login before it ends. */
  #loginEnds() {
    const { login, session } = this.state;
    if (login === "good") return nothing;
    const what = login === "ended" ? t("Your login has expired.") : t("Your login ends in a few minutes.");
    const why = inCall(session) ? t("Sign in again, so that this call can go on whatever happens.") : t("Please sign in again.");
    return html`<div class="banner warning">
      <wa-icon name="lock"></wa-icon>${what} ${why}
      <button class="inline-action" @click=${() => this.app.store.set({ signingIn: true })}>${t("Sign in")}</button>
    </div>`;
  }

  #devicesFail() {
    const { session } = this.state;
    const { media } = this.app;
    const summary = troubleSummary(media.devices);
    if (inCall(session) && summary) {
      const causes = [deviceTrouble(media.devices, "microphone"), deviceTrouble(media.devices, "camera")].filter(
        Boolean,
      );
      return html`<div class="banner warning">
        <wa-icon name="triangle-alert"></wa-icon>${causes.join(" ")} ${summary}
        <button class="inline-action" @click=${() => void media.warmUp()}>${t("Try again")}</button>
      </div>`;
    }
    return nothing;
  }

  /** @param {string} code */
  #closed(code) {
    const login = code === "not_authenticated";
    return html`<section class="closed card" role="alert">
      <wa-icon name=${login ? "lock" : code === "replaced" ? "copy" : "unplug"}></wa-icon>
      <h1>${errorText(code)}</h1>
      <p class="muted">
        ${
          code === "replaced"
            ? t("Only one window takes calls at a time. Calls ring in the other one.")
            : login
              ? `${t("Your login has expired, or your access was changed.")} ${t("A call that was running waits for you for a moment.")} ${t("If you cannot sign in, ask your administrator.")}`
              : t("If this happens again, tell your administrator.")
        }
      </p>
      ${
        login
          ? html`<wa-button
              variant="brand"
              appearance="accent"
              size="l"
              @click=${() => this.app.store.set({ signingIn: true })}
              >${t("Sign in")}</wa-button
            >`
          : html`<wa-button variant="brand" appearance="accent" size="l" href="/console">
              ${code === "replaced" ? t("Use this window") : t("Load again")}
            </wa-button>`
      }
    </section>`;
  }

  #notices() {
    /** @type {Record<string, string>} */
    const icons = { info: "info", success: "circle-check", warning: "triangle-alert", danger: "circle-alert" };
    return html`<div class="notices" role="status" aria-live="polite">
      ${this.state.notices.map(
        ({ id, kind, text }) =>
          html`<div class="notice ${kind}">
            <wa-icon name=${icons[kind]}></wa-icon><span>${t(text)}</span>
            <button class="icon" aria-label=${t("Close")} @click=${() => this.app.store.dismiss(id)}>
              <wa-icon name="x"></wa-icon>
            </button>
          </div>`,
      )}
    </div>`;
  }
}

customElements.define("console-app", ConsoleApp);
