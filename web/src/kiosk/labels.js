// Texts for the protocol's codes, for customers, in the page's language.
import { language, msg, t } from "../i18n.js";
import { partsOf, roleOf } from "../link/participants.js";

/** @typedef {import("../link/messages.js").Service} Service */

/** @type {Record<string, string>} */
const DOCUMENTS = {
  identity_card: msg("Identity card"),
  bank_card: msg("Bank card"),
  contract: msg("Contract"),
  income_proof: msg("Proof of income"),
  other: msg("Other paper"),
};

/** @type {Record<string, string>} */
const LAY = {
  identity_card: msg("Lay your identity card flat in the middle of the tray, the side with your photograph up."),
  bank_card: msg("Lay your bank card flat in the middle of the tray. Please cover the three digits on its back."),
  contract: msg("Lay the page flat on the tray, its top edge towards the screen. One page at a time."),
  income_proof: msg("Lay the page flat on the tray, its top edge towards the screen. One page at a time."),
  other: msg("Lay the paper flat in the middle of the tray, its top edge towards the screen."),
};

/** @type {Record<string, string>} */
const DOCUMENT_ICONS = { identity_card: "id-card", bank_card: "credit-card", contract: "signature", income_proof: "banknote" };

/** @type {Record<string, string>} */
const DOCUMENT_FAILURES = {
  camera_failed: msg("The document camera cannot be used just now. The expert will tell you what to do."),
  tray_closed: msg("The document camera was closed before the picture was taken."),
  upload_failed: msg("The picture could not be sent."),
  unprocessable: msg("The picture could not be read."),
  other: msg("The picture could not be taken."),
};

/** @type {Record<string, string>} */
const ERRORS = {
  unavailable: msg("The expert service cannot be reached just now. Please try again in a moment."),
  rate_limited: msg("Please wait a moment before you try again."),
  wrong_state: msg("This is no longer possible. Please try again."),
  interrupted: msg("The call was interrupted"),
  other: msg("Something went wrong. Please try again, or ask the lobby staff."),
};

/** @type {Record<string, string>} */
const RECORDED = {
  picture: msg("picture"),
  sound: msg("sound"),
  screen: msg("screen"),
  documents: msg("papers"),
};

/** What is not recorded, said to the customer. @type {Record<string, string>} */
const UNRECORDED = {
  "customer.camera": msg("your picture"),
  "customer.microphone": msg("your voice"),
  "specialist.camera": msg("the expert's picture"),
  "specialist.microphone": msg("the expert's voice"),
  cobrowse: msg("this screen"),
};

/** @type {Record<string, keyof typeof RECORDED>} */
const TRACK_GROUPS = {
  camera: "picture",
  microphone: "sound",
  cobrowse: "screen",
  auxiliary: "documents",
};

/**
 * What is wrong with the network, worded so as not to alarm: on the customer's side and on the expert's, by reason.
 *
 * @type {Record<"kiosk" | "specialist", Record<"weak" | "bad", Record<string, string>>>}
 */
const NETWORKS = {
  kiosk: {
    weak: {
      loss: msg("The network is unsteady just now"),
      delay: msg("The sound arrives a little late"),
      bandwidth: msg("The network is slow just now"),
      silent: msg("The network is interrupted just now"),
    },
    bad: {
      loss: msg("The network is very unsteady just now"),
      delay: msg("The sound arrives late"),
      bandwidth: msg("The network is very slow just now"),
      silent: msg("The network is interrupted just now"),
    },
  },
  specialist: {
    weak: {
      loss: msg("The expert's network is unsteady just now"),
      delay: msg("The sound arrives a little late"),
      bandwidth: msg("The expert's network is slow just now"),
      silent: msg("The expert's network is interrupted just now"),
    },
    bad: {
      loss: msg("The expert's network is very unsteady just now"),
      delay: msg("The sound arrives late"),
      bandwidth: msg("The expert's network is very slow just now"),
      silent: msg("The expert's network is interrupted just now"),
    },
  },
};

