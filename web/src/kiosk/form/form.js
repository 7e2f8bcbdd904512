// The demonstration form: buying a wealth product. What the customer enters is kept in this element only.
import { html, nothing } from "lit";
import { live } from "lit/directives/live.js";
import { msg, t } from "../../i18n.js";
import { KioskElement } from "../element.js";
import { money } from "../labels.js";
import { offlineNote } from "../screens/parts.js";
import { isOpen } from "../state.js";
import { PRODUCTS, QUESTIONS, toleranceOf } from "./catalogue.js";
import { checkAmount, checkCard, checkIdentity, checkName, checkPassword, checkPhone } from "./checks.js";

/** @typedef {"product" | "risk" | "details" | "review" | "done"} Step */
/** @typedef {"name" | "identity" | "card" | "phone" | "amount" | "password"} FieldName */

/** @type {{id: Step, title: string}[]} */
const STEPS = [
  { id: "product", title: msg("Product") },
  { id: "risk", title: msg("Questions") },
  { id: "details", title: msg("Your data") },
  { id: "review", title: msg("Check") },
  { id: "done", title: msg("Received") },
];

/** Fields that are shown as dots, and readable only for a few seconds, because of bystanders. @type {ReadonlySet<string>} */
const SECRET = new Set(["identity", "card", "phone"]);
const SHOWN_MS = 5000;

class KioskForm extends KioskElement {
  /** The field that is readable just now. */
  #shown = "";
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #hiding;
  /** @type {Step} */ #step = "product";
  /** @type {import("./catalogue.js").Product | null} */ #product = null;
  /** @type {number[]} */ #answers = [];
  /** @type {Record<FieldName, string>} */
  #values = { name: "", identity: "", card: "", phone: "", amount: "", password: "" };
  /** @type {Partial<Record<FieldName | "product" | "risk" | "terms", string>>} */ #errors = {};
  #terms = false;

