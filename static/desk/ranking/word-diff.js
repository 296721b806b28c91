/**
 * Which words of two texts differ. Pure, and right where there are no spaces between words: the browser knows Chinese.
 *
 * Returns for each text its runs: [text, whether only this one has it].
 */
const MOST_DIFFERENCES = 1000; // the way through the texts is kept: its square in numbers

export function wordDiff(left, right, language) {
  const [a, b] = [words(left, language), words(right, language)];
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start += 1;
  let end = 0;
  while (end < a.length - start && end < b.length - start && a.at(-1 - end) === b.at(-1 - end)) end += 1;
  const [inA, inB] = [a.slice(start, a.length - end), b.slice(start, b.length - end)];
  const [onlyA, onlyB] = shortest(inA, inB) ?? foreign(inA, inB);
  return [
    runs(a, (at) => onlyA.has(at - start)),
    runs(b, (at) => onlyB.has(at - start)),
  ];
}

function words(text, language) {
  const segmenter = new Intl.Segmenter(language || undefined, { granularity: "word" });
  return [...segmenter.segment(text)].map(({ segment }) => segment);
}

/** Myers' shortest edit (1986), as the positions that only one of them has; null when they differ too much. */
function shortest(a, b) {
  const trail = [];
  let reach = new Map([[1, 0]]);
  for (let edits = 0; edits <= Math.min(a.length + b.length, MOST_DIFFERENCES); edits += 1) {
    trail.push(reach);
    const next = new Map();
    for (let diagonal = -edits; diagonal <= edits; diagonal += 2) {
      let x = goesDown(reach, diagonal, edits) ? reach.get(diagonal + 1) : reach.get(diagonal - 1) + 1;
      while (x < a.length && x - diagonal < b.length && a[x] === b[x - diagonal]) x += 1;
      next.set(diagonal, x);
      if (x >= a.length && x - diagonal >= b.length) return backwards(trail, a.length, b.length);
    }
    reach = next;
  }
  return null;
}

function goesDown(reach, diagonal, edits) {
  return diagonal === -edits || (diagonal !== edits && reach.get(diagonal - 1) < reach.get(diagonal + 1));
}

function backwards(trail, x, y) {
  const [onlyA, onlyB] = [new Set(), new Set()];
  for (let edits = trail.length - 1; edits > 0; edits -= 1) {
    const diagonal = x - y;
    const down = goesDown(trail[edits], diagonal, edits);
    const before = down ? diagonal + 1 : diagonal - 1;
    const from = trail[edits].get(before);
    if (down) onlyB.add(from - before);
    else onlyA.add(from);
    [x, y] = [from, from - before];
  }
  return [onlyA, onlyB];
}

/** For texts that have little in common: the words that the other does not have at all. */
function foreign(a, b) {
  const missingIn = (other) => (list) => {
    const known = new Set(other);
    return new Set(list.flatMap((word, at) => (known.has(word) ? [] : [at])));
  };
  return [missingIn(b)(a), missingIn(a)(b)];
}

function runs(list, isOnlyHere) {
  const found = [];
  list.forEach((word, at) => {
    const only = isOnlyHere(at);
    if (found.length && found.at(-1)[1] === only) found.at(-1)[0] += word;
    else found.push([word, only]);
  });
  return found;
}
