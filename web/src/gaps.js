// Why something is not recorded, in words for a journal's codes.
import { msg } from "./i18n.js";

/** @type {Record<string, string>} */
export const GAPS = {
  hold: msg("On hold: nothing was recorded"),
  loss: msg("Lost on the network"),
  no_media: msg("Nothing was received"),
  disconnected: msg("The connection was lost"),
  restart: msg("The server was restarted"),
  overflow: msg("Lost on the network"),
  overload: msg("The recorder was overloaded"),
  disk_full: msg("The disk was full"),
  write_error: msg("The disk failed"),
  refused: msg("What came could not be accepted"),
  damaged: msg("The recording is damaged here"),
  muted: msg("Switched off"),
  tray_closed: msg("The document camera was closed"),
  left: msg("Had left the call"),
  sensitive: msg("Paused for something that no record may hold"),
};

/** What a pause of the recording is for. @type {Record<string, string>} */
export const PAUSES = {
  password: msg("A password or code"),
  card: msg("A card's number"),
  document: msg("A paper that is not for the record"),
  other: msg("Something else that is secret"),
  secret_field: msg("The customer types a secret"),
};
