/**
 * form[data-own-prompt]: pairs of a few-shot prompt come and go, and another use case is shown, without leaving the page.
 * Without this script the same buttons post the form. Loaded before autosave.js: a draft may have more pairs.
 */
import { fill, wordsOf } from "../../base/words.js";

const form = document.querySelector("form[data-own-prompt]");
const list = form?.querySelector("[data-pairs]");
const texts = wordsOf("own-prompt");
const FEWEST = 2;

if (form) {
  form.addEventListener("click", clicked);
  form.addEventListener("draft-restoring", (event) => makeRoomFor(event.detail));
  form.addEventListener("draft-restored", showStatement);
  offer();
}

function clicked(event) {
  const button = event.target.closest("[data-add-pair], [data-remove-pair], [data-another]");
  if (!button) return;
  event.preventDefault();
  if ("addPair" in button.dataset) add();
  else if ("removePair" in button.dataset) remove(button.closest("[data-pair]"));
  else another();
}

function add() {
  if (list.children.length >= Number(form.dataset.most)) return;
  list.append(blank());
  changed(texts.added, list.children.length);
  list.lastElementChild.querySelector("textarea").focus();
}

function remove(pair) {
  if (list.children.length <= FEWEST) return;
  const index = [...list.children].indexOf(pair);
  pair.remove();
  changed(texts.removed, index + 1);
  (list.children[index] ?? list.lastElementChild).querySelector("textarea").focus();
}

function another() {
  const statements = [...form.querySelector("[data-statements]").content.children].map((each) => each.textContent);
  const field = form.elements.statement;
  field.value = statements[(statements.indexOf(field.value) + 1) % statements.length];
  showStatement();
  form.dispatchEvent(new Event("change", { bubbles: true }));
}

function showStatement() {
  const text = form.querySelector("[data-statement-text]");
  if (text && form.elements.statement.value) text.textContent = form.elements.statement.value;
}

function makeRoomFor(draft) {
  let wanted = FEWEST;
  while (`${wanted + 1}-query-text` in draft) wanted += 1;
  while (list.children.length < wanted) list.append(blank());
  while (list.children.length > wanted) list.lastElementChild.remove();
  renumber();
}

function blank() {
  return document.querySelector("[data-pair-template]").content.firstElementChild.cloneNode(true);
}

function changed(text, number) {
  renumber();
  form.dispatchEvent(new Event("change", { bubbles: true }));
  form.querySelector("[data-said]").textContent = fill(text, { n: number });
}

function renumber() {
  [...list.children].forEach((pair, index) => {
    pair.querySelector("[data-number]").textContent = index + 1;
    for (const each of pair.querySelectorAll("label, textarea")) {
      for (const name of ["id", "name", "for"]) {
        const value = each.getAttribute(name);
        if (value) each.setAttribute(name, value.replace(/^\d+/, index + 1));
      }
    }
    pair.querySelector("[data-remove-pair]").value = `remove-${index + 1}`;
  });
  offer();
}

/** Buttons only where they can do something. */
function offer() {
  form.querySelector("[data-add-pair]").hidden = list.children.length >= Number(form.dataset.most);
  for (const button of list.querySelectorAll("[data-remove-pair]")) button.hidden = list.children.length <= FEWEST;
}
