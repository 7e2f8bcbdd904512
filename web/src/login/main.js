// The login page works without this script; here are the language, showing the password, and clear words while typing.
import { LANGUAGES, formatDuration, language, languageEvents, setLanguage, t } from "../i18n.js";

/** @param {string} id */
const element = (id) => document.getElementById(id);

const form = /** @type {HTMLFormElement} */ (document.querySelector(".login-form"));
const name = /** @type {HTMLInputElement} */ (element("login"));
const password = /** @type {HTMLInputElement} */ (element("password"));
const submit = /** @type {HTMLButtonElement} */ (element("submit"));
const reveal = /** @type {HTMLButtonElement} */ (element("reveal"));
const languageButton = /** @type {HTMLButtonElement} */ (element("language"));
const caps = element("caps");
const missing = element("missing");

function label() {
  const other = language() === "en" ? "zh-CN" : "en";
  languageButton.textContent = LANGUAGES[other];
  languageButton.lang = other;
  reveal.textContent = password.type === "password" ? t("Show") : t("Hide");
  reveal.setAttribute("aria-label", password.type === "password" ? t("Show the password") : t("Hide the password"));
  document.title = `${t("Sign in")} · Visavis`;
}

languageButton.addEventListener("click", () => void setLanguage(language() === "en" ? "zh-CN" : "en"));
languageEvents.addEventListener("change", label);

reveal.addEventListener("click", () => {
  const shown = password.type === "password";
  password.type = shown ? "text" : "password";
  reveal.setAttribute("aria-pressed", String(shown));
  label();
  password.focus();
});

for (const type of /** @type {const} */ (["keydown", "keyup"])) {
  password.addEventListener(type, (event) => {
    if (caps) caps.hidden = !event.getModifierState?.("CapsLock");
  });
}

form.addEventListener("submit", (event) => {
  const empty = !name.value.trim() ? name : !password.value ? password : null;
  if (missing) missing.hidden = !empty;
  if (empty) {
    event.preventDefault();
    empty.focus();
    return;
  }
  // A fragment never reaches the server: the moment of a recording that somebody was sent goes with the address.
  const next = /** @type {HTMLInputElement | null} */ (form.querySelector("[name=next]"));
  if (next?.value && !next.value.includes("#")) next.value += location.hash;
  password.type = "password";
  submit.disabled = true;
  submit.classList.add("busy");
});

// Coming back by the browser's history shows the page as it was left: usable again.
addEventListener("pageshow", () => {
  submit.classList.remove("busy");
  submit.disabled = Boolean(waiting());
});

/** Seconds until the next attempt is allowed. */
function waiting() {
  return Math.max(0, Math.ceil((until - performance.now()) / 1000));
}

const until = performance.now() + Number(element("login-error")?.dataset.wait ?? 0) * 1000;

function countDown() {
  const left = waiting();
  const wait = element("wait");
  if (wait) wait.textContent = left ? formatDuration(left) : "";
  submit.disabled = left > 0;
  if (left) setTimeout(countDown, 1000);
}

label();
if (waiting()) countDown();
