import { byRatings, contradictions, down, equalButApart, insert, join, tie, tierOf, unequalTie, untie, up, without } from "../../../../static/desk/ranking/tiers.js";
import { equal, holds, test } from "../../harness.js";

const LETTERS = [..."ABCDE"];

test("up leaves a tie first, and passes the next better tier then", () => {
  equal(up([["A"], ["B", "C"]], "C"), [["A"], ["C"], ["B"]]);
  equal(up([["A"], ["C"], ["B"]], "C"), [["C"], ["A"], ["B"]]);
  equal(up([["C"], ["A"]], "C"), [["C"], ["A"]]);
});

test("down leaves a tie first, and passes the next worse tier then", () => {
  equal(down([["A", "B"], ["C"]], "A"), [["B"], ["A"], ["C"]]);
  equal(down([["A"], ["C"]], "A"), [["C"], ["A"]]);
  equal(down([["C"], ["A"]], "A"), [["C"], ["A"]]);
});

test("what is not ranked comes in last, whichever way it is moved", () => {
  for (const move of [up, down]) equal(move([["A"], ["B"]], "C"), [["A"], ["B"], ["C"]]);
  equal(up([], "A"), [["A"]]);
});

test("a tie is with the tier above; what is not ranked ties with the last", () => {
  equal(tie([["A"], ["B"], ["C"]], "B"), [["A", "B"], ["C"]]);
  equal(tie([["A"], ["B"]], "A"), [["A"], ["B"]]);
  equal(tie([["A"], ["B"]], "C"), [["A"], ["B", "C"]]);
  equal(tie([], "C"), [["C"]]);
});

test("untying puts it right below its tie, and changes nothing where there is none", () => {
  equal(untie([["A", "B"], ["C"]], "A"), [["B"], ["A"], ["C"]]);
  equal(untie([["A"], ["C"]], "A"), [["A"], ["C"]]);
  equal(untie([["A"]], "B"), [["A"]]);
});

test("joining brings both in where neither is ranked", () => {
  equal(join([["A"]], "B", "C"), [["A"], ["C", "B"]]);
  equal(join([["A"], ["B"]], "A", "B"), [["B", "A"]]);
  equal(join([["A"]], "A", "A"), [["A"]]);
});

test("taken out, a letter is in no tier, and no tier stays empty", () => {
  equal(without([["A"], ["B", "C"]], "A"), [["B", "C"]]);
  equal(tierOf(without([["A"], ["B"]], "A"), "A"), -1);
});

test("every change keeps each letter once, leaves no tier empty and its argument alone", () => {
  const changes = [up, down, tie, untie, (tiers, letter) => insert(tiers, letter, 1), (tiers, letter) => join(tiers, letter, "A")];
  for (let seed = 0; seed < 500; seed += 1) {
    const ratings = new Map(LETTERS.slice(0, 1 + (seed % 5)).map((letter, at) => [letter, (seed >> at) % 3]));
    const tiers = byRatings(ratings);
    const before = JSON.stringify(tiers);
    for (const change of changes) {
      const letter = LETTERS[seed % 5];
      const after = change(tiers, letter);
      holds(JSON.stringify(tiers) === before, "the tiers given were changed");
      holds(after.every((tier) => tier.length > 0), "a tier is empty");
      const all = after.flat();
      holds(new Set(all).size === all.length, "a letter stands twice");
      holds([...ratings.keys()].every((each) => all.includes(each)), "a letter was lost");
    }
  }
});

test("ratings rank best first, equal ones tied, and contradict no ranking of their own", () => {
  const ratings = new Map([["A", 3], ["B", 7], ["C", 3]]);
  equal(byRatings(ratings), [["B"], ["A", "C"]]);
  equal(contradictions(byRatings(ratings), ratings), []);
  equal(contradictions([["A"], ["B"], ["C"]], ratings), [["A", "B"]]);
  equal(contradictions([["A", "B"]], ratings), []);
});

test("what may be a slip: an equal rating at different ranks, and a tie of unequal ones", () => {
  const ratings = new Map([["A", 6], ["B", 6], ["C", 2], ["D", 3]]);
  equal(equalButApart([["A"], ["B"], ["C", "D"]], ratings), ["A", "B"]);
  equal(unequalTie([["A"], ["B"], ["C", "D"]], ratings), ["C", "D"]);
  equal([equalButApart([["A", "B"], ["D"], ["C"]], ratings), unequalTie([["A", "B"], ["D"], ["C"]], ratings)], [undefined, undefined]);
  equal(unequalTie([["A", "E"]], ratings), undefined, "what has no rating is no slip:");
});
