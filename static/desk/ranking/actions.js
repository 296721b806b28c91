/**
 * What can be done on the ranking page, by name: keys, the buttons [data-act] and screen readers all do the same.
 *
 * An action gets the card it is about. Comparing and duelling are fetched when they are first asked for.
 */
import { onPage } from "../../base/page.js";
import { bringIntoView, canUndo, cards, cardsAsShown, currentCard, followRatings, form, mark } from "./state.js";
import { rankAs, rate, ratings, refine, say, setCurrent, standing, tiers, undo, words } from "./state.js";
import { down, tie, tierOf, untie, up } from "./tiers.js";

export const ACTIONS = {
  up: (card) => move(card, up),
  down: (card) => move(card, down),
  tie: (card) => move(card, tie),
  untie: (card) => move(card, untie),
  ratings: () => say(followRatings() ? words("followed") : words("notAllRated")),
  undo: () => say(canUndo() && undo() ? words("undone") : words("nothingToUndo")),
  raw: (card) => showRaw([card]),
  rawAll: () => showRaw([...cards, ...document.querySelectorAll(".conversation .turn")]),
  unfold: (card) => unfold(card),
  compare: async (card) => (await import("./compare.js")).compare(card.dataset.card),
  duel: async () => (await import("./duel.js")).duelOn(),
  flags: (card) => open(card.querySelector("[data-flags]")),
  note: (card) => open(card.querySelector("[data-note]")),
  prompt: () => showPrompt(),
  strength: () => form.querySelector("[data-strengths] fieldset:not([hidden]):not(:has(:checked)) input")?.focus(),
  none: () => form.elements.none_acceptable.click(),
};

onPage(() => {
  if (!form) return;
  form.addEventListener("click", (event) => {
    const button = event.target.closest("[data-act]");
    if (button) ACTIONS[button.dataset.act](button.closest("[data-card]") ?? currentCard());
  });
  form.addEventListener("click", followMouse);
  equip();
  foldPrompt();
  // Fetched while nobody waits, so that the first duel does not wait for the network either.
  (window.requestIdleCallback ?? setTimeout)(() => [import("./compare.js"), import("./duel.js")]);
});

/** Rates the card and goes to the next one without a rating. */
export function rateAndGoOn(card, quality) {
  const wasOpen = !ratings().has(card.dataset.card);
  rate(card, quality);
  const next = nextWithout(ratings(), card);
  const done = wasOpen && !next;
  say(done ? words("allRated") : words("ratedOne", { letter: card.dataset.card, quality }));
  mark(next ?? card);
}

/** Gives the card that rank and goes to the next one without a rank. */
export function rankAndGoOn(card, rank) {
  const wasOpen = tierOf(tiers(), card.dataset.card) < 0;
  rankAs(card, rank);
  say(words("moved", { letter: card.dataset.card, standing: standing(card.dataset.card) }));
  const ranked = new Set(tiers().flat());
  mark((wasOpen && nextWithout(ranked, card)) || card);
}

/** After a rating with the mouse the view goes on where the card was read to its end: its beginning is out of sight. */
function followMouse({ target, detail }) {
  if (!detail || !target.matches("input[name$='-quality']")) return; // arrow keys click, too
  const card = target.closest("[data-card]");
  const next = nextWithout(ratings(), card);
  if (next && card.getBoundingClientRect().top < card.querySelector(".card-head").getBoundingClientRect().top - 1) {
    setCurrent(next);
    bringIntoView(next);
  }
}

/** The next card on the page that is not among those; the search goes round. */
function nextWithout(those, card) {
  const shown = cardsAsShown();
  const here = shown.indexOf(card);
  return [...shown.slice(here + 1), ...shown.slice(0, here)].find((each) => !those.has(each.dataset.card));
}

export function place(card, change) {
  refine(change(tiers()));
  say(words("moved", { letter: card.dataset.card, standing: standing(card.dataset.card) }));
}

function move(card, how) {
  const { card: letter } = card.dataset;
  const before = tiers();
  const after = how(before, letter);
  if (JSON.stringify(after) === JSON.stringify(before)) say(words("stays", { letter, standing: standing(letter) }));
  else place(card, () => after);
  if (!card.contains(document.activeElement)) mark(card);
}

function open(details) {
  if (!details) return;
  details.open = true;
  details.querySelector("textarea, input")?.focus();
}

function showRaw(which) {
  const raw = !which[0].classList.contains("is-raw");
  for (const card of which) {
    const place = card.querySelector("[data-raw-text]");
    if (!place.childNodes.length) place.append(card.querySelector("template[data-raw]").content.cloneNode(true));
    place.hidden = !raw;
    card.classList.toggle("is-raw", raw);
    card.querySelector("[data-act=raw]")?.setAttribute("aria-pressed", String(raw));
  }
  say(words(raw ? "raw" : "rendered"));
}

function unfold(card) {
  const button = card.querySelector("[data-act=unfold]");
  if (!button) return;
  const open = card.classList.toggle("is-unfolded");
  button.setAttribute("aria-expanded", String(open));
  button.querySelector("[data-label]").textContent = open ? button.dataset.less : button.dataset.more;
  if (!open) card.scrollIntoView({ block: "nearest" });
}

function showPrompt() {
  const prompt = document.getElementById("prompt");
  document.querySelector("[data-prompt-toggle][aria-expanded=false]")?.click();
  prompt.focus();
}

/** Gives each card the buttons that only make sense with scripts. */
function equip() {
  const tools = document.querySelector("template[data-card-tools]");
  for (const card of cards) {
    const own = tools.content.cloneNode(true);
    for (const button of own.querySelectorAll("button")) {
      const name = button.dataset.name.replace("{letter}", card.dataset.card);
      button.setAttribute("aria-label", name);
      button.title = button.dataset.key ? `${name} (${button.dataset.key})` : name;
    }
    card.querySelector("[data-tools]").append(own);
  }
  for (const button of document.querySelectorAll("[data-act][hidden]")) button.hidden = false;
}

/** On narrow screens the prompt stays above the work; [data-prompt-toggle] folds it to a line and opens it again. */
function foldPrompt() {
  const toggle = document.querySelector("[data-prompt-toggle]");
  if (!toggle) return;
  const prompt = document.getElementById("prompt");
  toggle.hidden = false;
  toggle.addEventListener("click", () => {
    const folded = prompt.classList.toggle("is-folded");
    toggle.setAttribute("aria-expanded", String(!folded));
  });
}
