/**
 * A button [data-opens="id"] opens the dialog of that id, [data-closes] closes its own. A dialog's [data-key] opens it
 * as well, ? the one of the keys; a link to the page that a dialog stands for ([data-instead-of]) opens the dialog.
 */
import { onPage } from "./page.js";

const wide = matchMedia("(width >= 60rem)");

onPage(() => {
  for (const button of document.querySelectorAll("[data-opens]")) {
    button.hidden = false;
    button.addEventListener("click", () => open(document.getElementById(button.dataset.opens)));
  }
  for (const button of document.querySelectorAll("[data-closes]")) {
    button.addEventListener("click", () => button.closest("dialog").close());
  }
  for (const dialog of document.querySelectorAll("dialog[data-instead-of]")) {
    const links = document.querySelectorAll(`a[href="${dialog.dataset.insteadOf}"]:not([data-plain])`);
    for (const link of links) {
      link.addEventListener("click", (event) => {
        event.preventDefault();
        open(dialog);
      });
    }
  }
});

document.addEventListener("keydown", (event) => {
  const beside = document.querySelector("dialog.is-beside[open]");
  if (event.key === "Escape" && beside) return beside.close(); // of others the browser sees to it
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  const dialogs = [...document.querySelectorAll("dialog[data-key], dialog#keys")];
  const dialog = dialogs.find((each) => (each.dataset.key ?? "?") === event.key.toLowerCase());
  const typing = event.target.closest?.("textarea, select, input:not([type=radio], [type=checkbox])");
  if (!dialog || typing || document.querySelector("dialog[open]:not(.is-beside)")) return;
  event.preventDefault();
  open(dialog);
});

/** What has a place beside the work ([data-beside]) opens there on wide screens, and the work goes on. */
function open(dialog) {
  if (!dialog || dialog.open) return;
  const isBeside = dialog.matches("[data-beside]") && wide.matches && document.querySelector(".desk .conversation");
  dialog.classList.toggle("is-beside", Boolean(isBeside));
  if (isBeside) dialog.show();
  else dialog.showModal(); // the browser gives the focus back on closing
}
