/**
 * Which words of two texts differ. Pure, and right where there are no spaces between words: the browser knows Chinese.
 *
 * Returns for each text its runs, [text, whether only this one has it], and the places where the same begins and ends in
 * both, [place in the left, place in the right]. Words are compared in Unicode's normal form, so
 * that é is é however it is stored. The longest common subsequence is found exactly (Hyyrö 2004, bit by bit: 10,000
 * words against 10,000 in some 30 ms); where that would take too much memory, sentences are compared, and the words of
 * those that differ. What texts share by chance, such as “the” here and there, is marked with what is around it, for
 * texts that have nothing to do with each other would look like confetti.
 */
const MOST_CELLS = 8_000_000; // 32-bit numbers of one comparison: 32 MB; two texts of 8,000 words with their spaces
const MOST_BY_CHANCE = 40; // letters; a longer passage is in both texts on purpose

/** `key(token)` is what is compared. */
export function wordDiff(left, right, language, key = normal) {
  const budget = { cells: 2 * MOST_CELLS }; // for all comparisons together, so that the time is bounded, too
  const blocks = compared(left, right, language, key, budget);
  return [sideOf(blocks, 0), sideOf(blocks, 1), placesOfTheSame(blocks)];
}

export function normal(token) {
  return token.normalize("NFC");
}

/** For text as it is drawn, where all white space looks like one space. */
export function normalSpaced(token) {
  return normal(token).replaceAll(/\s+/g, " ");
}

/** [[left text, right text, whether they are the same], …] */
function compared(left, right, language, key, budget) {
  if (key(left) === key(right)) return left || right ? [[left, right, true]] : [];
  const byWords = blocksOf(parts(left, language, "word"), parts(right, language, "word"), key, budget);
  if (byWords) return tidied(byWords);
  const bySentences = blocksOf(parts(left, language, "sentence"), parts(right, language, "sentence"), key, budget);
  if (!bySentences) return [[left, right, false]];
  return bySentences.flatMap(([one, other, same]) => {
    if (same) return [[one, other, true]];
    const within = blocksOf(parts(one, language, "word"), parts(other, language, "word"), key, budget);
    return within ? tidied(within) : [[one, other, false]];
  });
}

/** Browsers keep a copy of the whole text with each part of it, so that they get it by the line, cut where a word ends. */
const CHUNKS = {
  word: /[^\n]{1,500}(?:[\s。，、]+|$)|[^\n]{1,500}|\n+/g,
  sentence: /[^\n]{1,5000}(?:[\s。]+|$)|[^\n]{1,5000}|\n+/g,
};

function parts(text, language, granularity) {
  const segmenter = new Intl.Segmenter(language || undefined, { granularity });
  return (text.match(CHUNKS[granularity]) ?? []).flatMap((chunk) => [...segmenter.segment(chunk)].map(({ segment }) => segment));
}

/** Neighbouring parts in blocks that are the same or differ; null where comparing them would take too much. */
function blocksOf(a, b, key, budget) {
  const [keysA, keysB] = [a.map(key), b.map(key)];
  let start = 0;
  while (start < a.length && start < b.length && keysA[start] === keysB[start]) start += 1;
  let end = 0;
  while (end < a.length - start && end < b.length - start && keysA.at(-1 - end) === keysB.at(-1 - end)) end += 1;
  const pairs = common(keysA.slice(start, a.length - end), keysB.slice(start, b.length - end), budget);
  if (!pairs) return null;
  const blocks = [];
  let [x, y] = [0, 0];
  const add = (toX, toY, same) => {
    if (toX === x && toY === y) return;
    const [one, other] = [a.slice(x, toX).join(""), b.slice(y, toY).join("")];
    const last = blocks.at(-1);
    if (last?.[2] === same) [last[0], last[1]] = [last[0] + one, last[1] + other];
    else blocks.push([one, other, same]);
    [x, y] = [toX, toY];
  };
  add(start, start, true);
  for (const [inA, inB] of pairs) {
    add(start + inA, start + inB, false);
    add(start + inA + 1, start + inB + 1, true);
  }
  add(a.length - end, b.length - end, false);
  add(a.length, b.length, true);
  return blocks;
}

