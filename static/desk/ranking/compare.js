/**
 * Two cards side by side in the dialog [data-compare], with the words marked that only one of them has, rendered or raw.
 * Rating and moving work there, too: they act on the side [data-active], the one that was last chosen, clicked or turned.
 */
import { onKey } from "../../base/keys.js";
import { onPage } from "../../base/page.js";
import { heightsOf, markRuns, textOf } from "./marked-text.js";
import { scrollByKey, scrollTogether } from "./panes.js";
import { cards, cardOf, form, letters, rate, ratings, refine, say, standing, tiers, words } from "./state.js";
import { down, tie, up } from "./tiers.js";
import { normal, normalSpaced, wordDiff } from "./word-diff.js";

const MOVES = { up, down, tie };
const MOST_MATCHES = 300;
const LITTLE = 0.3; // of the letters; with less in common the marks say nothing

const ACTS = {
  c: leave, Escape: leave, m: toggleMarks, r: toggleRaw, o: otherSide, t: () => moveBy("tie"),
  k: () => moveBy("up"), j: () => moveBy("down"), "Shift+ArrowUp": () => moveBy("up"), "Shift+ArrowDown": () => moveBy("down"),
}; // prettier-ignore

let dialog, sides, left, right, panes;
let compared = false;
let isRaw = false;
let same = []; // the places where the same begins and ends in both texts

onPage(() => {
  dialog = document.querySelector("[data-compare]");
  if (!dialog) return;
  sides = [...dialog.querySelectorAll("[data-side]")];
  panes = sides.map((side) => side.querySelector("[data-side-text]"));
  [left, right] = dialog.querySelectorAll("select");
  for (const select of [left, right]) {
    select.append(...letters.map((letter) => new Option(letter, letter)));
    select.addEventListener("change", () => turned(select));
  }
  for (const side of sides) {
    side.addEventListener("pointerdown", () => activate(side));
    side.addEventListener("focusin", () => activate(side));
    side.addEventListener("click", (event) => pressedIn(side, event.target.closest("[data-rate], [data-move]")));
  }
  dialog.querySelector("[data-marks]").addEventListener("click", toggleMarks);
  dialog.querySelector("[data-compare-raw]").addEventListener("click", toggleRaw);
  dialog.addEventListener("close", goBack);
  scrollTogether(panes, matches);
});
// Not on the dialog alone: a click on a text that is read there takes the focus out of it.
onKey((key, { target }) => Boolean(dialog?.open) && pressed(key, target));

/** Opens with this card on the left and, on the right, its neighbour in the order so far, or on the page. */
export function compare(letter) {
  left.value = letter;
  right.value = neighbour(letter);
  activate(sides[0]);
  draw();
  dialog.showModal();
  panes[0].focus({ preventScroll: true });
  compared = true;
}

/** True where the key was for the dialog. */
function pressed(key, target) {
  const turns = { ArrowLeft: [right, -1], ArrowRight: [right, 1], ArrowUp: [left, -1], ArrowDown: [left, 1] };
  if (turns[key]) return turn(...turns[key]);
  if (/^[1-7]$/.test(key)) return rateAs(Number(key));
  if (key in ACTS) return ACTS[key]();
  return scrollByKey(key, panes, target);
}

function leave() {
  dialog.close();
  goBack();
  return true;
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
  turned(select);
  return true;
}

function turned(select) {
  activate(select.closest("[data-side]"));
  draw();
}

function activate(side) {
  for (const each of sides) each.toggleAttribute("data-active", each === side);
}

function activeSide() {
  return sides.find((side) => "active" in side.dataset);
}

function otherSide() {
  activate(sides.find((side) => side !== activeSide()));
  say(words("activeSide", { letter: letterOf(activeSide()) }));
  return true;
}

function letterOf(side) {
  return side.querySelector("select").value;
}

function pressedIn(side, button) {
  if (!button) return;
  activate(side);
  if (button.dataset.rate) rateAs(Number(button.dataset.rate));
  else moveBy(button.dataset.move);
}

function rateAs(quality) {
  const letter = letterOf(activeSide());
  rate(cardOf(letter), quality);
  say(words("ratedOne", { letter, quality }));
  drawStandings();
  return true;
}

function moveBy(how) {
  const letter = letterOf(activeSide());
  refine(MOVES[how](tiers(), letter));
  say(words("moved", { letter, standing: standing(letter) }));
  drawStandings();
  return true;
}

function toggleMarks() {
  const off = dialog.toggleAttribute("data-unmarked");
  dialog.querySelector("[data-marks]").setAttribute("aria-pressed", String(!off));
  return true;
}

function toggleRaw() {
  isRaw = !isRaw;
  draw();
  return true;
}

function draw() {
  dialog.querySelector("[data-compare-raw]").setAttribute("aria-pressed", String(isRaw));
  const chosen = sides.map((side) => cardOf(letterOf(side)));
  panes.forEach((pane, at) => pane.replaceChildren(isRaw ? rawOf(chosen[at]) : chosen[at].querySelector(".prose").cloneNode(true)));
  const texts = panes.map(textOf);
  const [one, other, places] = wordDiff(texts[0].text, texts[1].text, form.dataset.language, isRaw ? normal : normalSpaced);
  const runs = [one, other];
  same = places;
  texts.forEach(({ pieces }, at) => markRuns(pieces, runs[at]));
  for (const pane of panes) pane.scrollTop = 0;
  dialog.querySelector("[data-same]").textContent = remark(runs, chosen);
  drawStandings();
}

/** The heights that match, of some of the places: enough of them to follow a text, few enough to find at once. */
function matches() {
  const each = Math.ceil(same.length / MOST_MATCHES);
  const some = same.filter((_, at) => at % each === 0);
  const [inLeft, inRight] = panes.map((pane, side) => heightsOf(pane, some.map((place) => place[side])));
  return some.map((_, at) => [inLeft[at], inRight[at]]);
}

function rawOf(card) {
  const raw = card.querySelector("[data-raw-text]").cloneNode(false);
  raw.hidden = false;
  raw.append(card.querySelector("template[data-raw]").content.cloneNode(true));
  return raw;
}

/** What the marks can't say: that there are none, or nothing else. */
function remark(runs, chosen) {
  const [shared, whole] = [runs.flat().filter(([, only]) => !only), runs.flat()].map((some) => lettersIn(some));
  if (runs.flat().some(([, only]) => only)) return shared < LITTLE * whole ? words("littleInCommon") : "";
  const raw = chosen.map((card) => card.querySelector("template[data-raw]").content.textContent);
  return words(raw[0] === raw[1] ? "sameText" : "sameWords");
}

function lettersIn(runs) {
  return runs.reduce((sum, [text]) => sum + text.trim().length, 0);
}

function drawStandings() {
  for (const side of sides) {
    const letter = letterOf(side);
    side.querySelector("[data-side-standing]").textContent = standing(letter);
    for (const button of side.querySelectorAll("[data-rate]")) {
      button.setAttribute("aria-pressed", String(ratings().get(letter) === Number(button.dataset.rate)));
    }
  }
}
