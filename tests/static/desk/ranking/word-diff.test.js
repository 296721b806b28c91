import { wordDiff } from "../../../../static/desk/ranking/word-diff.js";
import { equal, holds, test } from "../../harness.js";

const marked = (runs) => runs.filter(([, only]) => only).map(([text]) => text);
const whole = (runs) => runs.map(([text]) => text).join("");

test("equal texts have no mark", () => {
  const [left, right] = wordDiff("By the sun.", "By the sun.", "en");
  equal([marked(left), marked(right)], [[], []]);
});

test("what only one text has is marked there, as whole words", () => {
  const [left, right] = wordDiff("Bees go by the sun.", "Bees fly by the bright sun.", "en");
  equal(marked(left), ["go"]);
  equal(marked(right).map((word) => word.trim()), ["fly", "bright"]);
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
      const [kept, keptThere] = [left, right].map((runs) => whole(runs.filter(([, only]) => !only)));
      equal(kept, keptThere, "what is not marked is in both:");
    }
  }
});

test("texts that differ too much for the shortest way are marked by the words that the other lacks", () => {
  const many = (word) => Array.from({ length: 1_200 }, (_, at) => `${word}${at}`).join(" ");
  const [left, right] = wordDiff(`same ${many("a")}`, `${many("b")} same`, "en");
  holds(!marked(left).join("").includes("same"), "a word that both have is marked");
  holds(marked(right).join("").includes("b7"), "a word of one text alone is not marked");
});
