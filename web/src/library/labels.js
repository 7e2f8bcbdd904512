// Texts for the codes of a journal. An unknown code is shown as it is.
import { omissionWords } from "../cobrowse/omissions.js";
import { GAPS, PAUSES } from "../gaps.js";
import { language, msg, t } from "../i18n.js";
import { numberOf, partsOf, roleOf } from "../link/participants.js";

/** @type {Record<string, string>} by role and medium */
const TRACKS = {
  "customer.camera": msg("Customer's camera"),
  "customer.microphone": msg("Customer's voice"),
  "customer.auxiliary": msg("Document camera"),
  "specialist.camera": msg("Specialist's camera"),
  "specialist.microphone": msg("Specialist's voice"),
  "consultant.camera": msg("Consultant's camera"),
  "consultant.microphone": msg("Consultant's voice"),
  "interpreter.camera": msg("Interpreter's camera"),
  "interpreter.microphone": msg("Interpreter's voice"),
  "guide.camera": msg("Lobby guide's camera"),
  "guide.microphone": msg("Lobby guide's voice"),
  "supervisor.camera": msg("Supervisor's camera"),
  "supervisor.microphone": msg("Supervisor's voice"),
  cobrowse: msg("Customer's screen"),
};

/** @type {Record<string, [string, string]>} kind of a journal event: icon and text */
const MOMENTS = {
  session_requested: ["phone-incoming", msg("The customer asked for an expert")],
  consent_given: ["file-check", msg("The customer agreed to be recorded (notice {version})")],
  offered: ["bell-ring", msg("Rang at {name}")],
  offer_ended: ["phone-missed", msg("Not answered ({reason})")],
  answered: ["phone-call", msg("{name} answered")],
  leg_connected: ["plug-zap", msg("Media connected: {participant}")],
  leg_closed: ["unplug", msg("Media connection ended: {participant} ({reason})")],
  quality_changed: ["gauge", msg("Network of {participant}: {quality} ({reason})")],
  sensitive_paused: ["lock", msg("Recording paused: {what}")],
  sensitive_resumed: ["circle-dot", msg("Recording goes on")],
  recording_stalled: ["circle-alert", msg("Not recorded any more: {track} ({reason})")],
  recording_resumed: ["circle-dot", msg("The recording is not interrupted any more: {track}")],
  copy_incomplete: ["triangle-alert", msg("The copy of the customer's screen leaves something out")],
  recording_started: ["circle-dot", msg("Recording started")],
  participant_lost: ["wifi-off", msg("Connection lost: {participant}")],
  participant_returned: ["wifi", msg("Connection restored: {participant}")],
  participant_invited: ["bell-ring", msg("{name} was asked to join")],
  invitation_ended: ["user-round", msg("Did not join: {participant} ({reason})")],
  participant_joined: ["users-round", msg("Joined: {participant}")],
  participant_left: ["user-round", msg("Left: {participant}")],
  mode_changed: ["headset", msg("{participant}: {mode}")],
  held: ["pause", msg("Put on hold")],
  unheld: ["play", msg("Resumed")],
  chat_sent: ["message-square-text", msg("Chat from {participant}")],
  note_saved: ["notebook-pen", msg("Notes saved")],
  step_changed: ["list", msg("The customer reached the step “{step}”")],
  document_requested: ["file-search", msg("Asked for a paper: {label}")],
  document_answered: ["hand", msg("The customer agreed to show it")],
  document_failed: ["file-x", msg("The paper could not be taken ({reason})")],
  document_stored: ["file-image", msg("The paper was received")],
  document_decided: ["badge-check", msg("The paper was accepted")],
  ended: ["phone-off", msg("The call ended: {participant} ({reason})")],
  requeued: ["rotate-ccw", msg("The specialist was lost; the customer waited again")],
  rated: ["star", msg("The customer gave {stars} of 5 stars")],
  disposed: ["clipboard-check", msg("Outcome: {outcome}")],
  node_restarted: ["server", msg("The server was restarted")],
};

/** @type {Record<string, string>} */
const PARTICIPANTS = {
  customer: msg("Customer"),
  specialist: msg("Specialist"),
  consultant: msg("Consultant"),
  interpreter: msg("Interpreter"),
  guide: msg("Lobby guide"),
  supervisor: msg("Supervisor"),
  system: msg("System"),
};

