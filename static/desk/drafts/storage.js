/**
 * Keeps the drafts that the server does not have yet in this browser's storage, and tells the browser's other tabs.
 * Each draft lies under its author's name: on a computer that people share, nobody is shown another's text.
 */
const owner = document.body.dataset.labeler ?? ""; // the same as long as the document is there
const PREFIX = `concord.draft.${owner}.`;

/** False where the storage is full or forbidden. */
export function keep(token, kept) {
  try {
    localStorage.setItem(PREFIX + token, JSON.stringify(kept));
    return true;
  } catch {
    return false;
  }
}

export function recall(token) {
  try {
    return JSON.parse(localStorage.getItem(PREFIX + token));
  } catch {
    return null;
  }
}

export function forget(token) {
  try {
    localStorage.removeItem(PREFIX + token);
  } catch {
    // Nothing was kept, either.
  }
}

/** The tokens of all that this person has here and the server may not have. */
export function tokens() {
  try {
    return Object.keys(localStorage)
      .filter((name) => owner && name.startsWith(PREFIX))
      .map((name) => name.slice(PREFIX.length));
  } catch {
    return [];
  }
}

/** The other tabs of this browser in which the same work is open: each tells the rest what it saved. */
export function otherTabs(token, heard, signal) {
  if (!("BroadcastChannel" in window)) return { tell() {} };
  const channel = new BroadcastChannel(`${PREFIX}${token}`);
  channel.addEventListener("message", (event) => heard(event.data));
  signal.addEventListener("abort", () => channel.close());
  return { tell: (news) => signal.aborted || channel.postMessage(news) };
}
