/**
 * Saves the form [data-autosave] as a draft within a second of each change.
 *
 * Until the server has it, the draft lies in this browser's storage, from where it comes back after a crash, a reload
 * or a new log-in. The server counts versions: a save that does not build on the last one asks which of the two to keep.
 */
const PAUSE_MS = 600;
const FIRST_RETRY_MS = 2_000;
const LONGEST_RETRY_MS = 30_000;
const SLOW_SAVE_MS = 400;
const MEASURED = "active_seconds"; // no work of its own: a difference in it alone is no conflict

const form = document.querySelector("form[data-autosave]");
if (form) autosave(form);

function autosave(form) {
  const { url, token } = form.dataset;
  const key = `concord.draft.${token}`;
  const state = form.querySelector("[data-save-state]");
  const text = form.querySelector("[data-save-text]");
  const conflict = form.querySelector("[data-conflict]");
  let version = Number(form.dataset.version);
  let changes = 0;
  let saved = 0;
  let saving = false;
  let timer = 0;
  let retry = FIRST_RETRY_MS;
  let ended = false;
  let sent = null;

  show(version > 0 ? "saved" : "idle");
  form.addEventListener("input", changed);
  form.addEventListener("change", changed);
  form.addEventListener("submit", handOver);
  window.addEventListener("online", () => save());
  document.addEventListener("visibilitychange", () => document.visibilityState === "hidden" && save(true));
  window.addEventListener("pagehide", () => save(true));
  takeUpKept();

  function changed() {
    changes += 1;
    keep();
    clearTimeout(timer);
    timer = setTimeout(save, PAUSE_MS);
  }

  async function save(leaving = false) {
    if (ended || (saving && !leaving) || changes === saved || !conflict.hidden) return;
    clearTimeout(timer);
    saving = true;
    const upTo = changes;
    const slow = setTimeout(() => show("saving"), SLOW_SAVE_MS);
    try {
      await answered(await send(leaving), upTo);
    } catch {
      failed("offline");
    } finally {
      clearTimeout(slow);
      saving = false;
    }
    if (changes !== saved && !timer) timer = setTimeout(save, PAUSE_MS);
  }

  function send(leaving) {
    sent = read();
    keep();
    return fetch(url, {
      method: "PUT",
      keepalive: leaving,
      headers: { "Content-Type": "application/json", "X-CSRFToken": csrfToken() },
      body: JSON.stringify({ draft: sent, base_version: version }),
    });
  }

  async function answered(response, upTo) {
    timer = 0;
    if (response.ok) {
      version = (await response.json()).version;
      saved = upTo;
      retry = FIRST_RETRY_MS;
      if (changes === saved) forget();
      else timer = setTimeout(save, PAUSE_MS);
      show("saved");
    } else if (response.status === 409) {
      const theirs = await response.json();
      if (same(theirs.draft, read())) adopt(theirs.version, upTo);
      else ask(theirs.draft, theirs.version);
    } else if (response.status === 410 || response.status === 404) {
      ended = true;
      show("closed");
    } else if (response.status === 401 || response.status === 403) {
      failed("loggedout");
    } else if (response.status === 400) {
      const problems = await response.json();
      show("refused", [problems.draft ?? problems.detail ?? ""].flat().join(" "));
      saved = upTo; // sending the same again would be refused again; this browser keeps it
    } else {
      failed("offline");
    }
  }

  function failed(how) {
    show(how);
    timer = setTimeout(save, retry);
    retry = Math.min(2 * retry, LONGEST_RETRY_MS);
  }

  function adopt(theirVersion, upTo) {
    version = theirVersion;
    saved = upTo;
    if (changes === saved) forget();
    show("saved");
  }

  /** Two drafts stand against each other; nothing is saved until one is chosen. */
  function ask(theirs, theirVersion) {
    conflict.hidden = false;
    conflict.scrollIntoView({ block: "center" });
    const decide = (takeTheirs) => () => {
      conflict.hidden = true;
      version = theirVersion;
      if (takeTheirs) {
        apply(theirs);
        saved = changes;
        forget();
        show("saved");
      } else {
        changes += 1;
        save();
      }
    };
    conflict.querySelector("[data-keep-mine]").onclick = decide(false);
    conflict.querySelector("[data-take-theirs]").onclick = decide(true);
  }

  function takeUpKept() {
    const kept = recall();
    if (!kept) return;
    const onPage = read();
    if (same(kept.draft, onPage)) {
      forget();
      return;
    }
    apply(kept.draft);
    changes += 1;
    // What the server has may be this page's own last save, whose answer came too late to be heard.
    if (kept.version === version || (kept.sent && same(kept.sent, onPage))) save();
    else ask(onPage, version);
  }

  function handOver() {
    clearTimeout(timer);
    form.elements.csrfmiddlewaretoken.value = csrfToken();
    if (changes !== saved) keep(); // if the server does not answer, the way back finds it
    ended = true;
    window.addEventListener("pageshow", () => (ended = false), { once: true });
  }

  function read() {
    const draft = {};
    for (const [name, value] of new FormData(form)) {
      if (name !== "csrfmiddlewaretoken") (draft[name] ??= []).push(value);
    }
    return draft;
  }

  function apply(draft) {
    form.dispatchEvent(new CustomEvent("draft-restoring", { detail: draft })); // a page may need more fields for it
    for (const field of form.elements) {
      if (!field.name || field.name === "csrfmiddlewaretoken") continue;
      const values = draft[field.name] ?? [];
      if (field.type === "radio" || field.type === "checkbox") field.checked = values.includes(field.value);
      else if (["TEXTAREA", "SELECT"].includes(field.tagName) || field.type === "hidden") field.value = values[0] ?? "";
    }
    form.dispatchEvent(new CustomEvent("draft-restored"));
  }

  function show(name, detail = "") {
    state.dataset.state = name;
    const words = `${text.dataset[name]} ${detail}`.trim();
    if (text.textContent !== words) text.textContent = words; // a screen reader hears changes only
    state.querySelector("[data-login]").hidden = name !== "loggedout";
    state.querySelector("[data-reload]").hidden = name !== "closed";
  }

  function keep() {
    try {
      localStorage.setItem(key, JSON.stringify({ draft: read(), version, sent }));
    } catch {
      // Storage is full or forbidden; the server still gets every change.
    }
  }

  function recall() {
    try {
      return JSON.parse(localStorage.getItem(key));
    } catch {
      return null;
    }
  }

  function forget() {
    try {
      localStorage.removeItem(key);
    } catch {
      // Nothing was kept, either.
    }
  }
}

function same(one, other) {
  const work = (draft) =>
    JSON.stringify(
      Object.entries(draft)
        .map(([name, values]) => [name, values.filter((value) => value !== "").map(unixLines)])
        .filter(([name, values]) => name !== MEASURED && values.length)
        .sort(),
    );
  return work(one) === work(other);
}

function unixLines(value) {
  return value.replaceAll("\r\n", "\n");
}

/** The cookie's, not the form's: logging in again in another tab changes it. */
function csrfToken() {
  const cookie = document.cookie.split("; ").find((pair) => pair.startsWith("csrftoken="));
  return cookie ? cookie.slice("csrftoken=".length) : form.elements.csrfmiddlewaretoken.value;
}
