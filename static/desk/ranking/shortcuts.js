/** The keys of the ranking page, as static/base/keys.js names them, and what each does (actions.js). Pure. */

export const KEYS = {
  k: "up", j: "down", "Shift+ArrowUp": "up", "Shift+ArrowDown": "down", t: "tie", u: "untie",
  z: "undo", "=": "ratings", c: "compare", d: "duel", r: "raw", "Shift+r": "rawAll", o: "unfold",
  f: "flags", n: "note", p: "prompt", 0: "strength", x: "none",
}; // prettier-ignore

// For the flags of the rubric, in its order: the letters that neither KEYS nor the keys of every task (i, s) take.
// As many as a rubric may have flags (labeling/campaigns/rules/rubric.py).
export const FLAG_LETTERS = [..."abeghlmqvwy"];

export const STEPS = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 };

export const DUEL = {
  ArrowLeft: "better", ArrowDown: "equal", ArrowRight: "worse", 1: "better", 2: "equal", 3: "worse", "=": "equal",
  z: "undo", Backspace: "undo", d: "leave", Escape: "leave",
}; // prettier-ignore

/** What a digit means for the card: {rate: 5}, {rank: 2} with Shift, null beyond what the page offers. */
export function digitOf(key, { ratings, ranks }) {
  const [, shift, digit] = /^(Shift\+)?([1-9])$/.exec(key) ?? [];
  const number = Number(digit);
  if (!number || number > (shift ? ranks : ratings)) return null;
  return shift ? { rank: number } : { rate: number };
}

/** The place, from 0, of the answer that a digit gives, with Shift or without; null for other keys. */
export function answerOf(key) {
  const digit = /^(?:Shift\+)?([1-9])$/.exec(key)?.[1];
  return digit ? Number(digit) - 1 : null;
}
