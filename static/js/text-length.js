/**
 * Says in [data-length-of="id"] how long that text is: words where the language has them, otherwise characters; tokens
 * once somebody counted them (the event tokens-counted); and how much is over [data-limit], if anything is.
 */
const WITHOUT_SPACES = /^(zh|ja|th|lo|km|my)\b/;

for (const counter of document.querySelectorAll("[data-length-of]")) {
  start(counter, document.getElementById(counter.dataset.lengthOf));
}

function start(counter, area) {
  const hint = counter.textContent;
  const segmenter = new Intl.Segmenter(counter.dataset.language, { granularity: "word" });
  const limit = Number(counter.dataset.limit ?? Infinity);
  let tokens = null;
  area.addEventListener("input", count);
  area.addEventListener("tokens-counted", (event) => {
    tokens = event.detail;
    count();
  });
  area.form.addEventListener("draft-restored", count);
  count();

  function count() {
    const over = [...area.value].length - limit;
    counter.textContent = over > 0 ? tooMuch(over) : length();
    counter.classList.toggle("over", over > 0);
    const said = counter.parentElement.querySelector("[data-over-limit]");
    if (said) said.textContent = over > 0 ? tooMuch(over) : "";
  }

  function length() {
    const characters = [...area.value.replace(/\s/g, "")].length;
    if (!characters) return hint;
    const template = WITHOUT_SPACES.test(counter.dataset.language) ? "characters" : "words";
    const text = filled(counter.dataset[template], { words: words(area.value), characters });
    return tokens === null || !counter.dataset.tokens ? text : `${text} · ${filled(counter.dataset.tokens, { tokens })}`;
  }

  function words(text) {
    let number = 0;
    for (const segment of segmenter.segment(text)) number += segment.isWordLike ? 1 : 0;
    return number;
  }

  function tooMuch(over) {
    return filled(counter.dataset.over, { over, limit });
  }
}

function filled(template, values) {
  const number = new Intl.NumberFormat(document.documentElement.lang);
  return template.replace(/\{(\w+)\}/g, (_, name) => number.format(values[name]));
}