/** The longest common subsequence, as pairs of positions; null beyond the budget. */
function common(a, b, budget) {
  if (!a.length || !b.length) return [];
  const width = Math.ceil(a.length / 32);
  const cells = width * b.length;
  if (cells > MOST_CELLS || cells > budget.cells) return null;
  budget.cells -= cells;
  const places = placesOf(a);
  const rows = new Uint32Array(cells); // row j: a zero bit where the subsequence grows, with b up to j
  let above = new Uint32Array(width).fill(0xffffffff);
  for (let j = 0; j < b.length; j += 1) {
    const row = rows.subarray(j * width, (j + 1) * width);
    const found = places.get(b[j]);
    if (found) grow(above, found, row);
    else row.set(above);
    above = row;
  }
  return wayBack(rows, width, a.length, b.length);
}

/** Where each word stands in the list, as bits in 32-bit numbers: [[which number, bits], …]. */
function placesOf(list) {
  const places = new Map();
  list.forEach((word, at) => {
    if (!places.has(word)) places.set(word, []);
    const bits = places.get(word);
    const number = at >>> 5;
    if (bits.at(-1)?.[0] !== number) bits.push([number, 0]);
    bits.at(-1)[1] = (bits.at(-1)[1] | (1 << (at & 31))) >>> 0;
  });
  return places;
}

/** row = (above + (above & bits)) | (above & ~bits), over all numbers with their carries. */
function grow(above, found, row) {
  let [carry, next] = [0, 0];
  for (let number = 0; number < above.length; number += 1) {
    const value = above[number];
    const bits = found[next]?.[0] === number ? found[next++][1] : 0;
    const sum = value + ((value & bits) >>> 0) + carry;
    carry = sum > 0xffffffff ? 1 : 0;
    row[number] = (sum % 0x100000000) | (value & ~bits);
  }
}

function wayBack(rows, width, lengthA, lengthB) {
  const isSet = (j, i) => (rows[j * width + (i >>> 5)] >>> (i & 31)) & 1;
  const pairs = [];
  let [i, j] = [lengthA, lengthB];
  while (i > 0 && j > 0) {
    if (isSet(j - 1, i - 1)) i -= 1;
    else if (j > 1 && !isSet(j - 2, i - 1)) j -= 1;
    else pairs.push([(i -= 1), (j -= 1)]);
  }
  return pairs.reverse();
}

/**
 * Takes what is the same into its neighbours where it is no longer than they are, as diff-match-patch does; in texts that
 * differ in most of their words, wherever it is short.
 */
function tidied(blocks) {
  const weighed = blocks.map((block) => [block, letters(block[0]), letters(block[1])]);
  const shared = sum(weighed.filter(([block]) => block[2]), 1);
  const mostlyDiffer = 2 * shared < Math.max(sum(weighed, 1), sum(weighed, 2));
  const kept = [];
  for (const each of weighed) {
    kept.push(each);
    while (kept.length > 2 && isByChance(...kept.slice(-3), mostlyDiffer)) {
      const three = kept.splice(-3);
      const [texts, sums] = [[0, 1].map((side) => three.map(([each]) => each[side]).join("")), [1, 2].map((at) => sum(three, at))];
      kept.push([[...texts, false], ...sums]);
    }
  }
  return kept.map(([block]) => block);
}

function isByChance(before, between, after, mostlyDiffer) {
  if (before[0][2] || !between[0][2] || after[0][2]) return false;
  if (mostlyDiffer) return between[1] < MOST_BY_CHANCE;
  const lightest = Math.min(Math.max(before[1], before[2]), Math.max(after[1], after[2]));
  return between[1] <= lightest && between[1] < MOST_BY_CHANCE;
}

function sum(weighed, at) {
  return weighed.reduce((total, each) => total + each[at], 0);
}

function letters(text) {
  return text.replaceAll(/[^\p{L}\p{N}]/gu, "").length;
}

function sideOf(blocks, side) {
  const runs = [];
  for (const block of blocks) {
    if (!block[side]) continue;
    if (runs.length && runs.at(-1)[1] === !block[2]) runs.at(-1)[0] += block[side];
    else runs.push([block[side], !block[2]]);
  }
  return runs;
}

function placesOfTheSame(blocks) {
  const places = [];
  let [left, right] = [0, 0];
  for (const [one, other, same] of blocks) {
    if (same) places.push([left, right], [left + one.length, right + other.length]);
    [left, right] = [left + one.length, right + other.length];
  }
  return places;
}
