import { fill } from "../../../static/base/words.js";
import { equal, test } from "../harness.js";

test("places are filled by their names, each as often as it stands there", () => {
  equal(fill("{letter} moved: {standing} ({letter})", { letter: "A", standing: "Rank 1" }), "A moved: Rank 1 (A)");
  equal(fill("Nothing to fill", { n: 1 }), "Nothing to fill");
  equal(fill("{n} of {k}", { n: 0, k: 4 }), "0 of 4");
});

test("a value that looks like a place is left as it is", () => {
  equal(fill("{a} {b}", { a: "{b}", b: "$&" }), "{b} $&");
});
