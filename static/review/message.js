/**
 * The message to the admin, which opens on every page: it says which page it came from, and which task that page is of.
 * The form itself is the same everywhere, so that the server draws it once.
 */
import { csrfToken } from "../base/csrf.js";
import { onPage } from "../base/page.js";

const TASK = /^\/(?:work|revise|history)\/([0-9a-f-]{36})\//;

onPage(() => {
  const form = document.querySelector("form[data-message]");
  if (!form) return;
  const token = TASK.exec(location.pathname)?.[1] ?? "";
  for (const part of form.closest("dialog").querySelectorAll("[data-of-task]")) part.hidden = !token;
  form.closest("dialog").querySelector("[data-in-general]").hidden = Boolean(token);
  form.addEventListener("submit", () => {
    form.elements.about.value = token;
    form.elements.back.value = location.pathname;
    form.elements.csrfmiddlewaretoken.value = csrfToken();
  });
});
