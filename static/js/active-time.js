/**
 * Counts the seconds that somebody is at work on the page into [data-active-time].
 *
 * A hidden tab does not count, nor does a minute without any sign of a person; sleep of the machine adds nothing.
 */
const IDLE_MS = 60_000;
const TICK_MS = 1_000;
const SIGNS = ["pointermove", "pointerdown", "keydown", "wheel", "scroll", "touchstart", "input"];

const field = document.querySelector("[data-active-time]");
if (field) {
  let lastSign = performance.now();
  let lastTick = lastSign;
  for (const sign of SIGNS) {
    document.addEventListener(sign, () => (lastSign = performance.now()), { passive: true, capture: true });
  }
  setInterval(() => {
    const now = performance.now();
    const elapsed = Math.min(now - lastTick, 2 * TICK_MS);
    lastTick = now;
    if (document.visibilityState === "visible" && now - lastSign < IDLE_MS) {
      field.value = ((Number(field.value) || 0) + elapsed / 1000).toFixed(1);
    }
  }, TICK_MS);
}