/**
 * What happens next, and what there is to do.
 *
 * @type {Record<"kiosk" | "specialist", Record<"weak" | "bad" | "delay" | "silent", string>>}
 */
const NEXT = {
  kiosk: {
    weak: msg("The picture may be less clear for a while. The sound goes first: please just go on talking."),
    bad: msg("Picture and sound may stop for moments. The call goes on and reconnects by itself. You need not do anything."),
    delay: msg("Please wait a moment after each sentence. The call goes on as usual."),
    silent: msg("The call reconnects by itself, usually within seconds. You need not do anything."),
  },
  specialist: {
    weak: msg("You may see the expert less clearly for a while. The sound goes first: please just go on talking."),
    bad: msg("You may not see or hear the expert for moments. The call goes on and reconnects by itself. You need not do anything."),
    delay: msg("Please wait a moment after each sentence. The call goes on as usual."),
    silent: msg("The expert is being reconnected, usually within seconds. You need not do anything."),
  },
};

/** While messages do not pass but media does. @type {{bad: boolean, messages: [string, string]}} */
export const awayMessages = {
  bad: false,
  messages: [msg("Messages are late just now"), msg("Sound and picture go on. The rest is being restored by itself.")],
};

/**
 * The messages (in English, to be translated) about the worse of the two networks; null while both are good.
 *
 * @param {import("../link/messages.js").Network[]} networks
 * @returns {{bad: boolean, messages: [string, string]} | null}
 */
export function networkMessages(networks) {
  const worst = networks.find(({ quality }) => quality === "bad") ?? networks[0];
  if (!worst) return null;
  const side = roleOf(worst.participant) === "customer" ? "kiosk" : "specialist";
  const quality = worst.quality === "bad" ? "bad" : "weak";
  const { reason } = worst;
  const next = reason === "delay" || reason === "silent" ? reason : quality;
  const said = NETWORKS[side][quality];
  return { bad: quality === "bad", messages: [said[reason] ?? said.loss, NEXT[side][next]] };
}

/** @param {string} code */
export const documentName = (code) => t(DOCUMENTS[code] ?? DOCUMENTS.other);
/** @param {string} code */
export const howToLay = (code) => t(LAY[code] ?? LAY.other);
/** @param {string} code */
export const documentIcon = (code) => DOCUMENT_ICONS[code] ?? "file-text";
/** @param {string} code */
export const documentFailure = (code) => t(DOCUMENT_FAILURES[code] ?? DOCUMENT_FAILURES.other);
/** @param {string} code */
export const errorText = (code) => t(ERRORS[code] ?? ERRORS.other);

/** @param {Service} service */
export const serviceName = (service) => (language() === "en" ? service.name_en : service.name_zh);

/**
 * What is being recorded, in words, in a fixed order.
 *
 * @param {import("../link/messages.js").RecordedTrack[]} tracks
 * @returns {string[]}
 */
export function recorded(tracks) {
  const groups = new Set(tracks.map(({ name }) => TRACK_GROUPS[partsOf(name).medium]));
  return Object.keys(RECORDED)
    .filter((group) => groups.has(group))
    .map((group) => t(RECORDED[group]));
}

/**
 * What should be recorded and is not, in words.
 *
 * @param {import("../link/messages.js").StalledTrack[]} tracks
 * @returns {string[]}
 */
export function unrecorded(tracks) {
  const names = tracks.map(({ name }) => {
    const { participant, medium } = partsOf(name);
    return participant ? `${roleOf(participant)}.${medium}` : medium;
  });
  return Object.keys(UNRECORDED)
    .filter((name) => names.includes(name))
    .map((name) => t(UNRECORDED[name]));
}

/** An amount of money with thousands separators. @param {number} amount */
export const money = (amount) => new Intl.NumberFormat(language(), { maximumFractionDigits: 2 }).format(amount);
