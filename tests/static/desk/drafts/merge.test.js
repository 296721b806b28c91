import { differing, merged, same } from "../../../../static/desk/drafts/merge.js";
import { equal, holds, test } from "../../harness.js";

const BASE = { "1-rank": ["1"], "2-rank": ["2"], note: [""], text: ["One\nTwo"] };

test("two drafts are the same whatever the order of their fields and the line ends", () => {
  holds(same(BASE, { text: ["One\r\nTwo"], "2-rank": ["2"], "1-rank": ["1"] }), "they differ");
  holds(!same(BASE, { ...BASE, note: ["!"] }), "they are the same");
});

test("the fields that differ are named, in either draft", () => {
  equal(differing(BASE, { ...BASE, note: ["x"] }), ["note"]);
  equal(differing({}, { note: ["x"] }), ["note"]);
  equal(differing({ note: [""] }, {}), []);
});

test("changes of different fields are put together", () => {
  const mine = { ...BASE, note: ["mine"] };
  const theirs = { ...BASE, text: ["theirs"] };
  equal(merged(BASE, mine, theirs), { ...BASE, text: ["theirs"], note: ["mine"] });
});

test("changes of the same field are nobody's to put together", () => {
  equal(merged(BASE, { ...BASE, note: ["mine"] }, { ...BASE, note: ["theirs"] }), null);
});

test("ranks belong together: half of one order and half of another is nobody's order", () => {
  equal(merged(BASE, { ...BASE, "1-rank": ["2"] }, { ...BASE, "2-rank": ["1"] }), null);
});

test("a field that was emptied here is gone from what is put together", () => {
  const { note, ...without } = { ...BASE, note: ["old"] };
  const both = merged({ ...BASE, note }, without, { ...BASE, note, text: ["theirs"] });
  holds(!("note" in both), "it is still there");
  equal(both.text, ["theirs"]);
});
