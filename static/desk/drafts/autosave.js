/**
 * Saves the form [data-autosave] as a draft within a second of each change, also while somebody types on and on.
 *
 * Until the server has it, the draft lies in this browser's storage, from where it comes back after a crash, a reload
 * or a new log-in. The server counts versions: a save that does not build on the last one is never just written, nor is
 * such work handed in. What two tabs or devices changed apart from each other is put together where the form allows it,
 * or a person chooses. A page names itself, since what it saved itself is no news to it, were the answer lost.
 */
import { csrfToken } from "../../base/csrf.js";
import { opensElsewhere } from "../../base/keys.js";
import { onPage } from "../../base/page.js";
import { conflictIn } from "./conflict.js";
import { apply, mayBeTouched, read, rendered } from "./fields.js";
import { merged, same } from "./merge.js";
import { saveState } from "./save-state.js";
import * as storage from "./storage.js";

const PAUSE_MS = 400;
const LONGEST_WAIT_MS = 700; // since the first change that is not on its way: the save itself needs the rest of a second
const FIRST_RETRY_MS = 1_000;
const LONGEST_RETRY_MS = 15_000;
const SLOW_SAVE_MS = 400;
const PATIENCE_MS = 8_000; // a server that takes longer counts as one that can't be reached
const MOST_UNANSWERED = 4; // drafts, of long texts and a storage of 5 MB
const KEEPALIVE_BYTES = 60_000; // browsers refuse more than 64 KiB from a page that is being left

onPage((signal) => {
  const form = document.querySelector("form[data-autosave]");
  if (form) autosave(form, signal);
});

