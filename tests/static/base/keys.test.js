import { pressOf } from "../../../static/base/keys.js";
import { DUEL, FLAG_LETTERS, KEYS, STEPS, answerOf, digitOf } from "../../../static/desk/ranking/shortcuts.js";
import { equal, holds, test } from "../harness.js";

const ENGLISH = "abcdefghijklmnopqrstuvwxyz";
const DIGITS = "1234567890";
const OF_EVERY_TASK = ["i", "s", ".", "?", "Escape", "Ctrl+Enter"];
const OF_WRITING = [..."agnpsxze12345"].map((key) => `Alt+${key}`);
const SHORTCUTS = [
  ...Object.keys(KEYS), ...Object.keys(DUEL), ...Object.keys(STEPS), ...FLAG_LETTERS, ...OF_EVERY_TASK, ...OF_WRITING,
  ..."123456789", ...[..."123456789"].map((digit) => `Shift+${digit}`),
]; // prettier-ignore

/**
 * What each layout types: `letters` at the places of a to z of an English one, the digit row without and with Shift, and
 * the code of each sign, with Shift where it takes that.
 */
const LAYOUTS = {
  QWERTY: {
    letters: ENGLISH,
    row: [DIGITS, "!@#$%^&*()"],
    signs: { ".": "Period", "=": "Equal", "?": "Shift+Slash" },
  },
  AZERTY: {
    letters: "qbcdefghijkl,noparstuvzxyw",
    row: ["&é\"'(-è_çà", DIGITS],
    places: { m: "Semicolon" },
    signs: { ".": "Shift+Comma", "=": "Equal", "?": "Shift+KeyM" },
  },
  QWERTZ: {
    letters: "abcdefghijklmnopqrstuvwxzy",
    row: [DIGITS, '!"§$%&/()='],
    signs: { ".": "Period", "=": "Shift+Digit0", "?": "Shift+Minus" },
  },
  Russian: {
    letters: "фисвуапршолдьтщзйкыегмцчня",
    row: [DIGITS, '!"№;%:?*()'],
    signs: { ".": "Slash", "=": "Equal", "?": "Shift+Slash" },
    types: { "?": "," },
  },
  Persian: {
    letters: "شذزیثبلاهتنمئدخحضقسفعرصطغظ",
    row: ["۱۲۳۴۵۶۷۸۹۰", "!٬٫﷼٪×،*)("],
    signs: { ".": "Period", "=": "Equal", "?": "Shift+Slash" },
    types: { "?": "؟" },
  },
};

/** The event of pressing what a shortcut names, on that layout. */
function press(shortcut, layout, more = {}) {
  const { ctrlKey, altKey, name } = held(shortcut);
  const shifted = name.startsWith("Shift+");
  const base = shifted ? name.slice("Shift+".length) : name;
  const event = { ctrlKey, altKey, metaKey: false, shiftKey: shifted, isComposing: false, repeat: false, keyCode: 0 };
  return { ...event, ...typed(base, shifted, layout), target: element(""), ...more };
}

function held(shortcut) {
  const [ctrlKey, altKey] = ["Ctrl+", "Alt+"].map((modifier) => shortcut.startsWith(modifier));
  return { ctrlKey, altKey, name: shortcut.replace(/^(Ctrl|Alt)\+/, "") };
}

function typed(base, shifted, { letters, row, signs, places = {}, types = {} }) {
  if (DIGITS.includes(base)) return { code: `Digit${base}`, key: [...row[Number(shifted)]][DIGITS.indexOf(base)] };
  if (base in signs) {
    const [, shift, code] = /^(Shift\+)?(.*)$/.exec(signs[base]);
    return { code, key: types[base] ?? base, shiftKey: Boolean(shift) };
  }
  if (!ENGLISH.includes(base)) return { code: base, key: base };
  if (places[base]) return { code: places[base], key: base };
  const printed = [...letters].indexOf(base); // where the letter is printed, or else its place
  const at = printed < 0 ? ENGLISH.indexOf(base) : printed;
  const key = [...letters][at];
  return { code: `Key${ENGLISH[at].toUpperCase()}`, key: shifted ? key.toUpperCase() : key };
}

function element(kind) {
  return { closest: (selector) => (kind && selector.startsWith(kind) ? {} : null) };
}

