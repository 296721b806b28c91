/**
 * Tiers from pairs: binary insertion, one card after the other, into the tiers so far. Pure.
 *
 * Among n tiers a card needs at most ⌈log2(n + 1)⌉ questions, and fewer when an answer is “equal”. Everything follows from
 * the letters and the answers, so that undoing is leaving the last answer away, and a draft holds the answers alone.
 */
export const BETTER = "<";
export const EQUAL = "=";
export const WORSE = ">";

/**
 * Returns the tiers so far and the next question, null when every card has its place.
 *
 * answers: a text of BETTER, EQUAL and WORSE, each saying how the card that is being placed compares.
 */
export function duel(letters, answers) {
  const tiers = letters.length ? [[letters[0]]] : [];
  let said = 0;
  for (const [position, letter] of letters.entries()) {
    if (position === 0) continue;
    let [low, high] = [0, tiers.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      const answer = answers[said];
      if (!answer) return { tiers, question: { letter, against: tiers[middle] }, said, left: left(letters, position, high - low) };
      said += 1;
      if (answer === EQUAL) {
        tiers[middle].push(letter);
        low = Infinity;
      } else if (answer === BETTER) high = middle;
      else low = middle + 1;
    }
    if (low !== Infinity) tiers.splice(low, 0, [letter]);
  }
  return { tiers, question: null, said, left: 0 };
}

export function mostQuestions(tiers) {
  return Math.ceil(Math.log2(tiers + 1));
}

/** How many questions may still come if every card turns out different from all others. */
function left(letters, position, span) {
  let most = mostQuestions(span);
  for (let tiers = position + 1; tiers < letters.length; tiers += 1) most += mostQuestions(tiers);
  return most;
}
