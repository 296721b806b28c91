/** Two panes of text that are read together: they scroll as one, with the mouse and by the keyboard. */
import { isTyping } from "../../base/keys.js";

const PRESSED = ":is(button, summary, input):focus-visible:not([data-answer])";
const PAGE = { PageDown: 0.9, PageUp: -0.9, Space: 0.9, "Shift+Space": -0.9 }; // of what is seen

/**
 * Scrolling one takes the other to the part that matches it. Keys scroll both: see `scrollByKey`.
 *
 * matches(): [[height in the first, height in the second], …] in pixels from the top of their texts, from above to below;
 * without them, the same share of both texts matches.
 */
export function scrollTogether(panes, matches = () => []) {
  let leader = null; // the pane that a person scrolls; the other's own event must not scroll it back
  let points = [];
  let resting = 0;
  for (const [at, pane] of panes.entries()) {
    pane.addEventListener("scroll", () => {
      if (leader && leader !== pane) return;
      if (!leader) points = rising([[0, 0], ...matches(), panes.map((each) => each.scrollHeight)]);
      leader = pane;
      clearTimeout(resting);
      resting = setTimeout(() => (leader = null), 150);
      follow(pane, panes[1 - at], points.map((point) => [point[at], point[1 - at]]));
    });
  }
}

/** Without those that lie no lower in both texts than the one before. */
function rising(points) {
  const kept = [points[0]];
  for (const point of points) if (point.every((height, at) => height > kept.at(-1)[at])) kept.push(point);
  return kept.length > 1 ? kept : [points[0], points.at(-1)];
}

/** What is read goes from the upper edge of the pane, at the top, to its lower edge, at the end. */
function follow(leader, other, points) {
  const part = leader.scrollTop / Math.max(1, leader.scrollHeight - leader.clientHeight);
  const read = leader.scrollTop + part * leader.clientHeight;
  other.scrollTop = between(points, read) - part * other.clientHeight;
}

/** Where the height `y` of one text is in the other: in proportion between the nearest points. */
function between(points, y) {
  const below = points.findIndex(([from]) => from >= y);
  const next = below < 0 ? points.length - 1 : Math.max(1, below);
  const [[from, to], [nextFrom, nextTo]] = [points[next - 1], points[next]];
  return nextFrom > from ? to + ((y - from) / (nextFrom - from)) * (nextTo - to) : nextTo;
}

/**
 * True where the key scrolls: Page up and down, the space bar, Home and End, whatever has the focus. Only what was
 * reached by Tab is pressed by the space bar, as everywhere; not so the answers of a duel, which have the focus from the
 * start.
 */
export function scrollByKey(key, panes, target) {
  const end = { Home: 0, End: 1 }[key];
  if (isTyping(target) || (!(key in PAGE) && end === undefined)) return false;
  if (key.endsWith("Space") && target?.matches?.(PRESSED)) return false;
  const longest = panes.reduce((one, other) => (other.scrollHeight > one.scrollHeight ? other : one));
  if (key in PAGE) longest.scrollBy({ top: PAGE[key] * longest.clientHeight, behavior: "instant" });
  else longest.scrollTop = end * longest.scrollHeight;
  return true;
}
