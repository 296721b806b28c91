/**
 * A message on a page of work lies over its foot and goes with the first change of the new work. [data-revise-that], which
 * opens what was just handed in again, is pressed by the key Backspace as well.
 */
import { isTyping, onKey } from "./keys.js";
import { onPage } from "./page.js";

onPage((signal) => {
  const form = document.querySelector("form[data-autosave]");
  const messages = document.querySelectorAll(".message");
  if (!form || !messages.length) return;
  const leave = () => {
    for (const message of messages) message.hidden = true;
  };
  for (const event of ["input", "change"]) form.addEventListener(event, leave, { signal });
});

onKey((key, { target }) => {
  const button = document.querySelector("[data-revise-that]");
  if (key !== "Backspace" || !button?.checkVisibility() || isTyping(target)) return false;
  if (document.querySelector("dialog[open]:not(.is-beside)")) return false;
  button.click();
  return true;
});
