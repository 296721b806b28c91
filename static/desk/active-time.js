/**
 * Counts the seconds that somebody is at work on the page into [data-active-time], and shows them in [data-active-shown].
 *
 * A hidden tab does not count, nor a pause, nor what lies more than a minute after the last sign of a person; sleep of
 * the machine adds nothing. The clock of performance only goes forward, whatever is done to the time of day.
 */
import { onPage } from "../base/page.js";

const IDLE_MS = 60_000; // labeling/desk/rules/working_time.py says so to labelers
const TICK_MS = 1_000;
const SIGNS = ["pointermove", "pointerdown", "keydown", "wheel", "scroll", "touchstart", "input"];

let field = null;
let lastSign = performance.now();
let lastTick = lastSign;

for (const sign of SIGNS) {
  document.addEventListener(sign, () => (lastSign = performance.now()), { passive: true, capture: true });
}
onPage((signal) => {
  field = document.querySelector("[data-active-time]");
  if (!field) return;
  lastTick = performance.now(); // what came before went into the page before
  show();
  const timer = setInterval(tick, TICK_MS);
  signal.addEventListener("abort", () => clearInterval(timer));
});

function tick() {
  const now = performance.now();
  const elapsed = Math.min(now - lastTick, 2 * TICK_MS);
  lastTick = now;
  if (document.visibilityState !== "visible" || now - lastSign >= IDLE_MS || "paused" in document.body.dataset) return;
  field.value = ((Number(field.value) || 0) + elapsed / 1000).toFixed(1);
  show();
  document.dispatchEvent(new CustomEvent("worked", { detail: elapsed / 1000 }));
}

function show() {
  const seconds = Math.floor(Number(field.value) || 0);
  for (const shown of document.querySelectorAll("[data-active-shown]")) {
    shown.textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
  }
}
