/**
 * Saves what a reviewer enters in form[data-review-draft] within a second of each change, and says so in
 * [data-draft-state]. Where another page saved meanwhile nothing is written over: this page keeps what it shows and says
 * that it has to be decided there or reloaded.
 */
import { csrfToken } from "../base/csrf.js";
import { onPage } from "../base/page.js";

const PAUSE_MS = 500;
const RETRY_MS = 5_000;
const NOT_WORK = new Set(["csrfmiddlewaretoken"]);

onPage((signal) => {
  const form = document.querySelector("form[data-review-draft]");
  if (!form?.dataset.reviewDraft) return; // it was decided
  const state = form.querySelector("[data-draft-state]");
  const page = [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  let version = Number(form.dataset.version);
  let timer = 0;
  let changed = false;
  let saving = false;
  let ended = false;

  form.addEventListener("input", later);
  form.addEventListener("change", later);
  form.addEventListener("submit", () => (ended = true));
  document.addEventListener("visibilitychange", () => document.visibilityState === "hidden" && save(), { signal });
  window.addEventListener("beforeunload", (event) => changed && !ended && event.preventDefault(), { signal });

  function later() {
    changed = true;
    clearTimeout(timer);
    timer = setTimeout(save, PAUSE_MS);
  }

  async function save() {
    if (!changed || saving || ended) return;
    saving = true;
    changed = false;
    try {
      const response = await fetch(form.dataset.reviewDraft, {
        method: "PUT",
        headers: { "Content-Type": "application/json", "X-CSRFToken": csrfToken() },
        body: JSON.stringify({ draft: read(), base_version: version, page }),
      });
      if (response.ok) {
        ({ version } = await response.json());
        say("saved");
      } else if ([409, 410].includes(response.status)) {
        ended = true;
        say(response.status === 409 ? "elsewhere" : "decided");
      } else retry();
    } catch {
      retry();
    } finally {
      saving = false;
      if (changed && !ended) later();
    }
  }

  function retry() {
    changed = true;
    say("unsaved");
    clearTimeout(timer);
    timer = setTimeout(save, RETRY_MS);
  }

  function read() {
    const fields = {};
    for (const [name, value] of new FormData(form)) {
      if (!NOT_WORK.has(name)) (fields[name] ??= []).push(String(value));
    }
    return fields;
  }

  function say(what) {
    state.textContent = state.dataset[what];
  }
});
