/**
 * The keys of the pages of work, but for those of a ranking (ranking/keyboard.js).
 *
 * A button [data-button-key] is pressed by its key, such as "Ctrl+Enter" (Cmd as well) or "Alt+KeyP", also while one
 * writes; of several with one key the one in the turn or pair that one writes in, else the last. Esc leaves a text, so
 * that keys without Ctrl and Alt work again. The key s opens the reasons for skipping.
 */
document.addEventListener("keydown", (event) => {
  if (event.isComposing || event.defaultPrevented || document.querySelector("dialog[open]:not(.is-beside)")) return;
  if (event.key === "s" && !event.altKey && !event.ctrlKey && !event.metaKey) return openSkip(event);
  if (!document.querySelector("[data-button-key]")) return;
  if (event.key === "Escape" && event.target.matches?.("textarea")) return event.target.blur();
  const held = event.ctrlKey || event.metaKey ? "Ctrl+" : event.altKey ? "Alt+" : "";
  const button = held && buttonOf(held + event.code.replace("Numpad", ""), event.target);
  if (!button || event.repeat) return;
  event.preventDefault();
  button.click();
});

function buttonOf(key, target) {
  const shown = [...document.querySelectorAll(`[data-button-key="${key}"]`)].filter((each) => each.getClientRects().length);
  const here = target.closest?.("[data-turn], [data-pair]");
  return shown.find((each) => here?.contains(each)) ?? shown.at(-1);
}

function openSkip(event) {
  const skip = document.getElementById("skip");
  if (!skip) return;
  const typing = event.target.closest?.("textarea, select, input:not([type=radio], [type=checkbox])");
  if (typing || skip.open || skip.closest("[inert]")) return;
  event.preventDefault();
  skip.open = true;
  (skip.querySelector("input:checked") ?? skip.querySelector("input")).focus();
}
