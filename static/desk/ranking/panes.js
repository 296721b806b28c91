/** Two panes of text that are read together: they scroll as one, with the mouse and by the keyboard. */

/** Scrolling one takes the other to the same part of its text. Keys scroll both: see `scrollByKey`. */
export function scrollTogether(panes) {
  let leader = null; // the pane that a person scrolls; the other's own event must not scroll it back
  let resting = 0;
  for (const pane of panes) {
    pane.addEventListener("scroll", () => {
      if (leader && leader !== pane) return;
      leader = pane;
      clearTimeout(resting);
      resting = setTimeout(() => (leader = null), 150);
      const part = pane.scrollTop / Math.max(1, pane.scrollHeight - pane.clientHeight);
      for (const other of panes) {
        if (other !== pane) other.scrollTop = part * (other.scrollHeight - other.clientHeight);
      }
    });
  }
}

/** True where the key scrolls: Page up and down, Home and End. */
export function scrollByKey(key, panes) {
  const page = { PageDown: 1, PageUp: -1 }[key];
  const end = { Home: 0, End: 1 }[key];
  if (!page && end === undefined) return false;
  const longest = panes.reduce((one, other) => (other.scrollHeight > one.scrollHeight ? other : one));
  if (page) longest.scrollBy({ top: page * 0.9 * longest.clientHeight, behavior: "instant" });
  else longest.scrollTop = end * longest.scrollHeight;
  return true;
}
