// Replaces the browser's error page when the page is reloaded while the kiosk client is down: this service worker answers
// with a page that explains it and retries. It caches that page and its styles, and nothing else.

const worker = /** @type {any} */ (globalThis);
const KEPT = "away";
const AWAY = "/away";
const FILES = [
  AWAY,
  "/static/vendor/webawesome-style.css",
  "/static/styles/base.css",
  "/static/styles/kiosk.css",
  "/static/images/visavis.svg",
];

worker.addEventListener("install", (/** @type {any} */ event) => {
  event.waitUntil(caches.open(KEPT).then((kept) => kept.addAll(FILES)));
  worker.skipWaiting();
});

worker.addEventListener("activate", (/** @type {any} */ event) => event.waitUntil(worker.clients.claim()));

worker.addEventListener("fetch", (/** @type {any} */ event) => {
  const { request } = event;
  const { pathname } = new URL(request.url);
  const kept = request.mode === "navigate" ? AWAY : FILES.includes(pathname) ? pathname : null;
  if (kept === null || request.method !== "GET") return;
  // Network first: the cache is only for when the kiosk client does not answer.
  event.respondWith(fetch(request).catch(() => caches.match(kept)));
});
