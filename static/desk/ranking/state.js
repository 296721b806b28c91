/**
 * The ranking as the form's own buttons hold it: what is sent, what is saved as the draft, what everything shows.
 *
 * As long as nobody refined the order by hand it follows the ratings, once every completion has one. Each change tells
 * the form “order-changed”.
 */
import { onPage } from "../../base/page.js";
import { clearView } from "../../base/stuck.js";
import { fill, wordsOf } from "../../base/words.js";
import { byRatings, tierOf } from "./tiers.js";

const CLEAR = 12; // pixels between a card and the edge that it is brought to
const NEAR_TOP = 160; // pixels; a long card that begins there is being read from its beginning

export let form = null;
export let cards = [];
export let letters = [];

const OF_CARD = ["quality", "rank", "flags"];

let texts = {};
let buttons = new Map();
let past = [];
let refined = false;
let last = "";
let current = null;

onPage(() => {
  form = document.querySelector("form[data-ranking]");
  cards = form ? [...form.querySelectorAll("[data-card]")] : [];
  letters = cards.map((card) => card.dataset.card);
  buttons = new Map(cards.map((card) => [card, Object.fromEntries(OF_CARD.map((what) => [what, ofCard(card, what)]))]));
  current = null;
  if (!form) return;
  texts = wordsOf("ranking");
  form.addEventListener("change", ({ target, isTrusted }) => {
    if (!isJudgement(target)) return;
    if (isTrusted && target.name.endsWith("-rank")) refined = true; // by hand, where style sheets leave the ranks to see
    settle();
  });
  form.addEventListener("draft-restored", begin);
  begin();
});

export function cardOf(letter) {
  return cards[letters.indexOf(letter)];
}

/** How many ratings the page offers. */
export function ratingsOffered() {
  return cards.length ? radios(cards[0], "quality").length : 0;
}

/** The words of the flags that are set on the card. */
export function flagsOf(card) {
  return radios(card, "flags").filter((box) => box.checked).map((box) => box.dataset.label);
}

export function ratings() {
  return chosen("quality");
}

export function tiers() {
  const ranks = chosen("rank");
  const found = new Map([...new Set(ranks.values())].sort((a, b) => a - b).map((rank) => [rank, []]));
  for (const [letter, rank] of ranks) found.get(rank).push(letter);
  return [...found.values()];
}

export function isRefined() {
  return refined;
}

export function rate(card, quality) {
  choose(card, "quality", quality);
  tellTheForm(card);
}

/** That rank and no other, whatever the others have: gaps close by themselves once it is handed in. */
export function rankAs(card, rank) {
  refined = true;
  choose(card, "rank", rank);
  tellTheForm(card);
}

/** The labeler's own order from here on. */
export function refine(newTiers) {
  refined = true;
  write(newTiers);
  tellTheForm(cards[0]);
}

/** Back to the order that the ratings make; false while one is missing. */
export function followRatings() {
  if (ratings().size < cards.length) return false;
  refined = false;
  write(byRatings(ratings()));
  tellTheForm(cards[0]);
  return true;
}

export function undo() {
  const before = past.pop();
  if (!before) return false;
  last = before;
  const { checked, byHand } = JSON.parse(before);
  refined = byHand;
  for (const button of undoable()) button.checked = checked.includes(nameOf(button));
  form.dispatchEvent(new CustomEvent("step-undone"));
  tellTheForm(cards[0]);
  return true;
}

export function canUndo() {
  return past.length > 0;
}

/** The card that keys act on: the one that holds the focus, or held it last. */
export function currentCard() {
  return current ?? cards.find((card) => !ratings().has(card.dataset.card)) ?? cards[0];
}

export function setCurrent(card) {
  current = card;
  for (const each of cards) {
    each.classList.toggle("is-current", each === card);
    each.tabIndex = each === card ? 0 : -1;
  }
}

export function mark(card) {
  card.focus({ preventScroll: true });
  setCurrent(card);
  bringIntoView(card);
}

/** All of the card, or its beginning where it is longer than the window. */
export function bringIntoView(card) {
  const view = clearView();
  const { top, bottom } = card.getBoundingClientRect();
  const isLong = bottom - top > view.bottom - view.top - 2 * CLEAR;
  if (isLong ? top >= view.top && top < view.top + NEAR_TOP : top >= view.top && bottom <= view.bottom) return;
  if (isLong || top < view.top) scrollBy({ top: top - view.top - CLEAR });
  else scrollBy({ top: bottom - view.bottom + CLEAR });
}

/** The cards in the order in which they stand on the page. */
export function cardsAsShown() {
  return [...form.querySelectorAll("[data-card]")];
}

/** Tells a screen reader what happened. */
export function say(text) {
  const region = document.querySelector("[data-announce]");
  if (region) region.textContent = text;
}

/** Returns the text of that name (labeling/templatetags/script_words.py) with its {places} filled. */
export function words(name, values = {}) {
  return fill(texts[name], values);
}

/** “Rank 2, tied with B”, or that it is not ranked. */
export function standing(letter) {
  const now = tiers();
  const at = tierOf(now, letter);
  if (at < 0) return words("unranked");
  const others = now[at].filter((other) => other !== letter).join(", ");
  return words(others ? "tied" : "ranked", { rank: at + 1, letters: others });
}

function begin() {
  if (!tiers().length) follow(); // all were rated before the scripts listened
  const now = tiers();
  refined = now.length > 0 && (ratings().size < cards.length || !same(now, byRatings(ratings())));
  past = [];
  setCurrent(current ?? currentCard());
  form.dispatchEvent(new CustomEvent("order-changed"));
  last = snapshot();
}

function settle() {
  if (!refined) follow();
  form.dispatchEvent(new CustomEvent("order-changed"));
  const now = snapshot(); // once strengths.js has drawn the steps that there are now
  if (now !== last) past.push(last);
  last = now;
}

function follow() {
  if (ratings().size === cards.length) write(byRatings(ratings()));
}

function write(newTiers) {
  for (const card of cards) choose(card, "rank", tierOf(newTiers, card.dataset.card) + 1 || null);
}

function choose(card, what, value) {
  for (const radio of radios(card, what)) radio.checked = radio.value === String(value);
}

function chosen(what) {
  const found = new Map();
  for (const card of cards) {
    const radio = radios(card, what).find((each) => each.checked);
    if (radio) found.set(card.dataset.card, Number(radio.value));
  }
  return found;
}

function radios(card, what) {
  return buttons.get(card)[what];
}

/** Looked up once: a form of two hundred buttons takes its time to find some by their name. */
function ofCard(card, what) {
  return [...card.querySelectorAll(`input[name$="-${what}"]`)];
}

/** As if somebody had chosen a radio button: the draft is saved, and this module settles. */
function tellTheForm(card) {
  radios(card, "rank")[0].dispatchEvent(new Event("change", { bubbles: true }));
}

function isJudgement(field) {
  return /^(\d+-(quality|rank|flags)|strength-\d+|none_acceptable)$/.test(field.name ?? "");
}

/** All that one key or click sets, and that undoing takes back. */
function undoable() {
  const ofTheWhole = form.querySelectorAll("[data-strengths] input, input[name=none_acceptable]");
  return [...cards.flatMap((card) => Object.values(buttons.get(card)).flat()), ...ofTheWhole];
}

function nameOf(button) {
  return `${button.name}=${button.value}`;
}

function snapshot() {
  return JSON.stringify({ checked: undoable().filter((each) => each.checked).map(nameOf), byHand: refined });
}

function same(one, other) {
  return JSON.stringify(one) === JSON.stringify(other);
}
