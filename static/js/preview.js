/**
 * [data-preview-of="id"] shows that text as readers will see it, rendered by the server a moment after each change, and
 * tells the length's counter its tokens. Alt+P hides and shows it; the choice is remembered in this browser.
 */
const PAUSE_MS = 300;
const HIDDEN = "concord.preview.hidden";

for (const pane of document.querySelectorAll("[data-preview-of]")) {
  start(pane, document.getElementById(pane.dataset.previewOf));
}

function start(pane, area) {
  let timer = 0;
  let asked = 0;
  pane.hidden = remembered();
  area.addEventListener("input", later);
  area.form.addEventListener("draft-restored", later);
  document.addEventListener("keydown", (event) => {
    if (!event.altKey || event.ctrlKey || event.metaKey || event.code !== "KeyP") return;
    event.preventDefault();
    pane.hidden = !pane.hidden;
    remember(pane.hidden);
    if (!pane.hidden) draw();
  });
  draw();

  function later() {
    clearTimeout(timer);
    timer = setTimeout(draw, PAUSE_MS);
  }

  async function draw() {
    const number = (asked += 1);
    const text = area.value;
    if (!text.trim()) return put("", null);
    const answer = await render(text);
    if (number !== asked) return; // a later change has been asked for meanwhile
    if (answer.html === undefined) say(answer.detail ?? pane.dataset.unreachable);
    else put(answer.html, answer.tokens);
  }

  async function render(text) {
    const body = new URLSearchParams({ text, csrfmiddlewaretoken: area.form.elements.csrfmiddlewaretoken.value });
    try {
      const response = await fetch(pane.dataset.url, { method: "POST", body, redirect: "error" });
      return await response.json();
    } catch {
      return {};
    }
  }

  function put(html, tokens) {
    pane.querySelector("[data-preview-text]").innerHTML = html; // sanitised by the server
    pane.querySelector("[data-preview-empty]").hidden = html !== "";
    area.dispatchEvent(new CustomEvent("tokens-counted", { detail: tokens }));
  }

  function say(text) {
    const note = pane.querySelector("[data-preview-empty]");
    note.textContent = text;
    note.hidden = false;
  }
}

function remembered() {
  try {
    return localStorage.getItem(HIDDEN) === "yes";
  } catch {
    return false;
  }
}

function remember(hidden) {
  try {
    localStorage.setItem(HIDDEN, hidden ? "yes" : "no");
  } catch {
    // A browser that keeps nothing shows the preview again next time.
  }
}
