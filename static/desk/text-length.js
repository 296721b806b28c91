/** Says in [data-length-of="id"] how long that text is: words where the language has them, otherwise characters. */
import { onPage } from "../base/page.js";
import { fill, wordsOf } from "../base/words.js";

const WITHOUT_SPACES = /^(zh|ja|th|lo|km|my)\b/;

onPage(() => {
  for (const counter of document.querySelectorAll("[data-length-of]")) show(counter);
});

function show(counter) {
  const area = document.getElementById(counter.dataset.lengthOf);
  const hint = counter.textContent;
  const texts = wordsOf("editor");
  const count = () => {
    const text = WITHOUT_SPACES.test(counter.dataset.language) ? texts.characters : texts.words;
    const characters = [...area.value].length; // blanks too: the limit beside it counts them
    const values = { words: grouped(words(area.value, counter.dataset.language)), characters: grouped(characters) };
    counter.textContent = area.value.trim() ? fill(text, values) : hint;
  };
  area.addEventListener("input", count);
  area.form.addEventListener("draft-restored", count);
  count();
}

function grouped(number) {
  return number.toLocaleString(document.documentElement.lang);
}

/** As the language divides them, where the browser knows; "don't" is one word, a dash is none. */
function words(text, language) {
  if (!Intl.Segmenter) return text.trim().split(/\s+/).filter(Boolean).length;
  let count = 0;
  for (const segment of new Intl.Segmenter(language || undefined, { granularity: "word" }).segment(text)) count += segment.isWordLike;
  return count;
}
