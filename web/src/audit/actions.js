// What the actions of the audit log are called. One that is not here is shown as it is.
import { msg, t } from "../i18n.js";

/** @type {Record<string, string>} */
const ACTIONS = {
  login: msg("Signed in"),
  "login.refused": msg("Sign-in refused"),
  logout: msg("Signed out"),
  "read.search": msg("Searched the recordings"),
  "read.page": msg("Opened a recording's page"),
  "recording.purpose": msg("Said what for"),
  "recording.view": msg("Opened a recording"),
  "read.manifest": msg("Followed a recording"),
  "read.media": msg("Played sound or pictures"),
  "read.cobrowse": msg("Played the customer's screen"),
  "read.played": msg("Played (as the page tells)"),
  "read.bundle": msg("Downloaded an evidence bundle"),
  "read.bundle_state": msg("Looked after an evidence bundle"),
  "export.ask": msg("Asked for an export"),
  "export.approve": msg("Approved an export"),
  "export.refuse": msg("Refused an export"),
  "review.assign": msg("Assigned for review"),
  "review.done": msg("Review done"),
  "review.open": msg("Review opened again"),
  "read.proof": msg("Looked at a check"),
  "recording.verify": msg("Checked a recording"),
  "recording.export": msg("Exported a recording"),
  "sessions.export": msg("Downloaded a table of sessions"),
  "document.view": msg("Looked at a paper"),
  "read.bookmarks": msg("Looked at bookmarks"),
  "bookmark.add": msg("Bookmark made"),
  "bookmark.change": msg("Bookmark changed"),
  "bookmark.remove": msg("Bookmark removed"),
  "read.audit": msg("Read the audit log"),
  "refused.not_authenticated": msg("Refused: not signed in"),
  "refused.not_allowed": msg("Refused: not allowed"),
  "refused.not_found": msg("Refused: not theirs, or not there"),
  "refused.rate_limited": msg("Refused: too many"),
  "refused.purpose_required": msg("Refused: not said what for"),
  "person.add": msg("Person added"),
  "person.change": msg("Person changed"),
  "person.roles": msg("Roles changed"),
  "person.password": msg("Password changed"),
  "person.revoke": msg("Person blocked"),
  "person.restore": msg("Person unblocked"),
  "branch.add": msg("Branch added"),
  "service.add": msg("Service added"),
  "service.offer": msg("Service offered"),
  "service.retire": msg("Service withdrawn"),
  "kiosk.add": msg("Kiosk added"),
  "kiosk.change": msg("Kiosk changed"),
  "kiosk.code": msg("Enrolment code made"),
  "kiosk.enrolled": msg("Kiosk enrolled"),
  "kiosk.enrolment_refused": msg("Enrolment refused"),
  "kiosk.revoke": msg("Kiosk blocked"),
  "retention.add": msg("Retention rule added"),
  "retention.remove": msg("Retention rule removed"),
  "retention.record": msg("Fact of a session recorded"),
  "hold.place": msg("Legal hold placed"),
  "hold.lift": msg("Legal hold lifted"),
  "read.retention": msg("Looked at what keeps a recording"),
  "read.certificate": msg("Took a certificate of a deletion"),
  "recording.delete": msg("Recording deleted"),
  "recording.erased": msg("Deleted recording removed"),
};

/** @param {string} code */
export function actionLabel(code) {
  const known = ACTIONS[code];
  if (known) return t(known);
  return code.startsWith("refused.") ? t("Refused") : code;
}

/** Codes with a name, to choose from. */
export const actions = () => Object.keys(ACTIONS);
