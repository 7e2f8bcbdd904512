// The player's keys: one table, which works them and which the help dialog shows.
import { msg } from "../i18n.js";

/** @typedef {import("./player.js").LibraryPlayer} Player */
/**
 * `keys` are values of KeyboardEvent.key, `shown` what stands on the key. One that is a `letter` can be switched off (WCAG
 * 2.1.4): who speaks to the machine types letters by accident. With `shift` only with that key; where it is not said, without.
 *
 * @typedef {{keys: string[], shown: string, text: string, letter?: boolean, shift?: boolean, act: (player: Player, key: string) => void}} Key
 */

const STEP_MS = 5000;
const PAGE_MS = 30_000;

/** @param {number} ms @returns {(player: Player) => void} */
const by = (ms) => ({ recording }) => recording.seek(recording.clock.now + ms);

/** @type {Key[]} */
export const KEYS = [
  { keys: [" "], shown: "Space", text: msg("Play or pause"), act: ({ recording }) => recording.clock.toggle() },
  { keys: ["k", "K"], shown: "K", text: msg("Play or pause"), letter: true, act: ({ recording }) => recording.clock.toggle() },
  { keys: ["ArrowLeft", "ArrowDown"], shown: "←", text: msg("Back 5 seconds"), act: by(-STEP_MS) },
  { keys: ["ArrowRight", "ArrowUp"], shown: "→", text: msg("Forward 5 seconds"), act: by(STEP_MS) },
  { keys: ["ArrowLeft", "ArrowDown"], shown: "Shift ←", text: msg("Back 30 seconds"), shift: true, act: by(-PAGE_MS) },
  { keys: ["ArrowRight", "ArrowUp"], shown: "Shift →", text: msg("Forward 30 seconds"), shift: true, act: by(PAGE_MS) },
  { keys: ["PageDown"], shown: "Page ↓", text: msg("Back 30 seconds"), act: by(-PAGE_MS) },
  { keys: ["PageUp"], shown: "Page ↑", text: msg("Forward 30 seconds"), act: by(PAGE_MS) },
  { keys: ["Home"], shown: "Home", text: msg("To the beginning"), act: ({ recording }) => recording.seek(0) },
  {
    keys: ["End"],
    shown: "End",
    text: msg("To the end, or to now in a running call"),
    act: ({ recording }) => (recording.live ? recording.follow() : recording.seek(recording.clock.length)),
  },
  { keys: [","], shown: ",", text: msg("One frame back"), letter: true, act: (player) => player.step(-1) },
  { keys: ["."], shown: ".", text: msg("One frame on"), letter: true, act: (player) => player.step(1) },
  { keys: ["p", "P"], shown: "P", text: msg("To the event before"), letter: true, act: (player) => player.toEvent(-1) },
  { keys: ["n", "N"], shown: "N", text: msg("To the next event"), letter: true, act: (player) => player.toEvent(1) },
  { keys: ["-"], shown: "−", text: msg("Slower"), letter: true, act: (player) => player.faster(-1) },
  { keys: ["+", "="], shown: "+", text: msg("Faster"), letter: true, act: (player) => player.faster(1) },
  { keys: ["s", "S"], shown: "S", text: msg("Pass over silence and waiting, or not"), letter: true, act: (player) => player.toggleSkipping() },
  { keys: ["m", "M"], shown: "M", text: msg("Sound on or off"), letter: true, act: (player) => player.toggleSound() },
  { keys: [..."123456789"], shown: "1–9", text: msg("This picture large"), letter: true, act: (player, key) => player.enlarge(Number(key)) },
  { keys: ["b", "B"], shown: "B", text: msg("Bookmark this moment"), letter: true, act: (player) => player.addBookmark() },
  { keys: ["l", "L"], shown: "L", text: msg("Copy a link to this moment"), letter: true, act: (player) => void player.copyLink() },
  { keys: ["?"], shown: "?", text: msg("Show these keys"), letter: true, act: (player) => player.showHelp() },
];

/** Keys that are typed with Shift on some keyboards. */
const ANY_SHIFT = new Set(["?", "+", "=", "-"]);

/**
 * The key that an event is, or undefined.
 *
 * @param {Pick<KeyboardEvent, "key" | "shiftKey" | "ctrlKey" | "metaKey" | "altKey">} event
 * @param {boolean} letters whether letters work
 */
export function keyOf({ key, shiftKey, ctrlKey, metaKey, altKey }, letters) {
  if (ctrlKey || metaKey || altKey) return undefined;
  return KEYS.find(
    ({ keys, letter = false, shift = false }) =>
      keys.includes(key) && (letters || !letter || key === "?") && (shift === shiftKey || (letter && (ANY_SHIFT.has(key) || key.length === 1))),
  );
}
