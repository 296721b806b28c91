/**
 * The button [data-pause], or the key . (full stop), stops the clock and covers the work; the lease is kept meanwhile, for
 * the time that the page states. After so many minutes of work a break is suggested, beside the work and never over it.
 */
import { csrfToken } from "../base/csrf.js";
import { isTyping, onKey } from "../base/keys.js";
import { onPage } from "../base/page.js";

const HOLD_EVERY_MS = 5 * 60_000;
const REST_S = 5 * 60; // five minutes away from the desk are a break

onPage((signal) => {
  const dialog = document.getElementById("pause");
  const button = document.querySelector("[data-pause]");
  if (!dialog || !button) return;
  pausing(dialog, button, signal);
  if (Number(dialog.dataset.breakMinutes)) suggestingBreaks(Number(dialog.dataset.breakMinutes), signal);
});

function pausing(dialog, button, signal) {
  let holding = 0;
  signal.addEventListener("abort", () => clearInterval(holding));
  button.hidden = false;
  button.addEventListener("click", pause);
  dialog.querySelector("[data-resume]").addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", resume);
  document.querySelector("[data-break-pause]").addEventListener("click", pause);
  onKey(byKey, { signal });

  function byKey(key, { target }) {
    if (key !== "." || isTyping(target) || (document.querySelector("dialog[open]:not(.is-beside)") && !dialog.open)) return false;
    if (dialog.open) dialog.close();
    else pause();
    return true;
  }

  function pause() {
    const until = performance.now() + Number(dialog.dataset.longestMinutes) * 60_000;
    document.body.dataset.paused = "";
    document.querySelector("[data-break]").hidden = true;
    dialog.querySelector("[data-pause-over]").hidden = true;
    dialog.showModal();
    hold(dialog);
    holding = setInterval(() => {
      if (performance.now() < until) return hold(dialog);
      clearInterval(holding);
      dialog.querySelector("[data-pause-over]").hidden = false;
    }, HOLD_EVERY_MS);
  }

  function resume() {
    if (dialog.open) return; // paused again before this was told
    clearInterval(holding);
    delete document.body.dataset.paused;
  }
}

function hold(dialog) {
  if (!dialog.dataset.hold) return; // nobody waits for a labeler's own writing
  fetch(dialog.dataset.hold, { method: "POST", headers: { "X-CSRFToken": csrfToken() } }).catch(() => {
    // Without a connection the lease runs on; the draft is kept in any case.
  });
}

/** Minutes of work are counted over all tasks of this browser's person, until a rest. */
function suggestingBreaks(minutes, signal) {
  const note = document.querySelector("[data-break]");
  const text = note.querySelector("[data-break-text]");
  const key = `concord.worked.${document.body.dataset.labeler}`;
  note.querySelector("[data-break-later]").addEventListener("click", () => {
    note.hidden = true;
    write({ seconds: 0 });
  });
  document.addEventListener("worked", count, { signal });

  function count(event) {
    const worked = recall();
    const seconds = worked.seconds + event.detail;
    write({ seconds });
    if (seconds < minutes * 60 || !note.hidden) return;
    document.querySelector(".bar").prepend(note);
    note.hidden = false;
    text.textContent = text.dataset.text.replace("{minutes}", Math.round(seconds / 60));
  }

  function recall() {
    try {
      const worked = JSON.parse(localStorage.getItem(key));
      const away = (Date.now() - worked.at) / 1000;
      if (away >= 0 && away < REST_S) return worked;
    } catch {
      // Nothing is known of earlier work.
    }
    return { seconds: 0 };
  }

  function write(worked) {
    try {
      localStorage.setItem(key, JSON.stringify({ ...worked, at: Date.now() }));
    } catch {
      // Then the suggestion counts from this page on only.
    }
  }
}
