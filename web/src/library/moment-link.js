// The address of a moment of a recording: `#t=` and seconds, as in W3C Media Fragments (normal play time).

const MOMENT = /^(?:(?:(\d{1,3}):)?([0-5]?\d):)?(\d{1,6}(?:\.\d{1,3})?)$/;

/** The milliseconds that an address's fragment names, or null. @param {string} hash `#t=754.2` or `#t=0:12:34` */
export function momentOf(hash) {
  const said = new URLSearchParams(hash.replace(/^#/, "")).get("t");
  const parts = MOMENT.exec(said ?? "");
  if (!parts) return null;
  const [, hours = "0", minutes = "0", seconds = "0"] = parts;
  if (parts[2] !== undefined && Number(seconds) >= 60) return null;
  return Math.round((Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds)) * 1000);
}

/** The page's address at a moment. @param {string | URL} page @param {number} ms */
export function linkTo(page, ms) {
  const address = new URL(page);
  address.hash = `t=${Math.round(ms) / 1000}`;
  return address.href;
}
