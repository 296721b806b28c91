/**
 * The keys and buttons of an adjudication: a digit ranks the marked completion and marks the next one, arrows go from one
 * to the other, and [data-take-over] takes a whole column of the table, a labeler's ranks or the consensus.
 */
import { isTyping, onKey } from "../base/keys.js";
import { onPage } from "../base/page.js";

let cards = [];
let current = 0;

onPage(() => {
  cards = [...document.querySelectorAll("[data-adjudicated]")];
  current = 0;
  for (const [at, card] of cards.entries()) card.addEventListener("focusin", () => mark(at));
  for (const button of document.querySelectorAll("[data-take-over]")) {
    button.hidden = false;
    button.addEventListener("click", () => takeOver(button));
  }
  mark(0);
});

onKey((key, { target }) => {
  if (!cards.length || isTyping(target) || document.querySelector("dialog[open]:not(.is-beside)")) return false;
  if (target.closest?.("details[open]")) return false;
  if (/^[1-9]$/.test(key)) return rank(Number(key));
  if (key === "ArrowDown" || key === "ArrowUp") {
    if (target.matches?.("input[type=radio]")) return false; // the arrows are the scale's own
    go(current + (key === "ArrowDown" ? 1 : -1));
    return true;
  }
  return false;
});

function rank(number) {
  const radio = cards[current].querySelector(`input[type=radio][value="${number}"]`);
  if (!radio) return false;
  choose(radio);
  go(current + 1);
  return true;
}

function go(at) {
  if (!cards[at]) return;
  mark(at);
  cards[at].focus();
}

function mark(at) {
  current = at;
  for (const [place, card] of cards.entries()) card.classList.toggle("is-current", place === at);
}

function takeOver(button) {
  const ranks = button.dataset.takeOver.split(",");
  for (const [at, card] of cards.entries()) choose(card.querySelector(`input[type=radio][value="${ranks[at]}"]`));
}

function choose(radio) {
  if (!radio) return;
  radio.checked = true;
  radio.dispatchEvent(new Event("change", { bubbles: true }));
}
