// The network messages of a call: whose network is not good, why, and what happens next.
import { msg, t } from "../i18n.js";
import { ownId, roleOf } from "../link/participants.js";

/** @typedef {import("../link/messages.js").Network} Network */
/** @typedef {import("../link/messages.js").Session} Session */
/** @typedef {"good" | "wait" | "weak" | "bad"} Level */
/** @typedef {{level: Level, icon: string, text: string}} Line */
/**
 * `level` is the worst of the lines. `next` is what to expect and to do, or empty. `elsewhere`: the top bar or a banner
 * says the same, so nobody need be told twice.
 *
 * @typedef {{level: Level, lines: Line[], next: string, elsewhere: boolean}} Words
 */

/** @type {Record<string, Record<string, string>>} */
const NETWORKS = {
  kiosk: {
    weak: msg("Customer's network is weak: {reason}"),
    bad: msg("Customer's network is poor: {reason}"),
  },
  own: {
    weak: msg("Your network is weak: {reason}"),
    bad: msg("Your network is poor: {reason}"),
  },
  other: {
    weak: msg("A colleague's network is weak: {reason}"),
    bad: msg("A colleague's network is poor: {reason}"),
  },
};
/** @type {Record<string, string>} */
const REASONS = {
  loss: msg("packets are lost"),
  delay: msg("long delay"),
  bandwidth: msg("little bandwidth"),
  silent: msg("nothing arrives"),
};
/** What to expect and to do, by whose network it is, its quality and the reason. @type {Record<string, Record<string, Record<string, string>>>} */
const NEXT = {
  kiosk: {
    weak: {
      delay: msg("Answers come later: let the customer finish each sentence."),
      other: msg("Pictures may be less sharp; the sound goes first. Just go on talking."),
    },
    bad: {
      delay: msg("Answers come much later: speak in turns. The call goes on."),
      silent: msg("You may neither hear nor see the customer. The call stays open and reconnects by itself."),
      other: msg("Picture and sound may stop for moments; the call reconnects by itself. Say again what matters."),
    },
  },
  own: {
    weak: {
      delay: msg("Answers come later: let the customer finish each sentence."),
      other: msg("Pictures may be less sharp; the sound goes first. Just go on talking."),
    },
    bad: {
      delay: msg("Answers come much later: speak in turns. The call goes on."),
      silent: msg("The customer may neither hear nor see you. The call stays open and reconnects by itself."),
      other: msg("Picture and sound may stop for moments; the call reconnects by itself. If it lasts, use a cable and stop downloads."),
    },
  },
  other: { weak: { other: msg("You may hear and see them less clearly.") }, bad: { other: msg("You may not hear or see them for moments.") } },
};

/**
 * @param {{session: Session | null, link: string, config?: {person: string} | null}} state
 * @param {{connection: string, unsure: boolean, standing: boolean, justLost: boolean, peer: {quiet: boolean} | null}} media
 * @param {boolean} measured whether anything has arrived, or figures are known
 * @returns {Words}
 */
export function networkWords({ session, link, config }, { connection, unsure, standing, justLost, peer }, measured) {
  if (unsure || (connection === "connected" && peer?.quiet)) return wait("loader", t("Checking the connection…"));
  if (connection !== "connected") return wait("loader", t("Connecting sound and picture…"));
  if (justLost) return wait("loader", t("Checking the connection…"));
  if (session && !session.kiosk_connected) return wait("unplug", t("Waiting for the customer's kiosk"));
  // The server's last judgement is outdated while it is not reached.
  const networks = link === "open" ? (session?.network ?? []) : [];
  if (networks.length) return notGood(networks, session?.state === "held", ownId(session, config?.person));
  if (standing) return wait("loader", t("Checking the customer's connection…"));
  if (!measured) return wait("loader", t("Connecting sound and picture…"));
  return good(link === "open" ? t("Good connection") : t("Sound and picture go on"));
}

/** The server's word. @param {Network[]} networks @param {boolean} held @param {string} own @returns {Words} */
function notGood(networks, held, own) {
  /** @param {string} id */
  const whose = (id) => (roleOf(id) === "customer" ? "kiosk" : id === own ? "own" : "other");
  const lines = networks.map(({ participant, quality, reason }) => {
    const text = NETWORKS[whose(participant)][quality];
    const said = text ? t(text, { reason: REASONS[reason] ? t(REASONS[reason]) : reason }) : quality;
    return { level: levelOf(quality), icon: quality === "bad" ? "wifi-off" : "triangle-alert", text: said };
  });
  const worst = networks.find(({ quality }) => quality === "bad") ?? networks[0];
  const next = NEXT[whose(worst.participant)][levelOf(worst.quality)];
  // On hold there is no media, so there are no consequences to name.
  return { level: levelOf(worst.quality), lines, next: held ? "" : t(next[worst.reason] ?? next.other), elsewhere: false };
}

/** @param {string} quality @returns {"weak" | "bad"} */
const levelOf = (quality) => (quality === "bad" ? "bad" : "weak");

/** @param {string} text @returns {Words} */
function good(text) {
  return { level: "good", lines: [{ level: "good", icon: "gauge", text }], next: "", elsewhere: false };
}

/** @param {string} icon @param {string} text @returns {Words} */
function wait(icon, text) {
  return { level: "wait", lines: [{ level: "wait", icon, text }], next: "", elsewhere: true };
}
