/**
 * Drags a card, by its handle or by its chip in the order, to where it belongs: onto a tier or another card to tie with
 * it, between tiers to stand alone. Mouse, pen and finger; near an edge the page or the order scrolls along.
 */
import { onKey } from "../../base/keys.js";
import { onPage } from "../../base/page.js";
import { place } from "./actions.js";
import { cardOf, form, say, standing, words } from "./state.js";
import { insert, join, without } from "./tiers.js";

const STARTS_AFTER = 6; // pixels; less is a click
const EDGE = 64; // pixels from an edge where scrolling begins
const FASTEST = 18; // pixels a frame
const TIE_ZONE = 0.5; // of a tier's width, in its middle

let drag = null;

onPage(() => {
  drag = null;
  form?.addEventListener("pointerdown", begin);
});

function begin(event) {
  const handle = event.target.closest("[data-handle], [data-chip]");
  if (!handle || event.button !== 0 || drag) return;
  const letter = handle.dataset.chip ?? handle.closest("[data-card]").dataset.card;
  drag = { letter, handle, pointer: event.pointerId, from: [event.clientX, event.clientY], ghost: null, target: null };
  handle.setPointerCapture(event.pointerId);
  handle.addEventListener("pointermove", follow);
  handle.addEventListener("pointerup", drop);
  handle.addEventListener("pointercancel", cancel);
  drag.keys = new AbortController();
  onKey(cancelByKey, { first: true, signal: drag.keys.signal });
}

function follow(event) {
  drag.at = [event.clientX, event.clientY];
  if (!drag.ghost) {
    if (Math.hypot(drag.at[0] - drag.from[0], drag.at[1] - drag.from[1]) < STARTS_AFTER) return;
    lift();
  }
  event.preventDefault();
  aim();
}

function lift() {
  drag.ghost = document.createElement("div");
  drag.ghost.className = "drag-ghost";
  drag.ghost.textContent = drag.letter;
  drag.ghost.setAttribute("aria-hidden", "true");
  document.body.append(drag.ghost);
  form.classList.add("is-dragging");
  cardOf(drag.letter).classList.add("is-lifted");
  drag.frame = requestAnimationFrame(scrollAlong);
}

function aim() {
  const [x, y] = drag.at;
  drag.ghost.style.transform = `translate(${x}px, ${y}px)`;
  const target = targetAt(x, y);
  for (const marked of form.querySelectorAll("[data-drop]")) delete marked.dataset.drop;
  if (target) target.element.dataset.drop = target.how;
  drag.target = target;
}

/** Where a drop at this point would put the card: {element, how, change}; null where it would change nothing. */
function targetAt(x, y) {
  const under = document.elementFromPoint(x, y);
  const { letter } = drag;
  const card = under?.closest("[data-card]");
  if (card) {
    const other = card.dataset.card;
    return other === letter ? null : { element: card, how: "tie", change: (tiers) => join(tiers, letter, other) };
  }
  const tier = under?.closest("[data-tier]");
  if (tier?.dataset.tier === "open") return { element: tier, how: "tie", change: (tiers) => without(tiers, letter) };
  if (tier?.dataset.tier === "start") return { element: tier, how: "tie", change: (tiers) => insert(tiers, letter, 0) };
  if (tier) return inOrBeside(tier, x, letter);
  return besideTheOrder(under?.closest("[data-order]"), x, letter);
}

/** Before the first rank it becomes the first; anywhere else beside the ranks the last. */
function besideTheOrder(order, x, letter) {
  if (!order) return null;
  const first = order.querySelector("[data-tier]");
  const { left, right } = first.getBoundingClientRect();
  const isBefore = getComputedStyle(first).direction === "rtl" ? x > right : x < left;
  if (isBefore) return { element: first, how: "before", change: (tiers) => insert(tiers, letter, 0) };
  return { element: order, how: "end", change: (tiers) => insert(tiers, letter, tiers.length) };
}

function inOrBeside(element, x, letter) {
  const { left, right, width } = element.getBoundingClientRect();
  const at = Number(element.dataset.tier) - 1;
  const side = (width * (1 - TIE_ZONE)) / 2;
  const backwards = getComputedStyle(element).direction === "rtl";
  const before = { element, how: "before", change: (tiers) => insert(tiers, letter, at) };
  const after = { element, how: "after", change: (tiers) => insert(tiers, letter, at + 1) };
  if (x < left + side) return backwards ? after : before;
  if (x > right - side) return backwards ? before : after;
  return { element, how: "tie", change: (tiers) => (tiers[at].includes(letter) ? tiers : join(tiers, letter, tiers[at][0])) };
}

function scrollAlong() {
  if (!drag?.ghost) return;
  const [x, y] = drag.at;
  const order = form.querySelector("[data-tiers]");
  const bar = order.closest(".bar").getBoundingClientRect();
  const top = document.querySelector(".header")?.getBoundingClientRect().bottom ?? 0;
  if (y >= bar.top) {
    const { left, right } = order.getBoundingClientRect();
    order.scrollBy(speed(x - left, right - x), 0);
  } else {
    window.scrollBy({ top: speed(y - top, bar.top - y), behavior: "instant" });
  }
  aim();
  drag.frame = requestAnimationFrame(scrollAlong);
}

/** Pixels a frame: back near the beginning, on near the end, faster the nearer. */
function speed(toBeginning, toEnd) {
  const near = (distance) => Math.max(0, Math.min(1, (EDGE - distance) / EDGE));
  return Math.round(FASTEST * (near(toEnd) - near(toBeginning)));
}

function drop(event) {
  const { letter, target, ghost, handle } = drag;
  end();
  if (!ghost) return;
  event.preventDefault();
  handle.addEventListener("click", swallow, { capture: true, once: true });
  setTimeout(() => handle.removeEventListener("click", swallow, true));
  if (target) place(cardOf(letter), target.change);
  else say(words("stays", { letter, standing: standing(letter) }));
}

function swallow(event) {
  event.preventDefault();
  event.stopPropagation();
}

function cancelByKey(key) {
  if (key !== "Escape" || !drag?.ghost) return false;
  cancel();
  return true;
}

function cancel() {
  const { letter } = drag;
  end();
  say(words("stays", { letter, standing: standing(letter) }));
}

function end() {
  const { handle, ghost, frame, letter, pointer, keys } = drag;
  drag = null;
  cancelAnimationFrame(frame);
  ghost?.remove();
  form.classList.remove("is-dragging");
  cardOf(letter).classList.remove("is-lifted");
  for (const marked of form.querySelectorAll("[data-drop]")) delete marked.dataset.drop;
  if (handle.hasPointerCapture(pointer)) handle.releasePointerCapture(pointer);
  for (const [name, listener] of [["pointermove", follow], ["pointerup", drop], ["pointercancel", cancel]]) {
    handle.removeEventListener(name, listener);
  }
  keys.abort();
}
