/**
 * This browser's own storage for drafts that the server does not have yet. Each lies under the name of whoever wrote it:
 * on a computer that people share, nobody is shown another's text.
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
