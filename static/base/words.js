/** The words that scripts show, in the reader's language: the page holds them as JSON in #NAME-words. */
export function wordsOf(name) {
  return JSON.parse(document.getElementById(`${name}-words`)?.textContent ?? "{}");
}

/** Returns the text with its {places} filled. */
export function fill(text, values) {
  return text.replace(/\{(\w+)\}/g, (_, place) => values[place]);
}
