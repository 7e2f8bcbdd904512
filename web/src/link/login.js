// Checks that the person is still logged in, and renews the login while the page is open.

const RENEW_S = 300;
/** Timeout, for networks that drop packets silently. */
const ASK_MS = 2500;

/** The data that the template embedded for the page's script. @returns {Record<string, any>} */
export function pageData() {
  return JSON.parse(document.querySelector("#page-data")?.textContent || "{}");
}

/** Ask the server who we are, which also renews the login. Rejects when the server cannot be reached. */
export async function loggedIn() {
  const response = await fetch("/api/me", { cache: "no-store", signal: AbortSignal.timeout(ASK_MS) });
  return response.status !== 401 && response.status !== 403;
}

/**
 * Renew the login now and then: a WebSocket brings no cookie back, so an open page alone would expire.
 *
 * @param {() => void} [ended] called when the server no longer knows this login
 */
export function stayLoggedIn(ended = () => undefined) {
  const { renew_s: seconds = RENEW_S } = pageData();
  const ask = async () => {
    if (!(await loggedIn().catch(() => true))) ended();
  };
  setInterval(() => void ask(), seconds * 1000);
}
