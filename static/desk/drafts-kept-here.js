/** Says on [data-kept-here] which work has changes that only this browser holds: going there sends them. */
import { tokens } from "./draft-storage.js";

const note = document.querySelector("[data-kept-here]");
const known = note ? tokens().filter((token) => /^[0-9a-f-]{36}$/.test(token)) : [];
if (known.length) {
  note.hidden = false;
  const links = known.map((token, index) => {
    const link = document.createElement("a");
    link.href = note.dataset.address.replace("00000000-0000-0000-0000-000000000000", token);
    link.textContent = note.dataset.link.replace("{number}", index + 1);
    link.className = "button small";
    return link;
  });
  note.querySelector("[data-links]").replaceChildren(...links);
}
