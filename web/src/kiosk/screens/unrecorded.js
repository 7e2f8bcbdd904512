// Shown when no call can be recorded and therefore none is put through: the reason and the other ways to get help.
import { html, nothing } from "lit";
import { t } from "../../i18n.js";
import { KioskElement } from "../element.js";
import { errorNote, helpAsked, helpButton, offlineNote } from "./parts.js";

class KioskUnrecorded extends KioskElement {
  /** @override */
  render() {
    const { brokenOff, form, online, service } = this.state;
    return html`<div class="sheet unrecorded">
      <div class="unrecorded-head">
        <span class="seal"><wa-icon name="circle-alert"></wa-icon></span>
        <h1>${brokenOff ? t("Your call had to be ended") : t("Your call cannot be put through")}</h1>
      </div>
      <p class="lead">
        ${brokenOff
          ? t("Calls with an expert must be recorded, and that has just become impossible. Camera and microphone are off. You did nothing wrong.")
          : t("Calls with an expert must be recorded, and that is not possible just now. Camera and microphone are off. You did nothing wrong.")}
      </p>
      <h2>${t("What you can do now")}</h2>
      <ul class="together">
        <li><wa-icon name="hand-helping"></wa-icon>${t("Let the lobby staff help you.")}</li>
        <li><wa-icon name="landmark"></wa-icon>${t("Have it done at the counter.")}</li>
        <li><wa-icon name="clock"></wa-icon>${t("Try again in a few minutes.")}</li>
        ${form ? html`<li><wa-icon name="square-pen"></wa-icon>${t("Go on with the form. What you entered is still there.")}</li>` : nothing}
      </ul>
      ${online ? nothing : offlineNote()} ${helpAsked(this.kiosk)} ${errorNote(this.kiosk)}
      <div class="actions">
        ${helpButton(this.kiosk, "not_recorded", "primary")}
        <button class="button" type="button" ?disabled=${!online} @click=${() => this.kiosk.wantExpert(service)}>
          ${t("Call again")}
        </button>
        <button class="button quiet" type="button" @click=${() => this.kiosk.back()}>
          <wa-icon name=${form ? "square-pen" : "house"}></wa-icon>${form ? t("Go on with the form") : t("Back to the start")}
        </button>
      </div>
    </div>`;
  }
}

customElements.define("kiosk-unrecorded", KioskUnrecorded);
