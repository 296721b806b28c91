import { normalSpaced, wordDiff } from "../../../../static/desk/ranking/word-diff.js";
import { equal, holds, test } from "../../harness.js";

const marked = (runs) => runs.filter(([, only]) => only).map(([text]) => text);
const whole = (runs) => runs.map(([text]) => text).join("");
const kept = (runs) => whole(runs.filter(([, only]) => !only));
const numbered = (word, count) => Array.from({ length: count }, (_, at) => `${word}${at}`);

test("equal texts have no mark", () => {
  const [left, right] = wordDiff("By the sun.", "By the sun.", "en");
  equal([marked(left), marked(right)], [[], []]);
});

test("what only one text has is marked there, as whole words", () => {
  const [left, right] = wordDiff("Bees go by the sun.", "Bees fly by the bright sun.", "en");
  equal(marked(left), ["go"]);
  equal(marked(right).map((word) => word.trim()), ["fly", "bright"]);
});

test("where the same begins and ends is said for both texts", () => {
  const [, , places] = wordDiff("Bees go by the sun and not by the smell of home.", "By the sun and not by the smell of home, too.", "en");
  equal(places, [[11, 3], [47, 39], [47, 44], [48, 45]]);
});

test("Chinese is divided where its words are, without spaces", () => {
  const [left, right] = wordDiff("蜜蜂靠太阳找路", "蜜蜂靠气味找路", "zh");
  equal([marked(left), marked(right)], [["太阳"], ["气味"]]);
});

test("nothing is lost or doubled, however the texts differ", () => {
  const texts = ["", "a", "a b c d", "d c b a", "b b b", "太阳 and sun", "a b x d e"];
  for (const one of texts) {
    for (const other of texts) {
      const [left, right] = wordDiff(one, other, "en");
      equal([whole(left), whole(right)], [one, other]);
      equal(kept(left), kept(right), "what is not marked is in both:");
    }
  }
});

test("an accent is the same however it is stored, and each side shows its own", () => {
  const [left, right] = wordDiff("un café crème", "un café crème".normalize("NFD"), "fr");
  equal([marked(left), marked(right)], [[], []]);
  equal(whole(right), "un café crème".normalize("NFD"));
});

test("spaces count, but not in text that is drawn", () => {
  equal(marked(wordDiff("if x:\n    y", "if x:\n  y", "en")[0]).join(""), "    ");
  equal(marked(wordDiff("one  two\nthree", "one two three", "en", normalSpaced)[0]), []);
});

test("thousands of differences are found, each of them", () => {
  const words = numbered("w", 5_000);
  const changed = words.map((word, at) => (at % 5 ? word : `new${at}`));
  const began = performance.now();
  const [left, right] = wordDiff(words.join(" "), changed.join(" "), "en");
  holds(performance.now() - began < 20_000, "it took too long");
  equal(marked(left).length, 1_000);
  equal(marked(right)[7], "new35");
});

test("the same words in another order are not the same text", () => {
  const words = numbered("w", 5_000);
  const [left] = wordDiff(words.join(" "), [...words].reverse().join(" "), "en");
  holds(marked(left).join("").length > 0.9 * whole(left).length, "unmarked");
});

test("texts that have nothing to do with each other are marked as a whole, not here and there", () => {
  const [one, other] = ["alpha", "beta"].map((word) => numbered(word, 1_200).map((each) => `the ${each} of`).join(" "));
  const [left, right] = wordDiff(one, other, "en");
  equal([marked(left).length, marked(right).length], [1, 1]);
});

test("beyond what words allow, sentences are compared, and the words of those that differ", () => {
  const sentences = numbered("Sentence", 6_000).map((each) => `${each} says nothing that is new.`);
  const changed = sentences.with(3_000, "Sentence3000 says everything that is new.");
  const began = performance.now();
  const [left, right] = wordDiff(sentences.join(" "), ["It begins otherwise.", ...changed, "And ends so."].join(" "), "en");
  holds(performance.now() - began < 20_000, "it took too long");
  equal(marked(left), ["nothing"]);
  equal(marked(right).map((each) => each.trim()), ["It begins otherwise.", "everything", "And ends so."]);
});

test("an hour of text without a sentence takes no hour", () => {
  const began = performance.now();
  const [left] = wordDiff(numbered("a", 40_000).join(" "), numbered("b", 40_000).join(" "), "en");
  holds(performance.now() - began < 20_000, "it took too long");
  equal(marked(left).length, 1);
});
