/**
 * The turns of form[data-dialogue]: added, removed (and put back), renumbered; and what the model suggests for them.
 *
 * Fields go by the number of their turn, so every change of the order renames them. Without this script the same
 * buttons post the form. Loaded before autosave.js: a draft that comes back may have more turns than the page.
 */
import { fill, wordsOf } from "../../base/words.js";

const form = document.querySelector("form[data-dialogue]");
const list = form?.querySelector("[data-turns]");
const template = document.querySelector("[data-turn-template]");
const texts = wordsOf("dialogue");
const writtenOver = new WeakMap(); // by turn: the text and suggestion that another suggestion took the place of
let takeBack = null; // what the button Undo does: for the last turn that was removed or written over

if (form) {
  form.addEventListener("click", clicked);
  form.addEventListener("change", roleChanged);
  form.addEventListener("input", writtenAgain);
  form.addEventListener("draft-restoring", (event) => makeRoomFor(event.detail));
  form.addEventListener("draft-restored", () => turns().forEach(showRestored));
  form.addEventListener("poll-shown", (event) => mark(event.target.closest("[data-turn]")));
  form.querySelector("[data-undo-button]").addEventListener("click", undo);
  turns().forEach(mark);
}

function turns() {
  return [...list.children];
}

function clicked(event) {
  const button = event.target.closest("[data-add], [data-add-system], [data-remove], [data-ask], [data-use]");
  if (!button) return;
  event.preventDefault();
  const turn = button.closest("[data-turn]");
  if ("add" in button.dataset) add(turns().at(-1)?.dataset.role === "user" ? "assistant" : "user");
  else if ("addSystem" in button.dataset) addSystem();
  else if ("remove" in button.dataset) remove(turn);
  else if ("ask" in button.dataset) ask(turn);
  else use(turn, button);
}

function roleChanged(event) {
  const turn = event.target.closest("[data-turn]");
  if (turn && event.target === field(turn, "role")) turn.dataset.role = event.target.value;
}

function add(role) {
  const turn = blank(role);
  list.append(turn);
  changed();
  say(fill(texts.added, { n: turns().length }));
  field(turn, "text").focus();
}

function addSystem() {
  const first = turns()[0];
  if (first?.dataset.role === "system") return field(first, "text").focus();
  const turn = blank("system");
  list.prepend(turn);
  changed();
  field(turn, "text").focus();
}

function blank(role) {
  const turn = template.content.firstElementChild.cloneNode(true);
  field(turn, "role").value = role;
  turn.dataset.role = role;
  const box = turn.querySelector("[data-poll]");
  queueMicrotask(() => box.dispatchEvent(new CustomEvent("poll-added", { bubbles: true })));
  return turn;
}

function remove(turn) {
  if (turns().length === 1) return field(turn, "text").focus();
  const number = turns().indexOf(turn);
  turn.remove();
  changed();
  say(fill(texts.removed, { n: number + 1 }), () => {
    list.insertBefore(turn, turns()[number] ?? null);
    changed();
    field(turn, "text").focus();
  });
  (turns()[number] ?? turns().at(-1)).querySelector("textarea").focus();
}

function undo() {
  takeBack?.();
  say("");
}

async function ask(turn) {
  const box = turn.querySelector("[data-poll]");
  const body = new FormData(form);
  body.set("position", turns().indexOf(turn) + 1);
  let answer;
  try {
    const response = await fetch(form.dataset.suggestUrl, { method: "POST", body });
    answer = await response.json();
  } catch {
    answer = { problem: texts.unreachable };
  }
  if (answer.problem) return tell(turn, box, answer.problem);
  field(turn, "request").value = answer.request;
  field(turn, "suggestion").value = "";
  box.dataset.url = addressOf(answer.request);
  box.dispatchEvent(new CustomEvent("poll-now", { detail: answer }));
  changed();
}

function tell(turn, box, problem) {
  const note = document.createElement("p");
  note.className = "hint";
  note.textContent = problem;
  box.replaceChildren(note);
  turn.querySelector("[data-said]").textContent = problem;
}

