/**
 * A person talks with one served model, or with two side by side. What was said lies in this browser's storage and is
 * sent whole with each turn, so that a reload loses nothing and the server keeps nothing that was not agreed to.
 */
import { csrfToken } from "../base/csrf.js";
import { isTyping, onKey } from "../base/keys.js";
import { onPage } from "../base/page.js";
import { wordsOf } from "../base/words.js";
import {
  alike, cutBefore, emptyState, eventsIn, finishedAnswers, messagesFor, readState, withoutAnswer,
} from "./conversation.js";

const KEPT_EVERY_MS = 500; // while an answer comes; a reload loses no more of it

onPage((signal) => {
  const page = document.querySelector("[data-playground]");
  if (page?.querySelector("[data-composer]")) begin(page, signal);
});

function begin(page, signal) {
  const find = (name) => page.querySelector(`[data-${name}]`);
  const texts = wordsOf("playground");
  const agreed = JSON.parse(document.getElementById("playground-asked").textContent); // version → true, false, null
  const storedAs = `playground ${document.body.dataset.labeler}`;
  const turn = document.getElementById("turn");
  const system = document.getElementById("system");
  const temperature = document.getElementById("temperature");
  const choices = [0, 1].map((side) => document.getElementById(`version-${side}`));
  let state = readState(stored(storedAs));
  const html = new Map(); // of finished answers, by their text
  let answering = null; // an AbortController while models write
  let agreeing = null; // a promise while an answer about keeping is on its way: false where it didn't arrive
  let keptAt = 0;

  // What the page shows

  function shownSides() {
    return state.compare ? [0, 1] : [0];
  }

  function draw() {
    find("sides").replaceChildren(...shownSides().map(drawSide));
    find("stop").hidden = !answering;
    find("send").disabled = Boolean(answering);
    for (const field of [find("new"), find("compare"), ...choices]) field.disabled = Boolean(answering);
    find("second").hidden = !state.compare;
    find("editing").hidden = state.editing === null;
    drawConsent();
    renderAnswers();
  }

  function drawSide(side) {
    const box = element("section", "side");
    box.setAttribute("aria-label", state.compare ? `${"AB"[side]}: ${nameOf(side)}` : nameOf(side));
    state.sides[side].forEach((said, place) => box.append(drawTurn(side, said, place)));
    return box;
  }

  function drawTurn(side, said, place) {
    const box = element("article", `turn of-${said.role}`);
    box.append(element("h2", "", said.role === "user" ? texts.you : said.model || nameOf(side)));
    box.append(textOf(said));
    if (said.role === "assistant" && !said.ended) box.setAttribute("aria-busy", "true");
    if (texts[said.ended]) box.append(element("p", "soft", texts[said.ended]));
    if (!answering) box.append(toolsOf(side, said, place));
    return box;
  }

  /** An answer as Markdown once it is finished and the server has rendered it; everything else as it was written. */
  function textOf(said) {
    const isRendered = said.role === "assistant" && said.ended && !state.raw && html.has(said.content);
    const text = isRendered ? element("div", "prose") : element("p", "as-written", said.content);
    if (isRendered) text.innerHTML = html.get(said.content); // made harmless by labeling/base/markdown.py
    text.dir = "auto";
    text.dataset.text = "";
    return text;
  }

  /** Where the server can't be reached, answers stay as they were written, which is to be read, too. */
  async function renderAnswers() {
    const wanted = finishedAnswers(shownSides().map((side) => state.sides[side])).filter((text) => !html.has(text));
    if (!wanted.length || state.raw) return;
    try {
      const response = await post(page.dataset.rendered, JSON.stringify({ texts: wanted }), signal);
      if (!response?.ok || response.redirected) return;
      const made = await response.json();
      wanted.forEach((text, place) => html.set(text, made.html[place]));
      drawTexts();
    } catch (error) {
      if (error.name !== "AbortError") throw error;
    }
  }

  function drawTexts() {
    for (const side of shownSides()) {
      const boxes = find("sides").children[side].children;
      state.sides[side].forEach((said, place) => boxes[place]?.querySelector("[data-text]").replaceWith(textOf(said)));
    }
    for (const toggle of page.querySelectorAll("[data-raw]")) toggle.setAttribute("aria-pressed", String(state.raw));
  }

  function toggleRaw() {
    state.raw = !state.raw;
    keep();
    drawTexts();
    renderAnswers();
  }

  function toolsOf(side, said, place) {
    const tools = element("div", "turn-tools");
    const isLast = place === state.sides[side].length - 1;
    if (said.role === "user" && side === 0) {
      tools.append(button(texts.edit, () => edit(place)));
      tools.lastChild.dataset.edit = "";
    }
    if (isLast) tools.append(button(texts.again, () => answerAgain(side)));
    if (said.role === "assistant") {
      tools.append(button(`${texts.raw} `, toggleRaw));
      tools.lastChild.append(element("kbd", "", "R"));
      tools.lastChild.dataset.raw = "";
      tools.lastChild.setAttribute("aria-pressed", String(state.raw));
    }
    return tools;
  }

  function nameOf(side) {
    return nameOfVersion(choices[side].value);
  }

  function nameOfVersion(version) {
    const option = [...choices[0].options].find((each) => each.value === version);
    return option?.textContent.trim().replace(/\s+/g, " ") ?? "";
  }

  function say(words) {
    find("said").textContent = words;
  }

  function complain(words) {
    find("problem").textContent = words;
    find("problem").hidden = !words;
  }

  // What may be kept

  function unasked() {
    return shownSides().map((side) => choices[side].value).filter((version) => agreed[version] === null);
  }

  /** Of which models the question is: those that were not asked about yet, or all that are shown. */
  function questioned() {
    return unasked().length ? unasked() : [...new Set(shownSides().map((side) => choices[side].value))];
  }

  function drawConsent() {
    const isAsked = unasked().length > 0 || find("asks").dataset.again === "yes";
    find("asks").hidden = !isAsked;
    find("standing").hidden = isAsked;
    find("asks-about").textContent = questioned().map(nameOfVersion).join(" · ");
    for (const [word, kept] of [["yes", true], ["no", false]]) {
      const names = shownSides().filter((side) => Boolean(agreed[choices[side].value]) === kept).map(nameOf);
      page.querySelector(`[data-standing-${word}]`).hidden = names.length === 0;
      page.querySelector(`[data-standing-${word}-names]`).textContent = [...new Set(names)].join(" · ");
    }
  }

  /** Answers go one after the other: the last one holds. What is asked of a model meanwhile waits for them. */
  async function agree(word) {
    const [versions, before] = [questioned(), agreeing];
    const mine = (async () => {
      await before;
      return noteAgreement(word, versions);
    })();
    agreeing = mine;
    const isNoted = await mine;
    if (agreeing === mine) agreeing = null;
    if (isNoted) turn.focus();
  }

  async function noteAgreement(word, versions) {
    const body = new URLSearchParams([["agreed", word], ["wording", page.dataset.wording]]);
    for (const version of versions) body.append("version", version);
    const response = await post(page.dataset.consent, body);
    if (!response?.ok) {
      complain(await problemOf(response));
      return false;
    }
    complain("");
    for (const version of versions) agreed[version] = word === "yes";
    delete find("asks").dataset.again;
    draw();
    return true;
  }

  // Asking

  async function send() {
    if (agreeing && !(await agreeing)) return; // the page says why
    const text = turn.value.trim();
    if (answering) return;
    if (!text) return turn.focus();
    if (unasked().length) {
      complain(texts.answerFirst);
      return find("asks").focus();
    }
    const isEdit = state.editing !== null;
    const sides = isEdit ? cutBefore(state.sides, state.editing) : state.sides; // as the page said
    if (sides[0].length >= page.dataset.mostTurns - 1) return complain(texts.full);
    if (shownSides().some((side) => sides[side].at(-1)?.role === "user")) return complain(texts.unanswered);
    for (const side of shownSides()) sides[side].push({ role: "user", content: text });
    Object.assign(state, { sides, editing: null, edited: "", draft: isEdit ? state.draft : "" });
    fillTurn();
    await answerOn(shownSides());
  }

  async function answerAgain(side) {
    if (agreeing && !(await agreeing)) return;
    if (answering) return;
    if (unasked().length) return find("asks").focus();
    const before = state.sides[side];
    state.sides[side] = withoutAnswer(before);
    await answerOn([side]);
    if (state.sides[side].length >= before.length) return;
    state.sides[side] = before; // no other answer came
    keep();
    draw();
  }

  async function answerOn(sides) {
    answering = new AbortController();
    complain("");
    say(texts.writing);
    const ended = sides.map((side) => answerSide(side, answering.signal));
    draw();
    const came = await Promise.all(ended);
    answering = null;
    keep();
    draw();
    say(came.every(Boolean) ? texts.answered : "");
  }

  /** Writes the model's answer into the side as it comes. True where it came to its end. */
  async function answerSide(side, stopped) {
    const turns = state.sides[side];
    const answer = { role: "assistant", content: "", model: nameOf(side), ended: "" };
    const sent = {
      version: Number(choices[side].value),
      messages: messagesFor(turns, state.system),
      temperature: state.temperature,
    };
    turns.push(answer);
    keep();
    try {
      const response = await post(page.dataset.answer, JSON.stringify(sent), stopped);
      if (!response?.ok) {
        complain(await problemOf(response));
        answer.ended = "failed";
        return false;
      }
      await read(response, (event) => follow(event, answer, side));
      answer.ended ||= "broken";
    } catch (error) {
      answer.ended = error.name === "AbortError" ? "stopped" : "broken";
    } finally {
      if (!answer.content && answer.ended !== "stop") turns.splice(turns.indexOf(answer), 1);
    }
    return ["stop", "length"].includes(answer.ended);
  }

  function follow(event, answer, side) {
    if (event.text) {
      answer.content += event.text;
      const shown = find("sides").children[side]?.querySelector(".turn:last-child .as-written");
      if (shown) shown.textContent = answer.content;
      if (performance.now() - keptAt > KEPT_EVERY_MS) keep();
    }
    if (event.end) answer.ended = event.end;
    if (event.problem) {
      complain(event.problem);
      answer.ended = "broken";
    }
  }

  async function post(address, body, stopped) {
    try {
      return await fetch(address, { method: "POST", body, headers: { "X-CSRFToken": csrfToken() }, signal: stopped });
    } catch (error) {
      if (error.name === "AbortError") throw error;
      return null;
    }
  }

  async function problemOf(response) {
    if (!response) return texts.unreachable;
    if (response.redirected) return texts.loggedOut;
    const said = await response.json().catch(() => ({}));
    if (said.asks) {
      agreed[said.asks] = null;
      drawConsent();
    }
    return said.problem ?? texts.unreachable;
  }

  // What is changed on the page

  function edit(place) {
    Object.assign(state, { editing: place, edited: state.sides[0][place].content });
    keep();
    fillTurn();
    draw();
    turn.focus();
  }

  function leaveEdit() {
    Object.assign(state, { editing: null, edited: "" });
    keep();
    fillTurn();
    draw();
    turn.focus();
  }

  /** What was being written before an edit comes back after it. */
  function fillTurn() {
    turn.value = state.editing === null ? state.draft : state.edited;
    turn.dispatchEvent(new Event("input"));
  }

  function keep() {
    keptAt = performance.now();
    try {
      localStorage.setItem(storedAs, JSON.stringify(state));
    } catch {
      say(texts.keepsNothing);
    }
  }

  function takeIn() {
    state.versions = choices.map((choice) => choice.value);
    state.system = system.value;
    state.temperature = Math.min(Math.max(Number(temperature.value) || 0, 0), Number(temperature.max));
    state[state.editing === null ? "draft" : "edited"] = turn.value;
    keep();
  }

  for (const [side, choice] of choices.entries()) {
    if ([...choice.options].some((option) => option.value === state.versions[side])) choice.value = state.versions[side];
  }
  system.value = state.system;
  temperature.value = String(state.temperature);
  turn.value = state.editing === null ? state.draft : state.edited;
  find("compare").checked = state.compare;
  find("settings").open = Boolean(state.system);
  find("compare").addEventListener("change", () => {
    state.compare = find("compare").checked;
    if (state.compare) state.sides[1] = alike(state.sides[0]);
    const other = [...choices[1].options].find((each) => each.value !== choices[0].value);
    if (state.compare && other && choices[1].value === choices[0].value) choices[1].value = other.value;
    takeIn();
    draw();
  });
  for (const field of [...choices, system, temperature, turn]) field.addEventListener("input", takeIn);
  for (const choice of choices) choice.addEventListener("change", draw);
  for (const answer of page.querySelectorAll("[data-agrees]")) {
    answer.addEventListener("click", () => agree(answer.dataset.agrees));
  }
  find("asks-again").addEventListener("click", () => {
    find("asks").dataset.again = "yes";
    drawConsent();
    find("asks").focus();
  });
  find("composer").addEventListener("submit", (event) => {
    event.preventDefault();
    send();
  });
  const keys = (key, { target }) => {
    if (key === "Escape" && answering) answering.abort();
    else if (key === "Ctrl+Enter" && target === turn) send();
    else if (key === "r" && !isTyping(target)) toggleRaw();
    else return false;
    return true;
  };
  onKey(keys, { first: true, signal });
  find("stop").addEventListener("click", () => answering?.abort());
  find("leave-edit").addEventListener("click", leaveEdit);
  find("new").addEventListener("click", () => {
    const { versions, compare, system: told, temperature: warm, draft, raw } = state;
    state = { ...emptyState(), versions, compare, system: told, temperature: warm, draft, raw };
    keep();
    complain("");
    draw();
    turn.focus();
  });
  signal.addEventListener("abort", () => answering?.abort());
  draw();

  function button(words, act) {
    const made = element("button", "button quiet small", words);
    made.type = "button";
    made.addEventListener("click", act);
    return made;
  }
}

function stored(name) {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}

function element(tag, names, text = "") {
  const made = document.createElement(tag);
  made.className = names;
  made.textContent = text;
  return made;
}

/** Calls happened(event) for each of the response's server-sent events. */
async function read(response, happened) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  for (let rest = ""; ; ) {
    const { done, value } = await reader.read();
    if (done) return;
    const [events, left] = eventsIn(rest + value);
    rest = left;
    events.forEach(happened);
  }
}
