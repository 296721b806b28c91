/** Shows on each closed [data-flags] how many are set. */
const boxes = document.querySelectorAll("[data-flags]");
for (const box of boxes) {
  box.addEventListener("change", () => count(box));
  box.closest("form").addEventListener("draft-restored", () => count(box));
}

function count(box) {
  const badge = box.querySelector("[data-flag-count]");
  const set = box.querySelectorAll("input:checked").length;
  badge.textContent = String(set);
  badge.hidden = set === 0;
}
