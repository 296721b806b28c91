/**
 * One key for everything on the ranking page. They act on the card that holds the focus, or held it last.
 *
 * Digits rate, Shift with a digit ranks; letters are for the flags in the order of the rubric, except those in KEYS.
 */
import { isTyping, onKey } from "../../base/keys.js";
import { onPage } from "../../base/page.js";
import { ACTIONS, rankAndGoOn, rateAndGoOn } from "./actions.js";
import { FLAG_LETTERS, KEYS, STEPS, answerOf, digitOf } from "./shortcuts.js";
import { cards, cardsAsShown, currentCard, form, mark, ratingsOffered, say, words } from "./state.js";

onPage(showFlagLetters);
onKey((key, { target }) => {
  if (!form || form.inert || document.querySelector("dialog[open]:not(.is-beside)")) return false;
  if (key === "Escape") return leave(target);
  if (isTyping(target) || target.closest?.(".skip[open]")) return false;
  if (target.closest?.("[data-strengths]") && answerOf(key) !== null) return answerStrength(target, answerOf(key));
  return digit(key) || arrow(key, target) || act(key) || flag(key);
});

function digit(key) {
  const card = currentCard();
  const meant = digitOf(key, { ratings: ratingsOffered(), ranks: cards.length });
  if (!meant || !card) return false;
  if (meant.rate) rateAndGoOn(card, meant.rate);
  else rankAndGoOn(card, meant.rank);
  return true;
}

function arrow(key, target) {
  // Inside a scale or another control the arrows belong to the control.
  if (!(key in STEPS) || target.closest("input, details, a, [id=prompt]")) return false;
  const shown = cardsAsShown();
  const next = shown[shown.indexOf(currentCard()) + STEPS[key]];
  const inCard = target.closest("[data-card]");
  if (!inCard && key !== "ArrowRight") return false; // the page scrolls
  mark(inCard ? (next ?? currentCard()) : currentCard());
  return true;
}

function act(key) {
  if (!(key in KEYS)) return false;
  ACTIONS[KEYS[key]](currentCard());
  return true;
}

function flag(key) {
  const box = currentCard()?.querySelector(`[data-flags] input[data-key="${CSS.escape(key)}"]`);
  if (!box) return false;
  box.click();
  say(words(box.checked ? "flagged" : "unflagged", { flag: box.dataset.label, letter: currentCard().dataset.card }));
  return true;
}

function leave(target) {
  const card = target.closest?.("[data-card]");
  if (!card || target === card) return false;
  mark(card);
  return true;
}

/** Digits are for this question alone while it is asked: one that is no answer does nothing. */
function answerStrength(target, place) {
  const radio = target.closest("fieldset")?.querySelectorAll("input")[place];
  if (!radio) return true;
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
