// Requests to the server; an error response becomes an exception with its stable code.

export class Refused extends Error {
  /** @param {string} code */
  constructor(code) {
    super(code);
    this.code = code;
  }
}

/** Asks what a recording is opened for; resolves once it was said. @type {(() => Promise<void>) | null} */
let ask = null;

/**
 * What to do where the server wants to know first what a recording is opened for: the request is made again afterwards.
 *
 * @param {() => Promise<void>} asking
 */
export function whenPurposeIsAsked(asking) {
  ask = asking;
}

/** @param {string} path @param {AbortSignal} [signal] @param {string} [method] @param {object} [body] @returns {Promise<Response>} */
async function answered(path, signal, method = "GET", body) {
  const headers = { Accept: "application/json", ...(body ? { "Content-Type": "application/json" } : {}) };
  const sent = body ? { body: JSON.stringify(body) } : {};
  const response = await fetch(path, { method, signal: signal ?? null, headers, ...sent }).catch((error) => {
    if (error.name === "AbortError") throw error;
    throw new Refused("unavailable");
  });
  if (response.ok) return response;
  if (response.status === 401) location.assign(`/login?next=${encodeURIComponent(location.pathname + location.search + location.hash)}`);
  const said = await response.json().catch(() => null);
  const code = said?.error?.code ?? "unavailable";
  if (code === "purpose_required" && ask) {
    await ask();
    signal?.throwIfAborted();
    return answered(path, signal, method, body);
  }
  throw new Refused(code);
}

/** @param {string} path @param {AbortSignal} [signal] @param {string} [method] @param {object} [body] @returns {Promise<any>} */
export const readJson = async (path, signal, method, body) => (await answered(path, signal, method, body)).json();

/** @param {string} path @param {object} [body] @returns {Promise<any>} */
export const post = async (path, body) => (await answered(path, undefined, "POST", body)).json();

/** @param {string} path @returns {Promise<any>} */
export const drop = async (path) => (await answered(path, undefined, "DELETE")).json();

/** An unsafe request whose answer is of no interest. @param {string} method @param {string} path @param {object} [body] */
export const send = async (method, path, body) => void (await answered(path, undefined, method, body));

/** @param {string} path @param {AbortSignal} [signal] */
export const readBytes = async (path, signal) => whole((await answered(path, signal)).arrayBuffer());

/** @param {string} path @param {AbortSignal} [signal] */
export const readText = async (path, signal) => whole((await answered(path, signal)).text());

/** A body that breaks off can be asked for again, as an answer that did not come. @template T @param {Promise<T>} body @returns {Promise<T>} */
async function whole(body) {
  try {
    return await body;
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new Refused("unavailable");
  }
}
