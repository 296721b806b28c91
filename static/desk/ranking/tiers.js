/**
 * Tiers: [["A", "C"], ["B"]] says that A and C are tied for best, and B follows. Pure.
 *
 * Every function answers with new tiers and leaves those it was given alone. A letter in no tier is not ranked yet.
 */

export function tierOf(tiers, letter) {
  return tiers.findIndex((tier) => tier.includes(letter));
}

/** Out of a tie, or above the next better tier. What is not ranked comes in last. */
export function up(tiers, letter) {
  const at = tierOf(tiers, letter);
  if (at < 0) return insert(tiers, letter, tiers.length);
  return insert(tiers, letter, tiers[at].length > 1 ? at : at - 1);
}

/** Out of a tie, or below the next worse tier. What is not ranked comes in last. */
export function down(tiers, letter) {
  const at = tierOf(tiers, letter);
  if (at < 0) return insert(tiers, letter, tiers.length);
  return insert(tiers, letter, tiers[at].length > 1 ? at + 1 : at + 2);
}

/** Into the tier above; what is not ranked ties with the last. */
export function tie(tiers, letter) {
  const at = tierOf(tiers, letter);
  const above = tiers[at < 0 ? tiers.length - 1 : at - 1];
  return above ? join(tiers, letter, above[0]) : at < 0 ? [[letter]] : tiers;
}

/** Out of its tie, to right below it. */
export function untie(tiers, letter) {
  const at = tierOf(tiers, letter);
  return at >= 0 && tiers[at].length > 1 ? insert(tiers, letter, at + 1) : tiers;
}

/** Into the tier of `other`; if that has none yet, both come in last. */
export function join(tiers, letter, other) {
  if (letter === other) return tiers;
  const there = tierOf(tiers, other) < 0 ? [...tiers, [other]] : tiers;
  return without(
    there.map((tier) => (tier.includes(other) && !tier.includes(letter) ? [...tier, letter] : tier)),
    letter,
    (tier) => tier.includes(other),
  );
}

/** As a tier of its own before the one that is at `at` now; 0 makes it the best. */
export function insert(tiers, letter, at) {
  const place = Math.max(0, Math.min(at, tiers.length));
  const marked = [...tiers.slice(0, place), null, ...tiers.slice(place)];
  return marked.map((tier) => (tier ? tier.filter((each) => each !== letter) : [letter])).filter((tier) => tier.length);
}

/** Not ranked any more, or only where `stays` says so. */
export function without(tiers, letter, stays = () => false) {
  return tiers
    .map((tier) => (stays(tier) ? tier : tier.filter((each) => each !== letter)))
    .filter((tier) => tier.length);
}

/** Best rating first, equal ratings tied. `ratings` is a Map from letter to number. */
export function byRatings(ratings) {
  const levels = [...new Set(ratings.values())].sort((a, b) => b - a);
  return levels.map((level) => [...ratings.keys()].filter((letter) => ratings.get(letter) === level));
}

/** The first [one, other] that stand one above the other with the same rating; undefined where none do. */
export function equalButApart(tiers, ratings) {
  for (const [at, tier] of tiers.slice(1).entries()) {
    for (const above of tiers[at]) {
      const below = tier.find((letter) => ratings.has(letter) && ratings.get(letter) === ratings.get(above));
      if (below) return [above, below];
    }
  }
}

/** The first [one, other] that are tied with different ratings; undefined where none are. */
export function unequalTie(tiers, ratings) {
  for (const tier of tiers) {
    const rated = tier.filter((letter) => ratings.has(letter));
    const other = rated.find((letter) => ratings.get(letter) !== ratings.get(rated[0]));
    if (other) return [rated[0], other];
  }
}

/** [above, below] for every two of which the lower one has the better rating. */
export function contradictions(tiers, ratings) {
  const found = [];
  tiers.forEach((tier, at) => {
    for (const above of tier) {
      for (const below of tiers.slice(at + 1).flat()) {
        if (ratings.get(above) < ratings.get(below)) found.push([above, below]);
      }
    }
  });
  return found;
}
