/**
 * [data-reading] has the choices of how to read. What is chosen stands on the body, where the style sheets go by it, and
 * is kept with the person, whatever computer they sit at.
 */
import { csrfToken } from "../base/csrf.js";
import { onPage } from "../base/page.js";

onPage(() => {
  const places = document.querySelectorAll("[data-reading]");
  if (!places.length) return;
  for (const place of places) place.hidden = false;
  for (const radio of document.querySelectorAll("[data-reading] input[type=radio]")) {
    radio.checked = radio.value === (document.body.dataset[viewOf(radio.name)] || radio.closest("fieldset").dataset.default);
    radio.addEventListener("change", () => choose(radio.name, radio.value));
  }
});

/** The body has data-view-columns for the choice columns. */
function viewOf(name) {
  return `view${name[0].toUpperCase()}${name.slice(1)}`;
}

function choose(name, value) {
  document.body.dataset[viewOf(name)] = value;
  document.dispatchEvent(new CustomEvent("reading-changed"));
  const body = new URLSearchParams({ [name]: value });
  fetch("/preferences/reading/", { method: "POST", headers: { "X-CSRFToken": csrfToken() }, body }).catch(() => {
    // It holds for this page; the next choice with a connection is kept.
  });
}
