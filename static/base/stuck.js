/**
 * Tells the style sheets, as --stuck-top, --stuck-prompt and --stuck-bottom, how much of the window is covered at its
 * edges: by the header, by a prompt that stays above the work, and by the bar, which grows with what stands in it.
 */
import { onPage } from "./page.js";

const COVERING = { "--stuck-top": ".header", "--stuck-prompt": ".conversation", "--stuck-bottom": ".bar" };

onPage((signal) => {
  const sizes = new ResizeObserver(measure);
  for (const which of Object.values(COVERING)) {
    const part = document.querySelector(which);
    if (part) sizes.observe(part);
  }
  addEventListener("resize", measure, { signal });
  signal.addEventListener("abort", () => sizes.disconnect());
});

function measure() {
  for (const [name, which] of Object.entries(COVERING)) {
    document.documentElement.style.setProperty(name, `${covered(document.querySelector(which))}px`);
  }
}

/** The height of what sticks to an edge and goes across the window; what stands beside the work covers nothing. */
function covered(part) {
  if (!part || getComputedStyle(part).position !== "sticky" || part.offsetWidth < innerWidth / 2) return 0;
  return part.offsetHeight;
}

/** Where in the window nothing lies over what is read: from its top to its bottom, in pixels. Now, as it is scrolled. */
export function clearView() {
  const [header, bar] = [".header", ".bar"].map((which) => document.querySelector(which)?.getBoundingClientRect());
  const top = Math.max(0, header?.bottom ?? 0) + covered(document.querySelector(".conversation"));
  return { top, bottom: Math.min(innerHeight, bar?.top ?? innerHeight) };
}
