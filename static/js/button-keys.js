/**
 * A button [data-button-key] is pressed by its key, such as "Ctrl+Enter" (Cmd as well) or "Alt+KeyP", also while one
 * writes. Esc leaves a text, so that keys without Ctrl and Alt work again.
 */
const buttons = [...document.querySelectorAll("[data-button-key]")];

document.addEventListener("keydown", (event) => {
  if (event.isComposing || event.defaultPrevented || document.querySelector("dialog[open]")) return;
  if (event.key === "Escape" && event.target.matches?.("textarea")) return event.target.blur();
  const held = event.ctrlKey || event.metaKey ? "Ctrl+" : event.altKey ? "Alt+" : "";
  const button = held && buttons.find((each) => each.dataset.buttonKey === held + event.code.replace("Numpad", ""));
  if (!button || event.repeat) return;
  event.preventDefault();
  button.click();
});
