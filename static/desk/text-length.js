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
    const characters = [...area.value.replace(/\s/g, "")].length;
    const text = WITHOUT_SPACES.test(counter.dataset.language) ? texts.characters : texts.words;
    const values = { words: words(area.value, counter.dataset.language), characters };
    counter.textContent = characters ? fill(text, values) : hint;
  };
  area.addEventListener("input", count);
  area.form.addEventListener("draft-restored", count);
  count();
}

/** As the language divides them, where the browser knows; "don't" is one word, a dash is none. */
function words(text, language) {
  if (!Intl.Segmenter) return text.trim().split(/\s+/).filter(Boolean).length;
  let count = 0;
  for (const segment of new Intl.Segmenter(language || undefined, { granularity: "word" }).segment(text)) count += segment.isWordLike;
  return count;
}
