/**
 * Reads keys, for every other script: nothing else in static/ looks at the fields of a KeyboardEvent.
 *
 * A key is named like "5", "k", "Shift+r", "Ctrl+Enter" (Cmd as well), "Alt+p", "ArrowUp", "Space", "?" or "=".
 * - Digits go by their place: on a French or Persian digit row, too, the first key is 1.
 * - Letters go by what is printed on the key, so that Z is Z on a German keyboard; where that is no Latin letter, by
 *   their place on an English one.
 * - The signs . = ? go by what they type; where the layout has another script there, by their place.
 * Nothing is a key of ours while somebody composes Chinese, Japanese or Korean, and of the keys that are held down only
 * arrows and those that scroll count more than once.
 */
const SIGNS = [".", "=", "?"];
const SIGNS_BY_PLACE = { Period: ".", Equal: "=", "Shift+Slash": "?" };
const REPEATING = ["ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight", "PageUp", "PageDown", "Space", "Shift+Space"];
const TYPING = "textarea, select, [contenteditable], input:not([type=radio], [type=checkbox], [type=button], [type=submit])";
const COMPOSING = 229; // what browsers give as keyCode where isComposing has come to its end a moment too early

const handlers = [];
let spaceIsOurs = false; // from its keydown to its keyup

/**
 * Calls handle(key, {target, held}) for every key, in the order of the calls of this function, until one returns true:
 * then it was for that one, and the browser does nothing with it. `held`: an arrow, or a key that scrolls, is held down.
 *
 * first: before all others. signal: until it aborts.
 */
export function onKey(handle, { first = false, signal } = {}) {
  if (!handlers.length) {
    document.addEventListener("keydown", pressed);
    document.addEventListener("keyup", released);
  }
  if (first) handlers.unshift(handle);
  else handlers.push(handle);
  signal?.addEventListener("abort", () => handlers.splice(handlers.indexOf(handle), 1));
}

/** Whether somebody writes there, so that letters are letters. */
export function isTyping(element) {
  return Boolean(element?.closest?.(TYPING));
}

/** The key and whether it is held down; null where the event is none of ours. */
export function pressOf(event) {
  if (event.isComposing || event.key === "Process" || (event.keyCode === COMPOSING && isTyping(event.target))) return null;
  const key = nameOf(event);
  if (!key || (event.repeat && !REPEATING.includes(key))) return null;
  return { key, held: Boolean(event.repeat) };
}

/** Whether a click on a link leaves this page where it is: held keys ask for another tab or window. */
export function opensElsewhere(click) {
  return click.ctrlKey || click.metaKey || click.shiftKey;
}

function pressed(event) {
  if (event.defaultPrevented) return;
  const press = pressOf(event);
  if (press) {
    const ours = handlers.some((handle) => handle(press.key, { target: event.target, held: press.held }));
    if (ours) event.preventDefault();
    spaceIsOurs = ours && event.code === "Space";
  } else if (event.repeat && event.key === "Enter" && !isTyping(event.target)) {
    event.preventDefault(); // a button that comes under a held key is not pressed
  }
}

/** Firefox presses a button when the space bar comes up, whatever became of its going down. */
function released(event) {
  if (spaceIsOurs && event.code === "Space") event.preventDefault();
}

function nameOf(event) {
  if (isAltGr(event)) return "";
  const held = event.ctrlKey || event.metaKey ? "Ctrl+" : event.altKey ? "Alt+" : "";
  const typed = event.key.length === 1 ? event.key : "";
  if (event.key.length > 1 && !["Dead", "Unidentified"].includes(event.key)) {
    return `${held}${event.shiftKey ? "Shift+" : ""}${event.key}`;
  }
  const shift = event.shiftKey ? "Shift+" : "";
  const digit = /^(?:Digit|Numpad)(\d)$/.exec(event.code)?.[1];
  if (digit === "0" && typed === "=") return `${held}=`; // with Shift on German and other keyboards, where 0 means nothing
  if (digit) return `${held}${shift}${digit}`;
  if (typed === " ") return `${held}${shift}Space`;
  if (/^[a-z]$/i.test(typed)) return `${held}${shift}${typed.toLowerCase()}`;
  if (SIGNS.includes(typed)) return `${held}${typed}`;
  const sign = SIGNS_BY_PLACE[`${shift}${event.code}`];
  if (sign && (!isLatin(typed) || sign === "?")) return `${held}${sign}`;
  const letter = isLatin(typed) ? null : /^Key([A-Z])$/.exec(event.code)?.[1];
  return letter ? `${held}${shift}${letter.toLowerCase()}` : "";
}

/** AltGr types signs: Windows says Ctrl and Alt of it, Linux neither. Where macOS says AltGraph, too, it is Alt (Option). */
function isAltGr(event) {
  return (event.ctrlKey && event.altKey) || (!event.altKey && Boolean(event.getModifierState?.("AltGraph")));
}

/** Whether the key types something of a Latin keyboard. */
function isLatin(typed) {
  return /^[!-~]$/.test(typed);
}