function autosave(form, signal) {
  const { url, token } = form.dataset;
  const state = saveState(form);
  const conflict = conflictIn(form);
  const tabs = storage.otherTabs(token, heard, signal);
  const { draft_version: versionField, draft_page: pageField } = form.elements;
  const newer = newerDraft(); // than what was sent: the server shows it with this page
  let version = Number(versionField.value);
  let base = newer ? newer.draft : rendered(form); // what the server has at `version`
  let changes = 0;
  let saved = 0;
  let saving = false;
  let settles = false;
  let timer = 0;
  let waitingSince = 0;
  let retry = FIRST_RETRY_MS;
  let ended = false;
  let unanswered = []; // drafts that were sent and may have arrived, also by the visit before this one

  pageField.value = newName();
  if (version > 0) state.saved();
  else state.idle();
  form.addEventListener("input", changed);
  form.addEventListener("change", changed);
  form.addEventListener("submit", handOver);
  form.addEventListener("not-handed-in", notHandedIn);
  window.addEventListener("online", () => save(), { signal });
  document.addEventListener("lease-lost", () => changes === saved && !ended && state.show("lapsed"), { signal });
  document.addEventListener("visibilitychange", () => document.visibilityState === "hidden" && save(true), { signal });
  window.addEventListener("pagehide", () => save(true), { signal });
  document.addEventListener("submit", (event) => event.target.matches("[data-logout]") && saveBeforeLeaving(event), { signal });
  document.addEventListener("click", (event) => event.target.closest?.("[data-earlier]") && saveBeforeLooking(event), { signal });
  const aside = storage.recall(`${token}.aside`);
  if (aside) keepAside(aside.draft);
  if (newer) {
    changes += 1;
    ask(newer);
  } else takeUp();

  function buildOn(theirs) {
    ({ version, draft: base } = theirs);
    versionField.value = version; // with what is handed in
  }

  function changed() {
    if (changes === saved && same(read(form), base)) return; // a field that is left tells of what it said already
    changes += 1;
    keep();
    if (retry > FIRST_RETRY_MS) tabs.tell({ version, unsaved: read(form) }); // so that no tab goes on from an older text
    waitingSince ||= performance.now();
    const longest = LONGEST_WAIT_MS - (performance.now() - waitingSince);
    saveIn(Math.max(0, Math.min(PAUSE_MS, longest)));
  }

  function saveIn(milliseconds) {
    clearTimeout(timer);
    timer = setTimeout(save, milliseconds);
  }

  async function save(leaving = false) {
    if (ended || (saving && leaving !== true) || changes === saved || conflict.isOpen) return;
    clearTimeout(timer);
    saving = true;
    waitingSince = 0;
    const [draft, upTo] = [read(form), changes];
    const slow = setTimeout(() => state.show("saving"), SLOW_SAVE_MS);
    try {
      const response = await send(draft, leaving === true);
      if (!signal.aborted) await answered(response, draft, upTo); // else the work was handed in meanwhile
    } catch {
      if (!signal.aborted) unreachable();
    } finally {
      clearTimeout(slow);
      saving = false;
    }
  }

  function send(draft, leaving) {
    unanswered = [...unanswered.filter((each) => !same(each, draft)), draft].slice(-MOST_UNANSWERED);
    keep();
    const body = JSON.stringify({ draft, base_version: version, page: pageField.value, settles });
    return fetch(url, {
      method: "PUT",
      keepalive: leaving && body.length < KEEPALIVE_BYTES,
      headers: { "Content-Type": "application/json", "X-CSRFToken": csrfToken() },
      signal: AbortSignal.timeout(PATIENCE_MS),
      body,
    });
  }

  async function answered(response, draft, upTo) {
    if (response.ok) onServer(draft, await response.json(), upTo);
    else if (response.status === 409) await metAnother(await response.json());
    else if (response.status === 410 || response.status === 404) close();
    else if (response.status === 401 || response.status === 403) failed("loggedout");
    else if (response.status === 507) failed(keep() ? "full" : "nowhere");
    else if (response.status === 429) failed(keep() ? "paused" : "nowhere");
    else if (response.status === 400) refused(await response.json(), upTo);
    else unreachable();
  }

  function onServer(draft, answer, upTo) {
    buildOn({ version: answer.version, draft });
    unanswered = unanswered.slice(unanswered.indexOf(draft) + 1);
    saved = upTo;
    settles = false;
    retry = FIRST_RETRY_MS;
    tabs.tell({ version, draft, savedAt: answer.saved_at });
    if (changes === saved) storage.forget(token);
    else saveIn(0);
    state.saved(answer.saved_at, answer);
  }

  /** Another tab or device saved since. Nothing is written over: put together, or chosen by a person. */
  async function metAnother(theirs) {
    const mine = read(form);
    const both = "mergeFields" in form.dataset ? merged(base, mine, theirs.draft) : null;
    if (same(theirs.draft, mine)) {
      saved = changes; // the same text twice: what was sent before arrived, only its answer did not
      adopt(theirs);
    } else if (theirs.page === pageField.value || isOurs(theirs.draft)) {
      buildOn(theirs); // this page's own last save, whose answer did not arrive
      saveIn(0);
    } else if (both) {
      apply(form, both);
      buildOn(theirs);
      changes += 1;
      saveIn(0);
    } else {
      ask(theirs);
    }
  }

  /** `onServer`: what the server has at `theirs.version`, where that is not their draft. */
  function ask(theirs, onServer = null) {
    state.show(keep() ? "choose" : "nowhere");
    conflict.ask(read(form), theirs.draft, (choice) => {
      if (choice === "mine") {
        buildOn({ version: theirs.version, draft: onServer ?? theirs.draft });
        settles = true;
      } else {
        keepAside(read(form));
        apply(form, theirs.draft);
        if (!onServer) {
          saved = changes;
          return adopt(theirs);
        }
      }
      changes += 1;
      save();
    });
  }

  /** The draft that was not chosen stays on the server, among the earlier versions. */
  function keepAside(draft) {
    fetch(url, {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-CSRFToken": csrfToken() },
      body: JSON.stringify({ draft, base_version: version }),
    })
      .then((response) => response.ok || Promise.reject(response))
      .then(() => storage.forget(`${token}.aside`))
      .catch(() => storage.keep(`${token}.aside`, { draft, version })); // the next visit tries again
  }

  function adopt(theirs) {
    buildOn(theirs);
    unanswered = [];
    storage.forget(token);
    state.saved(theirs.savedAt);
  }

  /** Another tab saved: taken over at once where nothing was changed here; else the next save finds out. */
  function heard(news) {
    if (news.closed) return close();
    if (changes !== saved || saving || conflict.isOpen || ended) return;
    if (news.unsaved && news.version === version) apply(form, news.unsaved);
    else if (news.version > version) {
      apply(form, news.draft);
      adopt(news);
    }
  }

  function close() {
    ended = true;
    state.show("closed");
  }

  function refused(problems, upTo) {
    state.show("refused", [problems.draft ?? problems.detail ?? ""].flat().join(" "));
    saved = upTo; // sending the same again would be refused again; this browser keeps it
  }

  function unreachable() {
    failed(keep() ? "offline" : "nowhere");
  }

  function failed(how) {
    state.show(how);
    saveIn(retry);
    retry = Math.min(2 * retry, LONGEST_RETRY_MS);
  }

  /** What an earlier visit left in this browser, and what was entered before this script listened. */
  function takeUp() {
    const onPage = mayBeTouched(form) ? read(form) : base;
    const isEntered = !same(onPage, base);
    let kept = storage.recall(token);
    if (kept && wasSent(token)) {
      storage.forget(token); // the text is in the chat now
      kept = null;
    }
    if (kept && same(kept.draft, base)) {
      storage.forget(token);
      kept = null;
    }
    if (!kept && !isEntered) return;
    changes += 1;
    if (!kept || same(kept.draft, onPage)) return save();
    if (isEntered) {
      keepAside(kept.draft); // before `keep` puts what was entered in its place
      return ask({ draft: kept.draft, version }, base);
    }
    unanswered = kept.unanswered ?? [];
    apply(form, kept.draft);
    if (kept.version === version || isOurs(base)) save();
    else ask({ draft: base, version });
  }

  function handOver(event) {
    if (changes !== saved) keep(); // if the server does not answer, the way back finds it
    if (!navigator.onLine) {
      event.preventDefault(); // better than the browser's own page in place of the work
      state.show("notnow");
      return;
    }
    clearTimeout(timer);
    form.elements.csrfmiddlewaretoken.value = csrfToken();
    ended = true;
    setTimeout(() => {
      if (!("handingIn" in form.dataset)) ended &&= !event.defaultPrevented; // another script asks something first
      else setTimeout(() => ended && state.show("submitting"), SLOW_SAVE_MS);
    });
    window.addEventListener("pageshow", () => (ended = false), { once: true, signal });
  }

  /** The server can't be reached. What was sent may have arrived or not: handing in again finds out. */
  function notHandedIn({ detail: why }) {
    ended = false;
    state.show(keep() ? why : "nowhere");
    if (changes !== saved) saveIn(retry);
  }

  /** Else what is restored there would meet, in this browser, a draft whose save was not answered yet. */
  async function saveBeforeLooking(event) {
    if (changes === saved || ended || opensElsewhere(event)) return;
    event.preventDefault();
    const { href } = event.target.closest("[data-earlier]");
    await save();
    location.assign(href);
  }

  async function saveBeforeLeaving(event) {
    if (changes === saved || ended) return;
    event.preventDefault();
    await save();
    event.target.submit();
  }

  function keep() {
    const kept = { draft: read(form), version };
    return storage.keep(token, { ...kept, unanswered }) || storage.keep(token, kept); // the text, where there is room for no more
  }

  /** Whether it is one that was sent from here, whose answer came too late to be heard. */
  function isOurs(draft) {
    return unanswered.some((each) => same(each, draft));
  }
}

function newerDraft() {
  return JSON.parse(document.getElementById("newer-draft")?.textContent ?? "null");
}

/** Whether this page is the answer to a turn of a chat that was sent: what the browser kept of it is no draft any more. */
function wasSent(token) {
  return Boolean(document.querySelector(`[data-handed-in="sent ${token}"]`));
}

/** 32 hexadecimal digits by chance. Not crypto.randomUUID, which only https has. */
function newName() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
