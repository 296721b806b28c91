/**
 * Counts the seconds that somebody is at work on this page into [data-active-time], and shows them in
 * [data-active-shown], with those of the pages before it (data-before).
 *
 * A hidden tab does not count, nor a pause, nor what lies more than a minute after the last sign of a person; sleep of
 * the machine adds nothing. The clock of performance only goes forward, whatever is done to the time of day. The server
 * is told every minute, on leaving, and by every button that sends the page (labeling/desk/services/working_time.py).
 */
import { csrfToken } from "../base/csrf.js";
import { onPage } from "../base/page.js";

const IDLE_MS = 60_000; // labeling/desk/rules/working_time.py says so to labelers
const TICK_MS = 1_000;
const TELL_EVERY_MS = 60_000;
const SIGNS = ["pointermove", "pointerdown", "keydown", "wheel", "scroll", "touchstart", "input"];

let field = null;
let told = 0; // seconds
let lastTold = 0;
let lastSign = performance.now();
let lastTick = lastSign;

for (const sign of SIGNS) {
  document.addEventListener(sign, () => (lastSign = performance.now()), { passive: true, capture: true });
}
onPage((signal) => {
  field = document.querySelector("[data-active-time]");
  if (!field) return;
  told = 0;
  lastTick = lastTold = performance.now(); // what came before went into the page before
  show();
  const timer = setInterval(tick, TICK_MS);
  signal.addEventListener("abort", () => clearInterval(timer));
  window.addEventListener("pagehide", tell, { signal });
  document.addEventListener("visibilitychange", () => document.visibilityState === "hidden" && tell(), { signal });
});

function tick() {
  const now = performance.now();
  const elapsed = Math.min(now - lastTick, 2 * TICK_MS);
  lastTick = now;
  if (document.visibilityState === "visible" && now - lastSign < IDLE_MS && !("paused" in document.body.dataset)) {
    field.value = (seconds() + elapsed / 1000).toFixed(1);
    show();
    document.dispatchEvent(new CustomEvent("worked", { detail: elapsed / 1000 }));
  }
  if (now - lastTold >= TELL_EVERY_MS) tell();
}

function seconds() {
  return Number(field.value) || 0;
}

/** Without an answer it is said again in a minute: the server takes what is new. */
function tell() {
  if (seconds() <= told) return;
  const [of, telling] = [field, seconds()];
  lastTold = performance.now();
  fetch(new URL("../time/", new URL(of.form.dataset.url, location.href)), {
    method: "POST",
    keepalive: true,
    headers: { "Content-Type": "application/json", "X-CSRFToken": csrfToken() },
    body: JSON.stringify({ page: of.form.elements.draft_page.value, active_seconds: telling }),
  })
    .then((response) => {
      if (response.ok && of === field) told = telling; // else another page is here
    })
    .catch(() => {});
}

function show() {
  const all = Math.floor(Number(field.dataset.before) + seconds());
  for (const shown of document.querySelectorAll("[data-active-shown]")) {
    shown.textContent = `${Math.floor(all / 60)}:${String(all % 60).padStart(2, "0")}`;
  }
}