/** What was written there by hand comes back by Undo, and by Ctrl+Z of the browser. */
function use(turn, button) {
  const [area, suggestion] = [field(turn, "text"), field(turn, "suggestion")];
  const before = { text: area.value, name: suggestion.value };
  write(area, button.dataset.text);
  suggestion.value = button.dataset.use;
  mark(turn);
  form.dispatchEvent(new Event("change", { bubbles: true }));
  turn.querySelector("[data-said]").textContent = texts.used;
  if (!before.text.trim()) return;
  writtenOver.set(turn, before);
  say(fill(texts.writtenOver, { n: turns().indexOf(turn) + 1 }), () => write(area, before.text));
}

/** What was written by hand is there again, by whatever way: it is the suggestion's no more. */
function writtenAgain(event) {
  const turn = event.target.closest("[data-turn]");
  const before = turn && writtenOver.get(turn);
  if (!before || field(turn, "text").value !== before.text) return;
  field(turn, "suggestion").value = before.name;
  writtenOver.delete(turn);
  mark(turn);
}

/** As if it had been typed, so that the browser can undo it. The command is old, and nothing else does this. */
function write(area, text) {
  area.focus();
  area.select();
  if (!document.execCommand("insertText", false, text)) area.setRangeText(text);
  if (area.value !== text) area.value = text;
  area.dispatchEvent(new Event("input", { bubbles: true }));
}

/** Shows which suggestion the turn took. */
function mark(turn) {
  const used = field(turn, "suggestion").value;
  turn.dataset.role = field(turn, "role").value;
  for (const each of turn.querySelectorAll("[data-suggestion]")) {
    each.classList.toggle("is-used", each.dataset.suggestion === used);
  }
}

/** What a draft that comes back had asked the model for, which the page's own turns may not have. */
function showRestored(turn) {
  const [box, request] = [turn.querySelector("[data-poll]"), field(turn, "request").value];
  const url = request && addressOf(request);
  if (box.dataset.url !== url) {
    box.replaceChildren();
    box.dataset.url = url;
    box.dataset.state = request && "waiting";
    if (request) queueMicrotask(() => box.dispatchEvent(new CustomEvent("poll-look"))); // new turns are watched by then
  }
  mark(turn);
}

function addressOf(request) {
  return `${form.dataset.suggestUrl}${request}/`;
}

/** A draft that comes back gets as many turns as it has. */
function makeRoomFor(draft) {
  let wanted = 0;
  while (`${wanted + 1}-role` in draft) wanted += 1;
  if (!wanted) return;
  while (turns().length < wanted) list.append(blank("user"));
  while (turns().length > wanted) turns().at(-1).remove();
  renumber();
}

function changed() {
  renumber();
  form.dispatchEvent(new Event("change", { bubbles: true }));
}

function renumber() {
  turns().forEach((turn, index) => {
    const n = index + 1;
    turn.id = `turn-${n}`;
    for (const each of turn.querySelectorAll("[data-number]")) each.textContent = n;
    for (const each of turn.querySelectorAll("[name], [id], [for], [aria-describedby], button[value]")) {
      for (const name of ["id", "for", "aria-describedby"]) {
        const value = each.getAttribute(name);
        if (value) each.setAttribute(name, value.replace(/^turn-\d+/, `turn-${n}`));
      }
      if (/^\d+-/.test(each.name ?? "")) each.name = each.name.replace(/^\d+/, n);
      if (each.tagName === "BUTTON") each.value = each.value.replace(/^(\w+)-\d+/, `$1-${n}`);
    }
  });
}

function field(turn, name) {
  return turn.querySelector(`[name$="-${name}"]`);
}

/** `back`: what Undo does from here on. */
function say(text, back = null) {
  takeBack = back;
  const line = form.querySelector("[data-undo]");
  line.hidden = !text;
  line.querySelector("[data-undo-text]").textContent = text;
  line.querySelector("[data-undo-button]").hidden = !back;
}
