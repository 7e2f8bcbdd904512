// Words for what is wrong with the specialist's own camera and microphone.
import { msg, t } from "../i18n.js";

/** @typedef {import("./media.js").DeviceState} DeviceState */

/** @type {Record<"microphone" | "camera", Partial<Record<DeviceState, string>>>} */
const TROUBLE = {
  microphone: {
    denied: msg("The browser does not allow the microphone."),
    missing: msg("No microphone was found."),
    busy: msg("Another program is using the microphone."),
  },
  camera: {
    denied: msg("The browser does not allow the camera."),
    missing: msg("No camera was found."),
    busy: msg("Another program is using the camera."),
  },
};

/**
 * What is wrong with a device, as one sentence, or null.
 *
 * @param {Record<"microphone" | "camera", DeviceState>} devices
 * @param {"microphone" | "camera"} name
 */
export function deviceTrouble(devices, name) {
  const message = TROUBLE[name][devices[name]];
  return message ? t(message) : null;
}

/** The consequence for a call, or null. @param {Record<"microphone" | "camera", DeviceState>} devices */
export function troubleSummary(devices) {
  const microphone = deviceTrouble(devices, "microphone");
  const camera = deviceTrouble(devices, "camera");
  if (microphone && camera) return t("The customer will neither hear nor see you. You can write in the chat.");
  if (microphone) return t("The customer will not hear you. You can write in the chat.");
  if (camera) return t("The customer will hear you but not see you.");
  return null;
}
