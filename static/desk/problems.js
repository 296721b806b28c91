/** Takes from [data-problems] what is mended, place by place; when nothing is left it goes. */
import { onPage } from "../base/page.js";

onPage((signal) => {
  const section = document.querySelector("[data-problems]");
  const form = document.querySelector("form[data-autosave]");
  if (!section || !form) return;
  const look = () => prune(section);
  for (const event of ["input", "change", "order-changed"]) form.addEventListener(event, look, { signal });
});

function prune(section) {
  for (const line of section.querySelectorAll("li")) {
    const places = [...line.querySelectorAll("a[href^='#']")];
    for (const place of places) place.hidden = isMended(document.getElementById(place.hash.slice(1)));
    line.hidden = places.length > 0 && places.every((place) => place.hidden);
  }
  section.hidden = [...section.querySelectorAll("li")].every((line) => line.hidden);
}

/** A choice that was made, or a text that was changed, is not empty, and not too long. */
function isMended(place) {
  if (!place) return false;
  if (place.querySelector("input[type=radio]")) return place.hidden || Boolean(place.querySelector(":checked"));
  const field = place.matches("textarea, input, select") ? place : place.querySelector("textarea, input, select");
  if (!field || field.value === field.defaultValue || !field.value.trim()) return false;
  return !field.dataset.longest || [...field.value].length <= Number(field.dataset.longest);
}
