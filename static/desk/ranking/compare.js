/** Two cards side by side in the dialog [data-compare], with the words marked that only one of them has. */
import { onKey } from "../../base/keys.js";
import { onPage } from "../../base/page.js";
import { cards, cardOf, form, letters, standing, tiers } from "./state.js";
import { wordDiff } from "./word-diff.js";

let dialog, left, right;
let compared = false;

onPage(() => {
  dialog = document.querySelector("[data-compare]");
  if (!dialog) return;
  [left, right] = dialog.querySelectorAll("select");
  for (const select of [left, right]) {
    select.append(...letters.map((letter) => new Option(letter, letter)));
    select.addEventListener("change", draw);
  }
  dialog.addEventListener("close", goBack);
});
// Not on the dialog alone: a click on a text that is read there takes the focus out of it.
onKey((key) => {
  if (!dialog?.open) return false;
  if (["c", "Escape"].includes(key)) {
    dialog.close();
    goBack();
    return true;
  }
  const sides = { ArrowLeft: [right, -1], ArrowRight: [right, 1], ArrowUp: [left, -1], ArrowDown: [left, 1] };
  if (key in sides) turn(...sides[key]);
  return key in sides;
});

/** Opens with this card on the left and, on the right, its neighbour in the order so far, or on the page. */
export function compare(letter) {
  left.value = letter;
  right.value = neighbour(letter);
  draw();
  dialog.showModal();
  compared = true;
}

/** To the card on the left; once, since the event comes after the closing, when a key may have gone on to another card. */
function goBack() {
  if (compared) cardOf(left.value).focus();
  compared = false;
}

function neighbour(letter) {
  const order = tiers().flat();
  const among = order.includes(letter) && order.length > 1 ? order : letters;
  const at = among.indexOf(letter);
  return among[at > 0 ? at - 1 : at + 1];
}

function turn(select, step) {
  const other = select === left ? right : left;
  let at = letters.indexOf(select.value);
  do at = (at + step + cards.length) % cards.length;
  while (letters[at] === other.value);
  select.value = letters[at];
  draw();
}

function draw() {
  const chosen = [left.value, right.value];
  const texts = chosen.map((letter) => cardOf(letter).querySelector("template[data-raw]").content.textContent);
  const sides = wordDiff(texts[0], texts[1], form.dataset.language);
  for (const [at, side] of [...dialog.querySelectorAll("[data-side]")].entries()) {
    side.querySelector("[data-side-standing]").textContent = standing(chosen[at]);
    side.querySelector("[data-side-text]").replaceChildren(...sides[at].map(run));
  }
  const marks = sides.flat().filter(([, only]) => only).length;
  dialog.querySelector("[data-same]").hidden = marks > 0;
}

function run([text, only]) {
  if (!only) return document.createTextNode(text);
  const mark = document.createElement("mark");
  mark.textContent = text;
  return mark;
}
