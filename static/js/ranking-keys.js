/**
 * Keys for the cards in [data-cards]: 1–7 rate the marked card and go to the next without a quality, Shift with a
 * number ranks it, arrows go from card to card. The marked card is the one that holds the focus.
 */
const cards = [...document.querySelectorAll("[data-cards] [data-card]")];
const STEP = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 };
const TYPING = "textarea, select, input:not([type=radio], [type=checkbox])";

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  if (event.key === "Escape" && event.target.matches(`[data-card] :is(${TYPING})`)) return mark(cardOf(event.target));
  if (event.target.closest(`${TYPING}, [data-popover][open]`)) return;
  const digit = /^(?:Digit|Numpad)([1-9])$/.exec(event.code)?.[1];
  if (digit && pressed(digit, event.shiftKey)) event.preventDefault();
  else if (event.key in STEP && arrow(event)) event.preventDefault();
});

function pressed(digit, shift) {
  const card = cardOf(document.activeElement) ?? cards.find((each) => !isRated(each)) ?? cards[0];
  const radio = card?.querySelector(`input[name$="-${shift ? "rank" : "quality"}"][value="${digit}"]`);
  if (!radio) return false;
  radio.checked = true;
  radio.dispatchEvent(new Event("change", { bubbles: true }));
  mark(shift ? card : nextUnrated(card));
  return true;
}

function arrow(event) {
  // Inside a scale or another control the arrows belong to the control.
  if (event.target.closest("input, details, a, button, [tabindex='0']")) return false;
  const card = cardOf(document.activeElement);
  const next = card ? cards[cards.indexOf(card) + STEP[event.key]] : event.key === "ArrowRight" ? cards[0] : null;
  if (!next) return false;
  mark(next);
  return true;
}

function nextUnrated(card) {
  const here = cards.indexOf(card);
  const after = [...cards.slice(here + 1), ...cards.slice(0, here)];
  return after.find((each) => !isRated(each)) ?? card;
}

function isRated(card) {
  return card.querySelector('input[name$="-quality"]:checked') !== null;
}

function cardOf(element) {
  return element?.closest?.("[data-card]") ?? null;
}

function mark(card) {
  card.focus({ preventScroll: true });
  card.scrollIntoView({ block: "nearest" });
}
