/**
 * A button [data-button-key] is pressed by its key, such as "Ctrl+Enter" (Cmd as well) or "Alt+KeyP", also while one
 * writes; of several with one key the one in the turn or pair that one writes in, else the last. Esc leaves a text, so
 * that keys without Ctrl and Alt work again.
 */
document.addEventListener("keydown", (event) => {
  if (event.isComposing || event.defaultPrevented || document.querySelector("dialog[open]")) return;
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
