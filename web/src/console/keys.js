// The console's keys: one table, which works them and which the help dialog shows.
import { msg } from "../i18n.js";
import { hasPicture } from "./documents.js";
import { inCall, inWrapUp, isLead, ownPause } from "./state.js";

/** @typedef {import("./element.js").App} App */
/** @typedef {HTMLElement & {hangUp(): void}} Topbar */
/** @typedef {import("./screen.js").ConsoleScreen} Screen */
/** @typedef {{root: HTMLElement, app: App}} Context */
/**
 * `code` is a KeyboardEvent.code; `shown` what stands on the key. A letter works alone where nothing is being typed, and
 * with Alt everywhere; a function key works everywhere. `signs` are what a key types that lies elsewhere on other keyboards.
 *
 * @typedef {{code: string, signs?: string, shown: string, text: string, when: (app: App) => boolean,
 *   act: (context: Context) => void}} Key
 */

/** @param {App} app */
const call = (app) => inCall(app.store.state.session);
/** @param {App} app */
const leads = (app) => call(app) && isLead(app.store.state);
/** @param {App} app */
const onScreen = (app) => call(app) && app.store.state.emphasis === "screen";
/** @param {App} app */
const open = (app) => app.store.state.session !== null;

/**
 * @template T
 * @param {HTMLElement} root
 * @param {string} selector
 * @returns {T | null}
 */
const part = (root, selector) => /** @type {T | null} */ (/** @type {unknown} */ (root.querySelector(selector)));

/** @param {HTMLElement} root */
const screen = (root) => /** @type {Screen | null} */ (root.querySelector("console-screen"));

/** @param {App} app */
function openDocument(app) {
  const documents = app.store.state.session?.documents.filter(hasPicture) ?? [];
  const wanted = documents.findLast(({ state }) => state === "stored") ?? documents.at(-1);
  if (wanted) app.store.set({ document: wanted.id });
}

/** @type {Key[]} */
export const KEYS = [
  {
    code: "F1",
    shown: "F1",
    text: msg("Customer's screen large"),
    when: call,
    act: ({ app }) => app.store.set({ emphasis: "screen" }),
  },
  {
    code: "F2",
    shown: "F2",
    text: msg("Customer large"),
    when: call,
    act: ({ app }) => app.store.set({ emphasis: "customer" }),
  },
  {
    code: "F3",
    shown: "F3",
    text: msg("Document camera large"),
    when: call,
    act: ({ app }) => app.store.set({ emphasis: "camera" }),
  },
  {
    code: "F4",
    shown: "F4",
    text: msg("Open the paper that waits for a decision"),
    when: open,
    act: ({ app }) => openDocument(app),
  },
  {
    code: "KeyP",
    shown: "P",
    text: msg("Show or hide my pointer"),
    when: call,
    act: ({ root }) => part(root, "console-screen")?.togglePointer(),
  },
  { code: "KeyX", shown: "X", text: msg("Clear the outline"), when: call, act: ({ app }) => app.desk.highlight(null) },
  {
    code: "NumpadAdd",
    signs: "+=",
    shown: "+",
    text: msg("Customer's screen larger"),
    when: onScreen,
    act: ({ root }) => screen(root)?.step(1),
  },
  {
    code: "NumpadSubtract",
    signs: "-−",
    shown: "−",
    text: msg("Customer's screen smaller"),
    when: onScreen,
    act: ({ root }) => screen(root)?.step(-1),
  },
  {
    code: "Digit0",
    shown: "0",
    text: msg("All of the customer's screen"),
    when: onScreen,
    act: ({ root }) => screen(root)?.zoomTo("whole"),
  },
  {
    code: "KeyR",
    shown: "R",
    text: msg("Large enough to be read"),
    when: onScreen,
    act: ({ root }) => screen(root)?.zoomTo("readable"),
  },
  {
    code: "KeyW",
    shown: "W",
    text: msg("Its full width"),
    when: onScreen,
    act: ({ root }) => screen(root)?.zoomTo("width"),
  },
  {
    code: "Digit1",
    shown: "1",
    text: msg("In its own size"),
    when: onScreen,
    act: ({ root }) => screen(root)?.zoomTo(1),
  },
  {
    code: "KeyF",
    shown: "F",
    text: msg("Follow what the customer does, or stay"),
    when: onScreen,
    act: ({ root }) => screen(root)?.toggleFollow(),
  },
  {
    code: "KeyB",
    shown: "B",
    text: msg("Masked fields: black boxes or hatching"),
    when: onScreen,
    act: ({ root }) => screen(root)?.toggleBoxes(),
  },
  {
    code: "KeyD",
    shown: "D",
    text: msg("Ask for a paper"),
    when: call,
    act: ({ root }) => part(root, "console-documents")?.focusAsk(),
  },
  {
    code: "KeyC",
    shown: "C",
    text: msg("Write in the chat"),
    when: call,
    act: ({ root }) => part(root, "console-chat")?.focusField(),
  },
  {
    code: "KeyN",
    shown: "N",
    text: msg("Write notes"),
    when: call,
    act: ({ root }) => part(root, "console-notes")?.focusField(),
  },
  {
    code: "KeyM",
    shown: "M",
    text: msg("Microphone on or off"),
    when: call,
    act: ({ app }) => app.media.toggle("microphone"),
  },
  { code: "KeyV", shown: "V", text: msg("Camera on or off"), when: call, act: ({ app }) => app.media.toggle("camera") },
  {
    code: "KeyH",
    shown: "H",
    text: msg("Hold or resume"),
    when: call,
    act: ({ app }) => void app.desk.hold(app.store.state.session?.state !== "held"),
  },
  {
    code: "KeyS",
    shown: "S",
    text: msg("Pause the recording for something secret, or go on"),
    when: leads,
    act: ({ app }) => void app.desk.pauseRecording(!ownPause(app.store.state.session)),
  },
  {
    code: "KeyE",
    shown: "E",
    text: msg("End the call (press twice)"),
    when: call,
    act: ({ root }) => part(root, "console-topbar")?.hangUp(),
  },
  {
    code: "KeyA",
    shown: "A",
    text: msg("Take calls, or none; in a call: what follows it"),
    when: () => true,
    act: ({ app }) => app.desk.switchAvailable(),
  },
];

