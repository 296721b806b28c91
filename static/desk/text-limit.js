/** Says in [data-over="id"] how far that text is over its data-longest, and keeps it from being handed in; it is kept. */
import { onPage } from "../base/page.js";
import { fill, wordsOf } from "../base/words.js";

onPage(() => {
  for (const warning of document.querySelectorAll("[data-over]")) watch(warning);
});

function watch(warning) {
  const area = document.getElementById(warning.dataset.over);
  const texts = wordsOf("editor");
  const check = () => {
    const over = lengthOf(area.value) - Number(area.dataset.longest);
    const words = over > 0 ? fill(texts.over, { over: over.toLocaleString(document.documentElement.lang) }) : "";
    if (warning.textContent !== words) warning.textContent = words; // a screen reader hears changes only
    warning.hidden = !words;
    if (words) area.setAttribute("aria-invalid", "true");
    else area.removeAttribute("aria-invalid");
    return over > 0;
  };
  area.addEventListener("input", check);
  area.form.addEventListener("draft-restored", check);
  area.form.addEventListener(
    "submit",
    (event) => {
      if (event.submitter?.hasAttribute("formaction") || !check()) return; // skipping sends it along as it is
      event.preventDefault();
      event.stopImmediatePropagation();
      area.focus();
    },
    { capture: true },
  );
  if (lengthOf(area.value) > Number(area.dataset.longest)) check();
}

/** As the server counts: characters of any script are one each. */
function lengthOf(text) {
  return [...text].length;
}
