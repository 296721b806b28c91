/** Lets textarea[data-grow] grow with its text where the browser's style sheet can't (field-sizing). */
import { onPage } from "./page.js";

onPage(() => {
  if (CSS.supports("field-sizing", "content")) return;
  for (const area of document.querySelectorAll("textarea[data-grow]")) {
    const fit = () => {
      area.style.height = "auto";
      area.style.height = `${area.scrollHeight + 2}px`;
    };
    area.addEventListener("input", fit);
    area.form?.addEventListener("draft-restored", fit);
    fit();
  }
});
