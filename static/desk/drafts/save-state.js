/** Says in [data-save-state] what is saved where. */
import { wordsOf } from "../../base/words.js";
import { holdUntil } from "../held-until.js";

const ELSEWHERE = new Set(["offline", "loggedout", "notnow", "full", "paused"]); // the server has an older state of the work
const STANDINGS = new Set(["lapsed", "closing", "campaign_closed", "not_active", "set_aside"]); // saved, and yet not taken
const endFormat = new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: "medium", timeStyle: "short" });
const format = new Intl.DateTimeFormat(document.documentElement.lang, { timeStyle: "short" });

export function saveState(form) {
  const state = form.querySelector("[data-save-state]");
  const text = state.querySelector("[data-save-text]");
  const words = wordsOf("save-state");
  let savedAt = state.dataset.savedAt || null; // the server's clock; this machine's may be wrong
  const { standing: standingAtFirst = "", until: untilAtFirst = "" } = state.querySelector("[data-standing]")?.dataset ?? {};

  function show(name, detail = "", until = "") {
    if (name === "offline" && state.dataset.state === "notnow") return; // what was refused stays said
    state.dataset.state = name;
    const time = savedAt ? format.format(new Date(savedAt)) : "";
    const beside = ELSEWHERE.has(name) ? words.before : STANDINGS.has(name) ? words.saved : "";
    const end = until ? endFormat.format(new Date(until)) : "";
    const said = [words[name].replace("{until}", end), detail, time && beside].filter(Boolean).join(" ").replace("{time}", time).trim();
    if (text.textContent !== said) text.textContent = said; // a screen reader hears changes only
    reveal("[data-login]", name === "loggedout");
    reveal("[data-reload]", name === "closed");
  }

  function reveal(which, visible) {
    const link = state.querySelector(which);
    if (link) link.hidden = !visible;
  }

  return {
    show,
    /** Nothing was changed yet. */
    idle: () => show(standingAtFirst || "idle", "", untilAtFirst),
    /** `standing`: what keeps saved work from being handed in; `until`: when it will. */
    saved(at, { standing = standingAtFirst, until = untilAtFirst } = {}) {
      savedAt = at ?? savedAt;
      if (at && !standing) holdUntil(new Date(at)); // else what is said in its place is how long
      show(standing || "saved", "", until);
      const earlier = state.querySelector("[data-earlier]");
      if (earlier) earlier.hidden = false;
    },
  };
}
