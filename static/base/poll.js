/**
 * Looks every second at the data-url of each [data-poll] that is in data-state "waiting", and shows what it answers.
 *
 * The answer is {state, said, html}; `said` goes into the live region [data-said] beside it. A button [data-post]
 * inside posts its name to the same address. [data-seconds] counts on by itself, so that the wait is visible. An event
 * `poll-look` has it look at once.
 */
import { csrfToken } from "./csrf.js";

const EVERY_MS = 1_000;

for (const box of document.querySelectorAll("[data-poll]")) watch(box);
document.addEventListener("poll-added", (event) => watch(event.target));

function watch(box) {
  let began = performance.now();
  let busy = false;

  box.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-post]");
    if (!button) return;
    event.preventDefault();
    const body = new URLSearchParams({ [button.dataset.post]: button.dataset.value ?? "1" });
    show(await ask({ method: "POST", body, headers: { "X-CSRFToken": csrfToken() } }));
  });
  box.addEventListener("poll-now", (event) => {
    began = performance.now();
    show(event.detail);
  });

  box.addEventListener("poll-look", look);

  const timer = setInterval(() => {
    if (!box.isConnected) return clearInterval(timer);
    if (box.dataset.state !== "waiting") return;
    count();
    if (document.visibilityState === "visible") look();
  }, EVERY_MS);

  async function look() {
    if (busy) return;
    busy = true;
    show(await ask({}));
    busy = false;
  }

  async function ask(options) {
    const { url } = box.dataset;
    try {
      const response = await fetch(url, options);
      const answer = response.ok && !response.redirected ? await response.json() : null;
      return box.dataset.url === url ? answer : null; // else something else has been asked meanwhile
    } catch {
      return null; // the server can't be reached; the next look may find it
    }
  }

  function show(answer) {
    if (!answer) return;
    const focused = box.contains(document.activeElement) ? keyOf(document.activeElement) : null;
    const seconds = answer.html.match(/data-seconds="(\d+)"/)?.[1];
    if (seconds) began = performance.now() - Number(seconds) * 1000;
    box.innerHTML = answer.html;
    box.dataset.state = answer.state;
    const said = box.parentElement.querySelector("[data-said]");
    if (said && said.textContent !== answer.said) said.textContent = answer.said;
    if (focused) refocus(focused);
    box.dispatchEvent(new CustomEvent("poll-shown", { bubbles: true }));
  }

  function count() {
    const shown = box.querySelector("[data-seconds]");
    if (shown) shown.textContent = `${Math.round((performance.now() - began) / 1000)} s`;
  }

  function refocus(key) {
    const buttons = [...box.querySelectorAll("button")];
    const same = buttons.find((button) => keyOf(button) === key) ?? buttons[0];
    (same ?? box.closest("[data-turn]")?.querySelector("textarea"))?.focus({ preventScroll: true });
  }
}

function keyOf(button) {
  return button.value || button.dataset.post;
}
