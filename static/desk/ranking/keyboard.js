/**
 * One key for everything on the ranking page. They act on the card that holds the focus, or held it last.
 *
 * Digits rate, Shift with a digit ranks; letters are for the flags in the order of the rubric, except those in KEYS.
 */
import { onPage } from "../../base/page.js";
import { ACTIONS, rankAndGoOn, rateAndGoOn } from "./actions.js";
import { cards, cardsAsShown, currentCard, form, mark, say, words } from "./state.js";

const KEYS = {
  k: "up", j: "down", t: "tie", u: "untie", z: "undo", "=": "ratings",
  c: "compare", d: "duel", r: "raw", o: "unfold", f: "flags", n: "note",
  p: "prompt", 0: "strength", x: "none", s: "skip",
}; // prettier-ignore
const SHIFTED = { ArrowUp: "up", ArrowDown: "down", r: "rawAll" };
// As many as a rubric may have flags (labeling/campaigns/rules/rubric.py): the letters that KEYS leaves.
const FLAG_LETTERS = [..."abeghlmqvwyi"];
const STEP = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 };
const TYPING = "textarea, select, input:not([type=radio], [type=checkbox])";

onPage(showFlagLetters);
document.addEventListener("keydown", (event) => {
  if (!form || form.inert || event.defaultPrevented || event.altKey || document.querySelector("dialog[open]:not(.is-beside)")) return;
  if (handle(event)) event.preventDefault();
});

function handle(event) {
  if (event.ctrlKey || event.metaKey) return event.key === "Enter" && done(ACTIONS.submit());
  const target = event.target;
  if (event.key === "Escape") return leave(target);
  if (target.matches?.(TYPING)) return false;
  if (target.closest?.("[data-strengths]") && answerStrength(target, event)) return true;
  if (target.closest?.("#skip[open]")) return false;
  return digit(event) || arrow(event) || letter(event);
}

function digit(event) {
  const number = Number(/^(?:Digit|Numpad)([1-9])$/.exec(event.code)?.[1]);
  const card = currentCard();
  if (!number || !card) return false;
  if (!event.shiftKey) return number <= 7 && done(rateAndGoOn(card, number));
  return number <= cards.length && done(rankAndGoOn(card, number));
}

function arrow(event) {
  if (!(event.key in STEP)) return false;
  if (event.shiftKey) return event.key in SHIFTED && done(ACTIONS[SHIFTED[event.key]](currentCard()));
  // Inside a scale or another control the arrows belong to the control.
  if (event.target.closest("input, details, a, [id=prompt]")) return false;
  const shown = cardsAsShown();
  const next = shown[shown.indexOf(currentCard()) + STEP[event.key]];
  const inCard = event.target.closest("[data-card]");
  if (!inCard && event.key !== "ArrowRight") return false; // the page scrolls
  mark(inCard ? (next ?? currentCard()) : currentCard());
  return true;
}

function letter(event) {
  const key = keyOf(event);
  if (event.shiftKey) return key === "r" && done(ACTIONS.rawAll());
  if (KEYS[key]) return done(ACTIONS[KEYS[key]](currentCard()));
  const box = currentCard()?.querySelector(`[data-flags] input[data-key="${CSS.escape(key)}"]`);
  if (!box) return false;
  box.click();
  const values = { flag: box.dataset.label, letter: currentCard().dataset.card };
  say(words(box.checked ? "flagged" : "unflagged", values));
  return true;
}

/** The Latin letter of the key, also where the layout has another script on it. */
function keyOf(event) {
  const typed = event.key.toLowerCase();
  return /^[!-~]$/.test(typed) ? typed : (/^Key([A-Z])$/.exec(event.code)?.[1].toLowerCase() ?? typed);
}

function leave(target) {
  const card = target.closest?.("[data-card]");
  if (!card || target === card || target.closest("[data-popover][open]")) return false;
  mark(card);
  return true;
}

function answerStrength(target, event) {
  const radio = target.closest("fieldset")?.querySelectorAll("input")[Number(event.key) - 1];
  if (!radio) return false;
  radio.click();
  const open = "[data-strengths] fieldset:not([hidden]):not(:has(:checked)) input";
  (form.querySelector(open) ?? radio).focus();
  return true;
}

function showFlagLetters() {
  for (const card of cards) {
    for (const [at, box] of card.querySelectorAll("[data-flags] input").entries()) {
      const key = FLAG_LETTERS[at];
      const hint = document.createElement("kbd");
      hint.textContent = key.toUpperCase();
      box.dataset.key = key;
      box.setAttribute("aria-keyshortcuts", key);
      box.closest("label").append(hint);
    }
  }
}

function done() {
  return true;
}
