/**
 * A button [data-opens="id"] opens the dialog of that id, [data-closes] closes its own. A dialog's [data-key] opens it
 * as well, ? the one of the keys; a link to the page that a dialog stands for ([data-instead-of]) opens the dialog.
 */
import { isTyping, onKey } from "./keys.js";
import { onPage } from "./page.js";

const wide = matchMedia("(width >= 60rem)");

onPage(() => {
  for (const button of document.querySelectorAll("[data-opens]")) {
    const dialog = document.getElementById(button.dataset.opens);
    button.hidden = !dialog; // a page may leave out what its parts open elsewhere
    button.addEventListener("click", () => open(dialog));
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

onKey((key, { target }) => {
  const beside = document.querySelector("dialog.is-beside[open]");
  if (key === "Escape" && beside) {
    beside.close(); // of others the browser sees to it
    return true;
  }
  const dialogs = [...document.querySelectorAll("dialog[data-key], dialog#keys")];
  const dialog = dialogs.find((each) => (each.dataset.key ?? "?") === key);
  if (!dialog || isTyping(target) || document.querySelector("dialog[open]:not(.is-beside)")) return false;
  open(dialog);
  return true;
});

/** What has a place beside the work ([data-beside]) opens there on wide screens, and the work goes on. */
function open(dialog) {
  if (!dialog || dialog.open) return;
  const isBeside = dialog.matches("[data-beside]") && wide.matches && document.querySelector(".desk .conversation");
  dialog.classList.toggle("is-beside", Boolean(isBeside));
  if (isBeside) dialog.show();
  else dialog.showModal(); // the browser gives the focus back on closing
}
