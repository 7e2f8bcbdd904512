// Keeps a person logged in while one of our pages is open: the login cookie lives for minutes and is renewed by asking.
//
// When the login was ended (by logging out elsewhere, or by an administrator), the page goes to the login form.

const data = JSON.parse(document.getElementById("page-data")?.textContent || "{}");
const period_ms = Math.max(10, Number(data.renew_s) || 300) * 1000;

async function renew() {
  let response;
  try {
    response = await fetch("/api/me", { cache: "no-store" });
  } catch {
    return; // The network is away; the next round asks again.
  }
  if (response.status === 401) {
    location.assign(`/login?next=${encodeURIComponent(location.pathname + location.search)}`);
  }
}

setInterval(renew, period_ms);
// A machine that slept asks at once: timers stood still meanwhile.
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "visible") void renew();
});
