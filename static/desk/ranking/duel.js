/**
 * Duel mode: one pair after the other in [data-duel], until the tiers stand; then they are there to be refined.
 *
 * The answers lie in the form as a hidden field, so that the draft holds a duel that was left in the middle.
 */
import { onKey } from "../../base/keys.js";
import { onPage } from "../../base/page.js";
import { BETTER, EQUAL, WORSE, duel } from "./binary-insertion.js";
import { scrollByKey, scrollTogether } from "./panes.js";
import { DUEL } from "./shortcuts.js";
import { cardOf, currentCard, form, letters, mark, refine, say, words } from "./state.js";

const ACTS = {
  better: () => answer(BETTER),
  equal: () => answer(EQUAL),
  worse: () => answer(WORSE),
  undo: takeBack,
  leave,
};
let dialog = null;
let field = null;

onPage(() => {
  dialog = document.querySelector("[data-duel]");
  field = form?.elements.duel;
  if (!dialog) return;
  for (const button of dialog.querySelectorAll("[data-answer]")) {
    button.addEventListener("click", () => answer(button.dataset.answer));
  }
  scrollTogether(panes());
  dialog.querySelector("[data-duel-undo]").addEventListener("click", takeBack);
  dialog.querySelector("[data-duel-leave]").addEventListener("click", leave);
});
// Not on the dialog alone: the prompt beside it stays in reach, to scroll and to copy from.
onKey((key, { target, held }) => {
  if (!dialog?.open) return false;
  if (!(key in DUEL)) return scrollByKey(key, panes(), target);
  if (!held) ACTS[DUEL[key]](); // one answer for each press: a held arrow would fight the whole duel
  return true;
});

/** Goes on where the last duel was left; a finished one begins anew. */
export function duelOn() {
  if (!duel(letters, field.value).question) field.value = "";
  setAside(true);
  dialog.show();
  ask();
}

function panes() {
  return [...dialog.querySelectorAll("[data-duel-text]")];
}

/** At once, not when the dialog tells of its closing: the next key is for the card already. */
function leave() {
  dialog.close();
  setAside(false);
  mark(currentCard());
}

function setAside(away) {
  for (const part of form.querySelectorAll(".work, .bar")) part.inert = away;
}

function answer(how) {
  store(field.value + how);
  const { tiers, question } = duel(letters, field.value);
  if (question) return ask();
  refine(tiers);
  say(words("duelDone"));
  leave();
}

function takeBack() {
  store(field.value.slice(0, -1));
  ask();
}

function store(answers) {
  field.value = answers;
  field.dispatchEvent(new Event("change", { bubbles: true }));
}

function ask() {
  const { question, said, left } = duel(letters, field.value);
  const { letter, against } = question;
  show("left", letter, letter);
  show("right", against[0], against.join(" = "));
  dialog.querySelector("[data-duel-progress]").textContent = words("duel", { number: said + 1, most: said + left });
  dialog.querySelector("[data-duel-undo]").disabled = said === 0;
  dialog.querySelector("[data-duel-question]").textContent = words("question", { left: letter, right: against.join(" = ") });
  dialog.querySelector("[data-answer]").focus({ preventScroll: true });
}

function show(side, letter, name) {
  const place = dialog.querySelector(`[data-duel-side=${side}]`);
  place.querySelector("[data-duel-name]").textContent = name;
  const text = cardOf(letter).querySelector(".prose").cloneNode(true);
  place.querySelector("[data-duel-text]").replaceChildren(text);
  place.querySelector("[data-duel-text]").scrollTop = 0;
}
