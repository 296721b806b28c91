/** Shows the order: the tiers in [data-order], each card's rank and flags, and where the ranks contradict the ratings. */
import { onPage } from "../../base/page.js";
import { bringIntoView, cardOf, cards, cardsAsShown, currentCard, flagsOf, form, isRefined, letters } from "./state.js";
import { mark, ratings, setCurrent, standing, tiers, words } from "./state.js";
import { contradictions, equalButApart, tierOf, unequalTie } from "./tiers.js";

const SHOWN_CONTRADICTIONS = 2;
const GOOD = 6; // of 7

onPage((signal) => {
  if (!form) return;
  form.addEventListener("order-changed", draw);
  form.addEventListener("focusin", (event) => {
    const card = event.target.closest("[data-card]");
    if (card) setCurrent(card);
  });
  form.addEventListener("click", (event) => {
    const chip = event.target.closest("[data-chip]");
    if (chip) mark(cardOf(chip.dataset.chip));
  });
  form.elements.none_acceptable.addEventListener("change", draw);
  document.addEventListener("reading-changed", arrange, { signal });
  draw();
});

function draw() {
  const [now, rated] = [tiers(), ratings()];
  const held = document.activeElement?.dataset?.chip; // drawing anew must not take the focus away
  drawTiers(now);
  if (held) form.querySelector(`[data-chip="${held}"]`)?.focus();
  for (const card of cards) drawCard(card, now, rated);
  drawProgress(now, rated);
  drawContradictions(now, rated);
  arrange();
}

/** Puts the cards in the order of their ranks, or as they were handed out, as the labeler chose (people/reading.js). */
function arrange() {
  const now = tiers();
  const byRank = document.body.dataset.viewCards === "rank";
  const rankOf = (card) => (byRank ? (tierOf(now, card.dataset.card) + 1 || cards.length + 1) : 0);
  const wanted = [...cards].sort((one, other) => rankOf(one) - rankOf(other)); // equal ones stay as handed out
  if (cardsAsShown().every((card, at) => card === wanted[at])) return;
  const focused = document.activeElement;
  form.querySelector("[data-cards]").append(...wanted);
  if (form.contains(focused) && document.activeElement !== focused) focused.focus({ preventScroll: true });
  bringIntoView(currentCard());
}

function drawTiers(now) {
  const open = letters.filter((letter) => tierOf(now, letter) < 0);
  const items = now.map((tier, at) => item(String(at + 1), at + 1, tier, "tier"));
  if (!now.length) items.push(item("1", "start", [], "tier start"));
  if (open.length) items.push(item(words("open"), "open", open, "tier open"));
  form.querySelector("[data-tiers]").replaceChildren(...items);
}

function item(label, tier, inIt, className) {
  const [li, head] = [document.createElement("li"), document.createElement("b")];
  li.className = className;
  li.dataset.tier = tier;
  head.textContent = label;
  li.append(head, ...inIt.map(chip));
  return li;
}

function chip(letter) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "chip";
  button.dataset.chip = letter;
  button.textContent = letter;
  button.setAttribute("aria-label", `${letter}: ${standing(letter)}`);
  return button;
}

function drawCard(card, now, rated) {
  const { card: letter } = card.dataset;
  const at = tierOf(now, letter);
  const others = at < 0 ? [] : now[at].filter((other) => other !== letter);
  const place = card.querySelector("[data-standing]");
  place.textContent = at < 0 ? "" : words(others.length ? "tiedShort" : "ranked", { rank: at + 1, letters: others.join(", ") });
  card.classList.toggle("is-rated", rated.has(letter));
  drawFlags(card);
}

function drawProgress(now, rated) {
  const values = { rated: rated.size, ranked: now.flat().length, k: cards.length };
  form.querySelector("[data-progress-text]").textContent = words(rated.size < cards.length ? "rated" : "progress", values);
  form.classList.toggle("is-refined", isRefined());
}

function drawContradictions(now, rated) {
  const found = contradictions(now, rated);
  const lines = found
    .slice(0, SHOWN_CONTRADICTIONS)
    .map(([above, below]) =>
      words("contradiction", { above, below, rating: rated.get(above), higher: rated.get(below) }),
    );
  if (found.length > lines.length) lines.push(words("moreContradictions", { count: found.length - lines.length }));
  lines.push(...remarks(now, rated));
  const place = form.querySelector("[data-contradictions]");
  const text = lines.join(" ");
  if (place.textContent !== text) place.textContent = text; // a screen reader hears changes only
}

/** What may be meant and may be a slip: each kind is said once, whatever the number of its cases. */
function remarks(now, rated) {
  const lines = [];
  const best = [...rated].sort(([, one], [, other]) => other - one)[0];
  if (form.elements.none_acceptable.checked && best?.[1] >= GOOD) {
    lines.push(words("noneButGood", { letter: best[0], rating: best[1] }));
  }
  if (now.length === 1 && now[0].length === cards.length) lines.push(words("allTied"));
  const apart = equalButApart(now, rated);
  if (apart) lines.push(words("equalRated", { above: apart[0], below: apart[1] }));
  const tied = unequalTie(now, rated);
  if (tied) lines.push(words("tiedUnequal", { one: tied[0], other: tied[1] }));
  return lines;
}

/** How many are set, and which, in words: a flag that a stray key set is seen. */
function drawFlags(card) {
  const badge = card.querySelector("[data-flag-count]");
  const chips = card.querySelector("[data-flag-chips]");
  if (!badge) return; // a rubric without flags
  const set = flagsOf(card);
  badge.textContent = String(set.length);
  badge.hidden = chips.hidden = set.length === 0;
  if ([...chips.children].map((each) => each.textContent).join() === set.join()) return;
  chips.replaceChildren(
    ...set.map((words) => {
      const item = document.createElement("li");
      item.textContent = words;
      return item;
    }),
  );
}
