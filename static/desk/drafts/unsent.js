/** Drafts that only this browser holds: forgotten once their work is submitted, listed on the overview until then. */
import { csrfToken } from "../../base/csrf.js";
import { onPage } from "../../base/page.js";
import { fill } from "../../base/words.js";
import { forget, otherTabs, recall, tokens } from "./storage.js";

onPage((signal) => {
  // What is submitted and may still be revised says "revisable" before it.
  const said = [...document.querySelectorAll('[data-handed-in*="handed-in "]')];
  const submitted = said.map((each) => each.dataset.handedIn.split(" ").at(-1));
  // After the page has come to life: a browser's storage takes milliseconds to open.
  setTimeout(() => {
    for (const token of submitted.filter(Boolean)) {
      forget(token);
      otherTabs(token, () => {}, signal).tell({ closed: true });
    }
    const finished = document.querySelector("[data-finished]");
    if (finished) keepAside(finished.dataset);
    const note = document.querySelector("[data-unsent]");
    if (note) list(note);
  });
});

/** What closed work can't take goes among its earlier versions on the server; then nothing is left here to be sent. */
async function keepAside({ finished: token, address }) {
  const kept = recall(token);
  if (!kept) return;
  const response = await fetch(address, {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-CSRFToken": csrfToken() },
    body: JSON.stringify({ draft: kept.draft, base_version: kept.version }),
  }).catch(() => null);
  if (response?.ok) forget(token); // else it stays here, and the overview goes on to say so
}

/** Links to the work that has changes here which the server does not have: going there sends them. */
function list(note) {
  const links = tokens()
    .filter((token) => /^[0-9a-f-]{36}$/.test(token))
    .map((token, index) => {
      const link = document.createElement("a");
      link.href = note.dataset.address.replace("00000000-0000-0000-0000-000000000000", token);
      link.textContent = fill(note.dataset.link, { number: index + 1 });
      link.className = "button small";
      return link;
    });
  note.hidden = links.length === 0;
  note.querySelector("[data-links]").replaceChildren(...links);
}
