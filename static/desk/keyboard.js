/**
 * The keys of the pages of work, but for those of a ranking (ranking/keyboard.js).
 *
 * A button [data-button-key] is pressed by its key, such as "Ctrl+Enter" (Cmd as well) or "Alt+p", also while one
 * writes; of several with one key the one in the turn or pair that one writes in, else the last. A panel that asks
 * something (.skip) has keys of its own: what is pressed in it never reaches the buttons beside it. Esc leaves a text, so
 * that keys without Ctrl and Alt work again. The key s opens the reasons for skipping. Enter in a form's choices, which
 * browsers take for its first button, hands nothing in.
 */
import { isTyping, onKey } from "../base/keys.js";

onKey((key, { target }) => {
  if (document.querySelector("dialog[open]:not(.is-beside)")) return false;
  if (key === "s") return openSkip(target);
  if (key === "Enter") return Boolean(target.matches?.("form[data-autosave] input"));
  if (key === "Escape") return leave(target);
  if (!/^(Ctrl|Alt)\+/.test(key)) return false;
  const panel = target.closest?.(".skip[open]") ?? null;
  const button = buttonOf(key, target, panel);
  button?.click();
  return Boolean(button) || (panel !== null && key === "Ctrl+Enter");
});

function buttonOf(key, target, panel) {
  const shown = [...document.querySelectorAll(`[data-button-key="${CSS.escape(key)}"]`)].filter(
    (each) => each.closest(".skip") === panel && !each.closest("[inert]") && each.getClientRects().length,
  );
  const here = target.closest?.("[data-turn], [data-pair]");
  return shown.find((each) => here?.contains(each)) ?? shown.at(-1);
}

function leave(target) {
  if (!target.matches?.("textarea") || target.closest("[data-card]")) return false;
  target.blur();
  return true;
}

function openSkip(target) {
  const skip = document.getElementById("skip");
  if (!skip || skip.open || isTyping(target) || skip.closest("[inert]")) return false;
  skip.open = true;
  (skip.querySelector("input:checked") ?? skip.querySelector("input")).focus();
  return true;
}
