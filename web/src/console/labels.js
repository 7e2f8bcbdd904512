// Words for the protocol's codes, and names of things in the page's language. A code that is not known is shown as it is.
import { GAPS, PAUSES } from "../gaps.js";
import { language, msg, t } from "../i18n.js";
import { partsOf, roleOf } from "../link/participants.js";

/** @typedef {import("../link/messages.js").Session} Session */
/** @typedef {import("../link/messages.js").Service} Service */
/** @typedef {import("../link/messages.js").Document} CallDocument */

/** @type {Record<string, string>} */
const DOCUMENTS = {
  identity_card: msg("Identity card"),
  bank_card: msg("Bank card"),
  contract: msg("Contract"),
  income_proof: msg("Proof of income"),
  other: msg("Other paper"),
};

/** @type {Record<string, string>} */
const DOCUMENT_ICONS = {
  identity_card: "id-card",
  bank_card: "credit-card",
  contract: "signature",
  income_proof: "banknote",
  other: "file-text",
};

/** @type {Record<string, string>} */
const DOCUMENT_STATES = {
  requested: msg("Waiting for the customer"),
  agreed: msg("Being taken"),
  declined: msg("Declined by the customer"),
  failed: msg("Could not be taken"),
  stored: msg("Please check"),
  accepted: msg("Accepted"),
  rejected: msg("Asked again"),
};

/** @type {Record<string, string>} */
const OUTCOMES = {
  resolved: msg("Resolved"),
  follow_up: msg("Follow-up agreed"),
  appointment: msg("Appointment made"),
  referred: msg("Referred to the branch"),
  declined: msg("Customer decided against it"),
  unresolved: msg("Not resolved"),
  technical: msg("Technical problem"),
  other: msg("Something else"),
};

/** @type {Record<string, string>} */
const STEPS = {
  start: msg("Start page"),
  product: msg("Choosing a product"),
  risk: msg("Risk questions"),
  details: msg("Personal details"),
  review: msg("Review"),
  done: msg("Received"),
};

/** @type {Record<string, string>} */
const REASONS = {
  customer: msg("The customer ended the call."),
  interrupted: msg("The customer's kiosk was lost and did not come back."),
  recording_failed: msg("The call could not be recorded any more and was ended."),
};

/** @type {Record<string, string>} */
const ERRORS = {
  not_authenticated: msg("You are signed out. Please sign in again."),
  not_allowed: msg("You may not do this."),
  not_found: msg("This call no longer exists."),
  wrong_state: msg("This is no longer possible: the call has moved on."),
  rate_limited: msg("Too many requests. Please wait a moment."),
  unavailable: msg("The server could not be reached. Please try again."),
  cannot_record: msg("This call cannot be recorded just now, and was not put through. The customer has been told."),
  slow_consumer: msg("The connection is too slow. Please try again."),
  too_large: msg("This is too long."),
  bad_message: msg("The server did not understand the request."),
  replaced: msg("The console was opened in another window."),
};

/** @type {Record<string, string>} */
const PRESENCES = {
  offline: msg("Offline"),
  away: msg("Taking no calls"),
  not_responding: msg("Taking no calls"),
  available: msg("Available"),
  ringing: msg("Ringing"),
  busy: msg("In a call"),
  wrap_up: msg("After the call"),
};

/** @type {Record<string, string>} */
const TRACKS = {
  "own.microphone": msg("Your voice"),
  "own.camera": msg("Your camera"),
  "specialist.microphone": msg("Specialist's voice"),
  "specialist.camera": msg("Specialist's camera"),
  "consultant.microphone": msg("Consultant's voice"),
  "consultant.camera": msg("Consultant's camera"),
  "interpreter.microphone": msg("Interpreter's voice"),
  "interpreter.camera": msg("Interpreter's camera"),
  "guide.microphone": msg("Lobby guide's voice"),
  "guide.camera": msg("Lobby guide's camera"),
  "supervisor.microphone": msg("Supervisor's voice"),
  "supervisor.camera": msg("Supervisor's camera"),
  "customer.microphone": msg("Customer's voice"),
  "customer.camera": msg("Customer's camera"),
  "customer.auxiliary": msg("Document camera"),
  cobrowse: msg("Customer's screen"),
};

/** @param {Record<string, string>} table @param {string} code */
const say = (table, code) => (table[code] ? t(table[code]) : code.replaceAll(/[_.-]+/g, " "));

/** @param {string} code */
export const documentLabel = (code) => say(DOCUMENTS, code);
/** @param {string} code */
export const documentIcon = (code) => DOCUMENT_ICONS[code] ?? "file-text";
/** @param {string} code */
export const documentState = (code) => say(DOCUMENT_STATES, code);
/** @param {string} code */
export const outcomeLabel = (code) => say(OUTCOMES, code);
/** @param {string} code */
export const stepLabel = (code) => say(STEPS, code);
/** @param {string} code */
export const presenceLabel = (code) => say(PRESENCES, code);
/** What a track carries, as this specialist says it. @param {string} code @param {string} own the own participant */
export function trackLabel(code, own) {
  const { participant, medium } = partsOf(code);
  if (!participant) return say(TRACKS, medium);
  return say(TRACKS, `${participant === own ? "own" : roleOf(participant)}.${medium}`);
}
/** What a specialist may pause the recording for. */
export const PAUSE_REASONS = ["password", "card", "document", "other"];
/** @param {string} code */
export const pauseLabel = (code) => say(PAUSES, code);
/** Why something is not recorded. @param {string} reason */
export const gapLabel = (reason) => say(GAPS, reason);
/** @param {string} code */
export const errorMessage = (code) => ERRORS[code] ?? msg("Something went wrong. Please try again.");

/** @param {string} code */
export const errorText = (code) => t(errorMessage(code));

/** Why a call ended, as one sentence. @param {Session} session @param {string} own the own participant */
export function endText(session, own) {
  if (session.ended_by === own) return t("You ended the call.");
  const reason = REASONS[session.end_reason ?? ""];
  return reason ? t(reason) : t("The call has ended.");
}

/** What is to be known of a document besides its state: why it failed or was rejected, or what was asked for. @param {CallDocument} doc */
export function documentDetail(doc) {
  if (doc.state !== "failed") return doc.reason || doc.note;
  if (doc.reason === "tray_closed") return t("The customer took no picture: the document camera was closed.");
  return doc.reason === "camera_failed" ? t("The document camera failed.") : t("The picture could not be sent.");
}

/** @param {Service} service */
export const serviceName = (service) => (language() === "en" ? service.name_en : service.name_zh);
/** @param {{branch_zh: string, branch_en: string}} where */
export const branchName = (where) => (language() === "en" ? where.branch_en : where.branch_zh);
/** A language by its own name. @param {string} code */
export const languageName = (code) => (code === "en" ? "English" : "中文");

/** Reasons to ask for a document again, said to the customer in the customer's own language. */
export const REJECTIONS = [
  { "zh-CN": "照片模糊，请重新拍摄", en: "The picture is blurred. Please take it again." },
  { "zh-CN": "有反光，请调整角度", en: "There is glare. Please tilt the paper a little." },
  { "zh-CN": "材料未完整拍入", en: "Part of the paper is cut off." },
  { "zh-CN": "不是所需的材料", en: "This is not the paper that is needed." },
  { "zh-CN": "材料已过有效期", en: "This paper has expired." },
];