/** Keys that parts of the console work themselves; here for the help dialog. */
export const OTHER_KEYS = [
  { shown: "Enter", text: msg("Answer a ringing call") },
  { shown: "Esc", text: msg("Decline a ringing call; close what is open") },
  { shown: "← → ↑ ↓", text: msg("On the customer's screen: move the pointer, or without it the page") },
  { shown: "Page ↑ ↓", text: msg("On the customer's screen: up and down; the wheel does so too, with Ctrl it zooms") },
  { shown: "1–9", text: msg("After the call: choose the outcome") },
  { shown: "+ − 0 1 R", text: msg("In a paper: zoom, fit, full resolution, rotate") },
  { shown: "A / J", text: msg("In a paper: accept it, or ask again") },
  { shown: "?", text: msg("Show this help") },
];

/** Whether what the person types is text. @param {EventTarget | null} target */
function typing(target) {
  return (
    target instanceof HTMLElement &&
    (target.matches("textarea, select") || (target.matches("input") && !target.matches("[type=radio]")))
  );
}

/**
 * Work the keys of the console in `root` from now on.
 *
 * @param {Context} context
 */
export function listen(context) {
  addEventListener("keydown", (event) => {
    if (
      event.repeat ||
      event.ctrlKey ||
      event.metaKey ||
      event.isComposing ||
      context.root.querySelector("dialog[open]")
    )
      return;
    const words = typing(event.target);
    if (event.key === "?" && !words) {
      event.preventDefault();
      context.app.store.set({ help: true });
      return;
    }
    const { session } = context.app.store.state;
    if (inWrapUp(session) && /^[1-9]$/.test(event.key) && !words) {
      event.preventDefault();
      part(context.root, "console-wrapup")?.choose(Number(event.key));
      return;
    }
    const sign = KEYS.find(({ signs }) => event.key.length === 1 && signs?.includes(event.key));
    const key = sign ?? KEYS.find(({ code }) => code === event.code);
    if (!key || !key.when(context.app)) return;
    const shift = event.shiftKey && !sign;
    const plain = !event.altKey && !shift;
    if (event.code.startsWith("F") ? !plain : !(event.altKey && !shift) && !(plain && !words)) return;
    event.preventDefault();
    key.act(context);
  });
}