/** @type {Record<string, string>} */
const WORDS = {
  identity_card: msg("Identity card"),
  id_card: msg("Identity card"),
  bank_card: msg("Bank card"),
  contract: msg("Contract"),
  income_proof: msg("Proof of income"),
  other: msg("Something else"),
  start: msg("Start page"),
  product: msg("Choosing a product"),
  risk: msg("Risk questions"),
  details: msg("Personal details"),
  review: msg("Review"),
  done: msg("Received"),
  customer: msg("hung up"),
  specialist: msg("hung up"),
  interrupted: msg("connection lost"),
  timeout: msg("no answer in time"),
  declined: msg("declined"),
  left: msg("the customer left"),
  lost: msg("connection lost"),
  silent: msg("nothing was heard"),
  closed: msg("closed"),
  far_end: msg("ended by that side"),
  replaced: msg("replaced by a new one"),
  revoked: msg("access ended"),
  failed: msg("failed"),
  restart: msg("restart"),
  resolved: msg("Resolved"),
  solved: msg("Resolved"),
  follow_up: msg("Follow-up agreed"),
  appointment: msg("Appointment made"),
  referred: msg("Referred to the branch"),
  unresolved: msg("Not resolved"),
  technical: msg("Technical problem"),
  talk: msg("talks"),
  hold: msg("on hold"),
  monitor: msg("looks on"),
  whisper: msg("whispers"),
  barge: msg("broke in"),
  withdrawn: msg("withdrawn"),
  removed: msg("shown out"),
  weak: msg("weak"),
  bad: msg("poor"),
  loss: msg("packets lost"),
  delay: msg("long delay"),
  bandwidth: msg("little bandwidth"),
};

/** @type {Record<string, string>} */
const STATUS = {
  waiting: msg("Waiting"),
  ringing: msg("Ringing"),
  active: msg("In progress"),
  held: msg("On hold"),
  ended: msg("Finished"),
  closed: msg("Finished"),
};

/** @param {Record<string, string>} table @param {string} code */
const say = (table, code) => (table[code] ? t(table[code]) : code.replaceAll(/[_.-]+/g, " "));

/** The first of a role needs no number. @param {string} text @param {string} id */
const numbered = (text, id) => (numberOf(id) > 1 ? `${text} ${numberOf(id)}` : text);

/** @param {string} name */
export function trackLabel(name) {
  const { participant, medium } = partsOf(name);
  return participant ? numbered(say(TRACKS, `${roleOf(participant)}.${medium}`), participant) : say(TRACKS, medium);
}
/** @param {string} reason */
export const gapLabel = (reason) => say(GAPS, reason);
/** @param {string} who */
export const participantLabel = (who) => numbered(say(PARTICIPANTS, roleOf(who)), who);
/** @param {string} code */
export const wordLabel = (code) => say(WORDS, code);
/** @param {string} state */
export const statusLabel = (state) => say(STATUS, state);

/** @param {string} kind */
export const momentIcon = (kind) => MOMENTS[kind]?.[0] ?? "circle";

/** @param {{kind: string, data: Record<string, any>}} moment */
export function momentText({ kind, data }) {
  if (kind === "document_answered" && data.agreed === false) return t("The customer did not agree to show it");
  if (kind === "document_decided" && !data.accepted) return t("The paper was rejected: {reason}", { reason: data.reason });
  if (kind === "copy_incomplete") return omissionWords(data.left_out).join(" ");
  if (kind === "quality_changed" && data.quality === "good")
    return t("Network of {participant}: good again", { participant: participantLabel(data.participant) });
  const text = MOMENTS[kind]?.[1];
  if (!text) return kind.replaceAll("_", " ");
  if (kind === "sensitive_paused") return t(text, { what: say(PAUSES, data.reason) });
  if (kind === "recording_stalled") return t(text, { track: trackLabel(data.track), reason: gapLabel(data.reason) });
  if (kind === "recording_resumed") return t(text, { track: trackLabel(data.track) });
  const said = kind === "disposed" && data.overdue ? msg("Outcome: {outcome} (not confirmed: time ran out)") : text;
  const words = t(said, {
    ...data,
    participant: participantLabel(data.participant ?? data.sender ?? data.by ?? ""),
    reason: wordLabel(data.reason ?? ""),
    quality: wordLabel(data.quality ?? ""),
    step: wordLabel(data.step ?? ""),
    label: wordLabel(data.label ?? ""),
    outcome: outcomeLabel(data.outcome ?? ""),
  });
  return language() === "en" ? words : spaced(words);
}

/** Further details of an event. @param {{kind: string, data: Record<string, any>}} moment */
export const momentDetail = ({ kind, data }) =>
  kind === "recording_started" && data.suite ? t("Encrypted with {suite}", { suite: data.suite }) : "";

/** How a call went; the same code means something else where a ring is declined. @param {string} code */
export const outcomeLabel = (code) => (code === "declined" ? t("Customer decided against it") : wordLabel(code));

/** Chinese text beside Latin letters has a space between. @param {string} text */
const spaced = (text) =>
  text.replace(/([A-Za-z0-9])(?=[\u4e00-\u9fff])/g, "$1 ").replace(/([\u4e00-\u9fff])(?=[A-Za-z0-9])/g, "$1 ");

/** @param {{branch_zh: string, branch_en: string}} where */
export const branchName = (where) => (language() === "en" ? where.branch_en : where.branch_zh);
/** @param {{service_zh: string, service_en: string}} what */
export const serviceName = (what) => (language() === "en" ? what.service_en : what.service_zh);
/** @param {{zh: string, en: string}} choice */
export const choiceName = (choice) => (language() === "en" ? choice.en : choice.zh);
