/**
 * Shows [data-preview-of="id"] as it will be read, drawn by the server a moment after each change, and how many tokens
 * it has into [data-tokens]. The button [data-preview-toggle] shows and hides it: beside the text on wide screens,
 * where it scrolls along, in its place on narrow ones.
 */
import { csrfToken } from "../base/csrf.js";
import { onPage } from "../base/page.js";
import { fill, wordsOf } from "../base/words.js";

const PAUSE_MS = 300;
const SHOWN_BESIDE = "concord.preview";
const wide = matchMedia("(width >= 80rem)");

onPage((signal) => {
  const pane = document.querySelector("[data-preview]");
  if (pane) preview(pane, signal);
});

function preview(pane, signal) {
  const area = document.getElementById(pane.dataset.previewOf);
  const body = pane.querySelector("[data-preview-text]");
  const state = pane.querySelector("[data-preview-state]");
  const toggle = document.querySelector("[data-preview-toggle]");
  const texts = wordsOf("editor");
  const tokens = document.querySelector("[data-tokens]");
  let timer = 0;
  let asked = null;
  let drawn = null;

  toggle.hidden = false;
  toggle.addEventListener("click", () => {
    const on = pane.hidden;
    if (wide.matches) remember(on);
    show(on);
    if (!wide.matches) (on ? pane : area).focus();
  });
  wide.addEventListener("change", () => show(wide.matches && remembered()), { signal });
  area.addEventListener("input", later);
  area.addEventListener("scroll", scrollAlong, { passive: true });
  area.form.addEventListener("draft-restored", later);
  addEventListener("online", later, { signal });
  show(wide.matches && remembered());
  draw();

  function show(on) {
    pane.hidden = !on;
    toggle.setAttribute("aria-pressed", String(on));
    pane.parentElement.toggleAttribute("data-previewing", on);
  }

  function later() {
    clearTimeout(timer);
    timer = setTimeout(draw, PAUSE_MS);
  }

  async function draw() {
    const text = area.value;
    if (!text.trim()) return clear();
    if (text === drawn) return;
    asked?.abort(); // only the last text matters
    asked = new AbortController();
    try {
      const response = await fetch(pane.dataset.preview, {
        method: "POST",
        headers: { "Content-Type": "application/json", "X-CSRFToken": csrfToken() },
        body: JSON.stringify({ text }),
        signal: asked.signal,
      });
      const answer = response.headers.get("Content-Type")?.includes("json") ? await response.json() : {};
      if (!response.ok) return say([answer.text ?? texts.previewFailed].flat().join(" "));
      drawn = text;
      body.innerHTML = answer.html; // made harmless by labeling/base/markdown.py
      say("");
      count(answer.tokens);
      scrollAlong();
    } catch (error) {
      if (error.name !== "AbortError") say(texts.previewFailed);
    }
  }

  /** To the same part of the text; where the whole of it is seen, nothing moves. */
  function scrollAlong() {
    const [hidden, behind] = [area, pane].map((each) => each.scrollHeight - each.clientHeight);
    if (wide.matches && hidden > 0) pane.scrollTop = (area.scrollTop / hidden) * behind;
  }

  function clear() {
    asked?.abort();
    drawn = null;
    body.replaceChildren();
    say(texts.previewEmpty);
    count(null);
  }

  function say(words) {
    if (state.textContent !== words) state.textContent = words;
    state.hidden = !words;
  }

  function count(number) {
    if (!tokens) return;
    const known = typeof number === "number";
    const words = known ? number.toLocaleString(document.documentElement.lang) : "";
    tokens.textContent = known ? ` · ${fill(texts.tokens, { tokens: words })}` : "";
  }
}

function remembered() {
  try {
    return localStorage.getItem(SHOWN_BESIDE) !== "off";
  } catch {
    return true;
  }
}

function remember(on) {
  try {
    localStorage.setItem(SHOWN_BESIDE, on ? "on" : "off");
  } catch {
    // It shows again on the next page; nothing of the work is in it.
  }
}