  /** @override */
  connectedCallback() {
    super.connectedCallback();
    this.kiosk.reachStep(this.#step);
  }

  /** @override */
  disconnectedCallback() {
    super.disconnectedCallback();
    clearTimeout(this.#hiding);
  }

  /** @override */
  render() {
    const index = STEPS.findIndex(({ id }) => id === this.#step);
    return html`<form class="form" autocomplete="off" novalidate @submit=${this.#submit}>
      <header>
        <h1 tabindex="-1">${t("Buy a wealth product")}</h1>
        <ol class="steps" aria-label=${t("Steps")}>
          ${STEPS.map(
            ({ title }, number) => html`<li class=${number < index ? "past" : number === index ? "now" : ""}
              aria-current=${number === index ? "step" : "false"}>
              <i>${number < index ? html`<wa-icon name="check"></wa-icon>` : number + 1}</i><span>${t(title)}</span>
            </li>`,
          )}
        </ol>
      </header>
      <div class="form-body">${this.#body()}</div>
      ${this.state.online || this.#step === "done" || isOpen(this.state.session) ? nothing : offlineNote()}
      ${this.#step === "done" ? nothing : this.#buttons(index)}
    </form>`;
  }

  #body() {
    switch (this.#step) {
      case "product":
        return this.#chooseProduct();
      case "risk":
        return this.#questions();
      case "details":
        return this.#details();
      case "review":
        return this.#review();
      default:
        return this.#done();
    }
  }

  /** @param {number} index */
  #buttons(index) {
    return html`<footer class="actions">
      <button class="button quiet" type="button" @click=${index === 0 ? this.#close : this.#back}>
        <wa-icon name=${index === 0 ? "x" : "arrow-left"}></wa-icon>${index === 0 ? t("Leave the form") : t("Back")}
      </button>
      ${isOpen(this.state.session)
        ? nothing
        : html`<button class="button accent" type="button" ?disabled=${!this.state.online} @click=${this.#askExpert}>
            <wa-icon name="headset"></wa-icon>${t("Talk to an expert")}
          </button>`}
      <button class="button primary" type="submit">
        ${this.#step === "review" ? t("Buy now") : t("Next")}<wa-icon name="arrow-right"></wa-icon>
      </button>
    </footer>`;
  }

  #chooseProduct() {
    return html`<fieldset class="products">
      <legend>${t("Which product?")}</legend>
      ${this.#problem("product")}
      ${PRODUCTS.map(
        (product) => html`<label class="product ${this.#product === product ? "chosen" : ""}">
          <input type="radio" name="product" value=${product.id} .checked=${live(this.#product === product)}
            @change=${() => this.#choose(product)} />
          <span class="product-name"><b>${t(product.name)}</b><small>${t(product.about)}</small></span>
          <span class="fact"><b>${product.benchmark}</b><small>${t("benchmark a year")}</small></span>
          <span class="fact"><b>${t(product.term)}</b><small>${t("term")}</small></span>
          <span class="risk risk-${product.risk}">${t("Risk {level}", { level: `R${product.risk}` })}</span>
        </label>`,
      )}
      <p class="small-print">
        ${t("The benchmark is no promise of a return. Wealth products are not deposits; please invest with care.")}
      </p>
    </fieldset>`;
  }

  #questions() {
    return html`<p class="lead">${t("Four questions about you, so that you buy nothing too risky.")}</p>
      ${this.#problem("risk")}
      ${QUESTIONS.map(
        ({ id, question, answers }, number) => html`<fieldset class="question">
          <legend>${number + 1}. ${t(question)}</legend>
          <div class="answers">
            ${answers.map(
              (answer, index) => html`<label class="answer ${this.#answers[number] === index + 1 ? "chosen" : ""}">
                <input type="radio" name=${id} value=${index + 1} .checked=${live(this.#answers[number] === index + 1)}
                  @change=${() => this.#answer(number, index + 1)} />${t(answer)}
              </label>`,
            )}
          </div>
        </fieldset>`,
      )}`;
  }

  #details() {
    const product = this.#product;
    if (!product) return nothing;
    const limits = t("From {least} yuan, in steps of {step}", { least: money(product.least), step: money(product.step) });
    return html`<p class="lead">
        <wa-icon name="lock"></wa-icon>${t("Numbers you enter here are neither recorded nor shown to the expert.")}
      </p>
      <div class="fields">
        ${this.#field("name", t("Name"), { hint: t("As on your identity card"), most: 60 })}
        ${this.#field("identity", t("Identity number"), { most: 20 })}
        ${this.#field("card", t("Number of the bank card that pays"), { mode: "numeric", most: 24 })}
        ${this.#field("phone", t("Mobile number"), { mode: "tel", most: 13 })}
        ${this.#field("amount", t("Amount in yuan"), { mode: "numeric", most: 12, hint: limits, plain: true })}
      </div>`;
  }

  #review() {
    const product = this.#product;
    if (!product) return nothing;
    const { name, identity, card, phone, amount } = this.#values;
    return html`<dl class="summary">
        ${this.#row(t("Product"), `${t(product.name)} · R${product.risk} · ${t(product.term)}`)}
        ${this.#row(t("Amount"), `${money(Number(amount.replace(/[\s,，]/g, "")))} ${t("yuan")}`)}
        ${this.#row(t("Your risk level"), `C${toleranceOf(this.#answers)}`)} ${this.#row(t("Name"), name, true)}
        ${this.#row(t("Identity number"), veiled(identity, 4, 4), true)}
        ${this.#row(t("Bank card"), veiled(card, 0, 4), true)} ${this.#row(t("Mobile number"), veiled(phone, 3, 2), true)}
      </dl>
      <label class="terms ${this.#errors.terms ? "wrong" : ""}">
        <input type="checkbox" name="terms" .checked=${live(this.#terms)} @change=${this.#toggleTerms} />
        <span>${t("I have read the product description and the risk notice, and I understand that I may lose money.")}</span>
      </label>
      ${this.#problem("terms")}
      <div class="fields">
        ${this.#field("password", t("Password of the bank card"), { type: "password", mode: "numeric", most: 6 })}
      </div>`;
  }

  #done() {
    return html`<div class="finished" role="status">
      <span class="seal"><wa-icon name="circle-check"></wa-icon></span>
      <h2>${t("Your order has been received")}</h2>
      <p class="lead">${t("The bank confirms it by a message to your mobile phone within one working day.")}</p>
      <p class="small-print">${t("This is a demonstration form: nothing is bought and no money moves.")}</p>
      <div class="actions">
        <button class="button primary big" type="button" @click=${this.#finish}>${t("Finish")}</button>
      </div>
    </div>`;
  }

  /**
   * @param {FieldName} name
   * @param {string} label
   * @param {{hint?: string, type?: string, mode?: string, most: number, plain?: boolean}} options
   */
  #field(name, label, { hint = "", type = "text", mode = "text", most, plain = false }) {
    const error = this.#errors[name];
    const dotted = SECRET.has(name) && this.#values[name] !== "" && this.#shown !== name;
    return html`<div class="field ${error ? "wrong" : ""}">
      <label for="field-${name}">${label}</label>
      <input id="field-${name}" class=${dotted ? "dotted" : ""} name=${name} type=${type} inputmode=${mode} maxlength=${most} autocomplete="off"
        spellcheck="false" ?data-cobrowse-plain=${plain} aria-invalid=${error ? "true" : "false"}
        aria-describedby="hint-${name}" .value=${live(this.#values[name])} @input=${this.#enter} @change=${this.#look}
        @focus=${this.#reveal} @pointerdown=${this.#reveal} @blur=${this.#conceal} />
      <p id="hint-${name}" class="hint" role=${error ? "alert" : nothing}>${error ? t(error) : dotted ? t("Tap to show it for a few seconds") : hint}</p>
    </div>`;
  }

  /** @param {string} label @param {string} value @param {boolean} [secret] */
  #row(label, value, secret = false) {
    return html`<div><dt>${label}</dt><dd ?data-cobrowse-mask=${secret}>${value}</dd></div>`;
  }

  /** @param {"product" | "risk" | "terms"} name */
  #problem(name) {
    const error = this.#errors[name];
    return error
      ? html`<div class="note danger" role="alert"><wa-icon name="circle-alert"></wa-icon><p>${t(error)}</p></div>`
      : nothing;
  }

  /** @param {import("./catalogue.js").Product} product */
  #choose(product) {
    this.#product = product;
    this.#errors = {};
    this.requestUpdate();
  }

  /** @param {number} number @param {number} points */
  #answer(number, points) {
    this.#answers = Object.assign([...this.#answers], { [number]: points });
    this.#errors = {};
    this.requestUpdate();
  }

  /** @param {Event} event */
  #enter = (event) => {
    this.#reveal(event);
    const input = /** @type {HTMLInputElement} */ (event.target);
    const name = /** @type {FieldName} */ (input.name);
    this.#values = { ...this.#values, [name]: input.value };
    if (this.#errors[name]) this.#look(event);
  };

  /** Say what is wrong with a field once the customer has left it. @param {Event} event */
  #look = (event) => {
    const { name } = /** @type {HTMLInputElement} */ (event.target);
    this.#errors = { ...this.#errors, [name]: this.#check(/** @type {FieldName} */ (name)) ?? undefined };
    this.requestUpdate();
  };

  /** A tap or a key shows the number for a few seconds. @param {Event} event */
  #reveal = (event) => {
    const { name } = /** @type {HTMLInputElement} */ (event.target);
    if (!SECRET.has(name)) return;
    clearTimeout(this.#hiding);
    this.#hiding = setTimeout(this.#conceal, SHOWN_MS);
    this.#shown = name;
    this.requestUpdate();
  };

  #conceal = () => {
    clearTimeout(this.#hiding);
    this.#shown = "";
    this.requestUpdate();
  };

  #toggleTerms = () => {
    this.#terms = !this.#terms;
    this.#errors = {};
    this.requestUpdate();
  };

  /** @param {FieldName} name @returns {string | null} */
  #check(name) {
    const value = this.#values[name];
    switch (name) {
      case "name":
        return checkName(value);
      case "identity":
        return checkIdentity(value);
      case "card":
        return checkCard(value);
      case "phone":
        return checkPhone(value);
      case "amount":
        return this.#product ? checkAmount(value, this.#product) : null;
      default:
        return checkPassword(value);
    }
  }

  /** @param {FieldName[]} names */
  #checkAll(...names) {
    /** @type {Partial<Record<FieldName, string>>} */
    const errors = {};
    for (const name of names) {
      const error = this.#check(name);
      if (error) errors[name] = error;
    }
    return errors;
  }

  /** What is missing for the next step. */
  #obstacles() {
    switch (this.#step) {
      case "product":
        return this.#product ? {} : { product: msg("Please choose a product.") };
      case "risk": {
        const answered = QUESTIONS.every((_, number) => this.#answers[number]);
        if (!answered) return { risk: msg("Please answer all four questions.") };
        const fits = this.#product && this.#product.risk <= toleranceOf(this.#answers);
        return fits
          ? {}
          : { risk: msg("By your answers this product is too risky for you. Please go back and choose another, or ask an expert.") };
      }
      case "details":
        return this.#checkAll("name", "identity", "card", "phone", "amount");
      default:
        return { ...this.#checkAll("password"), ...(this.#terms ? {} : { terms: msg("Please read this and agree.") }) };
    }
  }

  /** @param {Event} event */
  #submit = (event) => {
    event.preventDefault();
    this.#errors = this.#obstacles();
    if (Object.keys(this.#errors).length) {
      this.requestUpdate();
      void this.updateComplete.then(() => this.#showProblem());
      return;
    }
    const next = STEPS[STEPS.findIndex(({ id }) => id === this.#step) + 1].id;
    if (next === "done") this.#values = { name: "", identity: "", card: "", phone: "", amount: "", password: "" };
    this.#go(next);
  };

  #showProblem() {
    const wrong = /** @type {HTMLElement | null} */ (this.querySelector("[aria-invalid=true], .note.danger, .terms.wrong"));
    wrong?.scrollIntoView({ block: "center" });
    wrong?.focus({ preventScroll: true });
  }

  #back = () => this.#go(STEPS[STEPS.findIndex(({ id }) => id === this.#step) - 1].id);

  /** @param {Step} step */
  #go(step) {
    this.#step = step;
    this.#errors = {};
    this.#values = { ...this.#values, password: "" };
    this.kiosk.reachStep(step);
    this.requestUpdate();
    void this.updateComplete.then(() => {
      const title = /** @type {HTMLElement | null} */ (this.querySelector(".form-body"));
      title?.scrollTo({ top: 0 });
      // The pressed button may be gone with its step: move the focus to the top of the new one.
      const heading = /** @type {HTMLElement | null} */ (this.querySelector("h1"));
      heading?.focus({ preventScroll: true });
    });
  }

  #askExpert = () => {
    const service = this.state.config?.services.find(({ id }) => id.startsWith("wealth")) ?? null;
    this.kiosk.wantExpert(service);
  };

  #close = () => this.kiosk.closeForm();

  #finish = () => {
    if (isOpen(this.state.session)) this.kiosk.closeForm();
    else this.kiosk.finish();
  };
}

/**
 * A number as a person needs it to recognise it: its ends.
 *
 * @param {string} text
 * @param {number} start
 * @param {number} end
 */
function veiled(text, start, end) {
  const plain = text.replace(/[\s-]/g, "");
  return `${plain.slice(0, start)}******${plain.slice(-end)}`;
}

customElements.define("kiosk-form", KioskForm);
