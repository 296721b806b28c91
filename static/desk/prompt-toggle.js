/** On narrow screens the prompt stays above the work; [data-prompt-toggle] folds it to a line and opens it again. */
import { onPage } from "../base/page.js";

onPage(() => {
  const toggle = document.querySelector("[data-prompt-toggle]");
  if (!toggle) return;
  const prompt = document.getElementById("prompt");
  toggle.hidden = false;
  toggle.addEventListener("click", () => {
    const folded = prompt.classList.toggle("is-folded");
    toggle.setAttribute("aria-expanded", String(!folded));
  });
});