for (const [name, layout] of Object.entries(LAYOUTS)) {
  test(`every shortcut is found on ${name}`, () => {
    for (const shortcut of SHORTCUTS) equal(pressOf(press(shortcut, layout)), { key: shortcut, held: false }, shortcut);
  });

  test(`no shortcut is found on ${name} while somebody composes`, () => {
    for (const shortcut of SHORTCUTS) {
      equal(pressOf(press(shortcut, layout, { isComposing: true })), null, shortcut);
      equal(pressOf(press(shortcut, layout, { keyCode: 229, target: element("textarea") })), null, shortcut);
    }
  });

  test(`on ${name} a key that is held counts once, but for arrows`, () => {
    for (const shortcut of SHORTCUTS) {
      const found = pressOf(press(shortcut, layout, { repeat: true }));
      equal(found, shortcut.startsWith("Arrow") ? { key: shortcut, held: true } : null, shortcut);
    }
  });
}

test("what a Latin layout types at the place of another letter is what is printed there", () => {
  equal(pressOf(press("z", LAYOUTS.QWERTZ)).key, "z");
  equal(press("z", LAYOUTS.QWERTZ).code, "KeyY");
  equal(pressOf(press("a", LAYOUTS.AZERTY)).key, "a");
  equal(press("a", LAYOUTS.AZERTY).code, "KeyQ");
});

test("signs and letters that mean nothing here are no keys of ours", () => {
  const none = { ctrlKey: false, altKey: false, shiftKey: false, target: element("") };
  for (const [key, code] of [[",", "Comma"], ["ö", "Semicolon"], ["ü", "BracketLeft"], ["б", "Comma"], [":", "Period"]]) {
    equal(pressOf({ ...none, key, code }), null, key);
  }
});

test("the space bar is a key of its own, with Shift and held down too", () => {
  const none = { ctrlKey: false, altKey: false, shiftKey: false, key: " ", code: "Space", target: element("") };
  equal(pressOf(none), { key: "Space", held: false });
  equal(pressOf({ ...none, shiftKey: true, repeat: true }), { key: "Shift+Space", held: true });
  equal(pressOf({ ...none, ctrlKey: true, repeat: true }), null);
});

test("AltGr types signs and is neither Ctrl nor Alt", () => {
  const windows = { ctrlKey: true, altKey: true, shiftKey: false, target: element("") };
  equal(pressOf({ ...windows, key: "€", code: "KeyE" }), null);
  const linux = { ctrlKey: false, altKey: false, shiftKey: false, target: element(""), getModifierState: (name) => name === "AltGraph" };
  equal(pressOf({ ...linux, key: "€", code: "KeyE" }), null);
  const mac = { ...linux, altKey: true };
  equal(pressOf({ ...mac, key: "π", code: "KeyP" }), { key: "Alt+p", held: false });
  equal(pressOf({ ...mac, key: "Dead", code: "KeyE" }), { key: "Alt+e", held: false });
});

test("the number block has digits, and arrows where Num Lock is off", () => {
  const none = { ctrlKey: false, altKey: false, shiftKey: false, target: element("") };
  equal(pressOf({ ...none, key: "4", code: "Numpad4" }).key, "4");
  equal(pressOf({ ...none, key: "ArrowLeft", code: "Numpad4" }).key, "ArrowLeft");
  equal(pressOf({ ...none, ctrlKey: true, key: "Enter", code: "NumpadEnter" }).key, "Ctrl+Enter");
});

test("digits rate up to the best rating that the page offers, and rank up to the last completion", () => {
  const offered = { ratings: 5, ranks: 4 };
  equal(digitOf("5", offered), { rate: 5 });
  equal(digitOf("6", offered), null);
  equal(digitOf("Shift+4", offered), { rank: 4 });
  equal(digitOf("Shift+5", offered), null);
  for (const other of ["0", "k", "Ctrl+5", "Alt+1", "Shift+k"]) equal(digitOf(other, offered), null, other);
});

test("every digit is an answer while one is asked how much better, with Shift as on a French keyboard or without", () => {
  equal(["1", "Shift+4", "9"].map(answerOf), [0, 3, 8]);
  for (const other of ["0", "k", "Ctrl+1", "ArrowUp"]) equal(answerOf(other), null, other);
});

test("no key has two meanings", () => {
  const all = [...Object.keys(KEYS), ...Object.keys(STEPS), ...FLAG_LETTERS, ...OF_EVERY_TASK];
  equal(all.length, new Set(all).size);
  holds(Object.values(DUEL).every((act) => ["better", "equal", "worse", "undo", "leave"].includes(act)), "an act of duels");
});
