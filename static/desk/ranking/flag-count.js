/** Shows on each closed [data-flags] how many are set, and which when the pointer asks. */
import { onPage } from "../../base/page.js";

onPage(() => {
  for (const box of document.querySelectorAll("[data-flags]")) {
    box.addEventListener("change", () => count(box));
    box.closest("form").addEventListener("draft-restored", () => count(box));
    count(box);
  }
});

function count(box) {
  const badge = box.querySelector("[data-flag-count]");
  const set = [...box.querySelectorAll("input:checked")];
  badge.textContent = String(set.length);
  badge.hidden = set.length === 0;
  box.querySelector("summary").title = set.map((each) => each.dataset.label).join(", ");
}
