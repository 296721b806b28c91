/** The key s opens the reasons for skipping, with the first of them in focus. */
document.addEventListener("keydown", (event) => {
  const skip = document.getElementById("skip");
  if (!skip || event.key !== "s" || event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  const typing = event.target.closest?.("textarea, select, input:not([type=radio], [type=checkbox])");
  if (typing || skip.open || skip.closest("[inert]") || document.querySelector("dialog[open]")) return;
  event.preventDefault();
  skip.open = true;
  (skip.querySelector("input:checked") ?? skip.querySelector("input")).focus();
});
