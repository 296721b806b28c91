import { BETTER, EQUAL, WORSE, duel, mostQuestions } from "../../../../static/desk/ranking/binary-insertion.js";
import { equal, holds, test } from "../../harness.js";

/** Numbers of 1 to `spread`, the same ones on every run (a linear congruential generator). */
function chance(seed) {
  let state = seed;
  return (spread) => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return 1 + (Math.floor(state / 65_536) % spread);
  };
}

function inTiers(strengths) {
  const levels = [...new Set(strengths)].sort((a, b) => b - a);
  return levels.map((level) => strengths.flatMap((each, at) => (each === level ? ["ABCDEFGHI"[at]] : [])));
}

/** Answers every question by the given strengths. */
function play(strengths) {
  const letters = strengths.map((_, at) => "ABCDEFGHI"[at]);
  const strength = (letter) => strengths[letters.indexOf(letter)];
  const [asked, promised, tiersBefore] = [{}, [], {}];
  let answers = "";
  for (;;) {
    const { tiers, question, said, left } = duel(letters, answers);
    if (!question) return { tiers, asked, promised, total: said, tiersBefore };
    const { letter, against } = question;
    asked[letter] = (asked[letter] ?? 0) + 1;
    tiersBefore[letter] = tiers.length;
    promised.push(said + left);
    const [mine, theirs] = [strength(letter), strength(against[0])];
    answers += mine > theirs ? BETTER : mine === theirs ? EQUAL : WORSE;
  }
}

test("each insertion asks at most the logarithm and ends in the right tiers", () => {
  const next = chance(7);
  let rounds = 0;
  for (const k of [1, 2, 4, 7, 9]) {
    for (const spread of [1, 3, 9]) {
      for (let round = 0; round < 20; round += 1) {
        const strengths = Array.from({ length: k }, () => next(spread));
        const { tiers, asked, promised, total, tiersBefore } = play(strengths);
        equal(tiers.map((tier) => [...tier].sort()), inTiers(strengths), `strengths ${strengths}:`);
        for (const [letter, questions] of Object.entries(asked)) {
          holds(questions <= Math.ceil(Math.log2(tiersBefore[letter] + 1)), `${letter} was asked about ${questions} times`);
        }
        holds(promised.every((each, at) => at === 0 || each <= promised[at - 1]), "the promise grew");
        holds(total <= Math.min(Infinity, ...promised), "more was asked than promised");
        rounds += 1;
      }
    }
  }
  equal(rounds, 300);
});

test("the last answer left away is the question before", () => {
  const letters = [..."ABCD"];
  const { question } = duel(letters, BETTER + WORSE);
  const again = duel(letters, BETTER + WORSE + EQUAL).question;
  holds(JSON.stringify(question) !== JSON.stringify(again), "an answer changes the question");
  equal(duel(letters, (BETTER + WORSE + EQUAL).slice(0, -1)).question, question);
});

test("one completion needs no question, and n tiers need ⌈log2(n + 1)⌉ at most", () => {
  equal(duel(["A"], "").question, null);
  equal([0, 1, 2, 3, 4, 7, 8].map(mostQuestions), [0, 1, 2, 2, 3, 3, 4]);
});
