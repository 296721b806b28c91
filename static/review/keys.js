/** The keys of reviewers: [data-review-key] is pressed by its key, unless somebody writes or a dialog is open. */
import { isTyping, onKey } from "../base/keys.js";

onKey((key, { target }) => {
  if (isTyping(target) || document.querySelector("dialog[open]:not(.is-beside)")) return false;
  const found = document.querySelector(`[data-review-key="${CSS.escape(key)}"]`);
  if (!found) return false;
  found.click();
  if (found.matches("summary")) found.closest("details").querySelector("textarea")?.focus();
  return true;
});
