/**
 * What a playground's page holds: one or two conversations, as plain values without a page. A side is a list of
 * {role: "user" | "assistant", content, ended?}; `ended` is why an answer ended, absent while it is being written.
 */

/** What the page begins with. `editing`: the place of the turn that is being edited, whose new text is `edited`.
 * `raw`: answers are shown as they were written. */
export function emptyState() {
  return {
    sides: [[], []], versions: ["", ""], compare: false, system: "", temperature: 1, draft: "", editing: null, edited: "",
    raw: false,
  };
}

/** The state that a browser kept, mended where it is none of ours: nothing of it may break the page. */
export function readState(kept) {
  const state = emptyState();
  let read;
  try {
    read = JSON.parse(kept ?? "null");
  } catch {
    return state;
  }
  if (!read || !Array.isArray(read.sides)) return state;
  state.sides = [0, 1].map((side) => (Array.isArray(read.sides[side]) ? read.sides[side].filter(isTurn) : []));
  for (const turns of state.sides) {
    const last = turns.at(-1);
    if (last?.role === "assistant" && !last.ended) last.ended = "stopped"; // the page went while it was written
    if (last?.role === "assistant" && !last.content) turns.pop();
  }
  state.versions = [0, 1].map((side) => String(read.versions?.[side] ?? ""));
  for (const name of ["compare", "raw"]) state[name] = read[name] === true;
  for (const name of ["system", "draft", "edited"]) state[name] = typeof read[name] === "string" ? read[name] : "";
  state.temperature = Number.isFinite(read.temperature) ? read.temperature : 1;
  state.editing = state.sides[0][read.editing]?.role === "user" ? read.editing : null;
  return state;
}

function isTurn(turn) {
  return ["user", "assistant"].includes(turn?.role) && typeof turn.content === "string";
}

/** What is sent: the system message where there is one, and what was said up to and with the last turn of the user. */
export function messagesFor(turns, system) {
  const said = turns.filter((turn) => turn.content).map(({ role, content }) => ({ role, content }));
  while (said.length && said.at(-1).role !== "user") said.pop();
  return system.trim() ? [{ role: "system", content: system }, ...said] : said;
}

/** Both sides up to a turn of the user, which is to be written anew. A side that never had it loses nothing. */
export function cutBefore(sides, place) {
  return sides.map((turns) => (turns[place]?.role === "user" ? turns.slice(0, place) : turns));
}

/** A side without its last answer, for another one. */
export function withoutAnswer(turns) {
  return turns.at(-1)?.role === "assistant" ? turns.slice(0, -1) : turns;
}

/** The second side begins as a copy of the first, so that both have heard the same. */
export function alike(turns) {
  return turns.map((turn) => ({ ...turn }));
}

/** The answers of these sides that have come to their end, each text once: what is shown as Markdown. */
export function finishedAnswers(sides) {
  const finished = sides.flat().filter((turn) => turn.role === "assistant" && turn.ended && turn.content);
  return [...new Set(finished.map((turn) => turn.content))];
}

/** Takes server-sent events out of text as it arrives: returns [events, what is left for the next piece]. */
export function eventsIn(text) {
  const pieces = text.split("\n\n");
  const rest = pieces.pop();
  const events = pieces.flatMap((piece) => piece.split("\n").filter((line) => line.startsWith("data: ")));
  return [events.map((line) => JSON.parse(line.slice("data: ".length))), rest];
}
