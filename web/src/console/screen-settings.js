// How a specialist wants to see customers' screens, kept in this browser for each specialist.
import { isZoom } from "../cobrowse/lens.js";

/** @typedef {{zoom: import("../cobrowse/lens.js").Zoom, follow: boolean, hatched: boolean}} ScreenSettings */

const KEY = "visavis.console.screen.";

/** Stored settings may be of an older version; invalid ones are ignored. @param {string} person */
export function readSettings(person) {
  /** @type {any} */
  let kept = null;
  try {
    kept = JSON.parse(localStorage.getItem(KEY + person) ?? "null");
  } catch {
    // No storage, or no JSON.
  }
  return /** @type {ScreenSettings} */ ({
    zoom: isZoom(kept?.zoom) ? kept.zoom : "readable",
    follow: kept?.follow !== false,
    hatched: kept?.hatched === true,
  });
}

/** @param {string} person @param {ScreenSettings} settings */
export function keepSettings(person, settings) {
  try {
    localStorage.setItem(KEY + person, JSON.stringify(settings));
  } catch {
    // Without storage the settings are lost with the page; everything else works.
  }
}
