// Requests to the server; an error response becomes an exception with its stable code.

export class Refused extends Error {
  /** @param {string} code */
  constructor(code) {
    super(code);
    this.code = code;
  }
}

/** @param {string} path @param {AbortSignal} [signal] @param {string} [method] */
async function answered(path, signal, method = "GET") {
  const response = await fetch(path, { method, signal: signal ?? null, headers: { Accept: "application/json" } }).catch((error) => {
    if (error.name === "AbortError") throw error;
    throw new Refused("unavailable");
  });
  if (response.ok) return response;
  if (response.status === 401) location.assign(`/login?next=${encodeURIComponent(location.pathname + location.search)}`);
  const body = await response.json().catch(() => null);
  throw new Refused(body?.error?.code ?? "unavailable");
}

/** @param {string} path @param {AbortSignal} [signal] @returns {Promise<any>} */
export const readJson = async (path, signal) => (await answered(path, signal)).json();

/** @param {string} path @returns {Promise<any>} */
export const post = async (path) => (await answered(path, undefined, "POST")).json();

/** @param {string} path @returns {Promise<any>} */
export const drop = async (path) => (await answered(path, undefined, "DELETE")).json();

/** @param {string} path @param {AbortSignal} [signal] */
export const readBytes = async (path, signal) => (await answered(path, signal)).arrayBuffer();

/** @param {string} path @param {AbortSignal} [signal] */
export const readText = async (path, signal) => (await answered(path, signal)).text();
