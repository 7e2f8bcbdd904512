// How long an approval can still be decided or used.
import { t } from "../i18n.js";

/** @param {{left_s: number}} one */
export function left({ left_s: seconds }) {
  if (seconds < 3600) return t("For another {n} minutes.", { n: Math.max(1, Math.ceil(seconds / 60)) });
  return t("For another {n} hours.", { n: Math.floor(seconds / 3600) });
}
