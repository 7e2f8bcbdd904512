// A reload while the kiosk client is down must not show the browser's own error page: this worker answers with a page that
// says what is so and tries again. It keeps that page and its styles, and nothing else.

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
  // The kiosk client first, always: what is kept is for when nobody answers.
  event.respondWith(fetch(request).catch(() => caches.match(kept)));
});
