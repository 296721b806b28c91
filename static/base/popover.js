/** A details[data-popover] opens in view, and closes with Escape and with a click beside it. */
import { onPage } from "./page.js";

let popovers = [];

onPage(() => {
  popovers = document.querySelectorAll("details[data-popover]");
  for (const popover of popovers) {
    popover.addEventListener("toggle", () => popover.open && popover.lastElementChild.scrollIntoView({ block: "nearest" }));
  }
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const popover of popovers) {
    if (!popover.open) continue;
    popover.open = false;
    popover.querySelector("summary").focus();
  }
});

document.addEventListener("pointerdown", (event) => {
  for (const popover of popovers) {
    if (popover.open && !popover.contains(event.target)) popover.open = false;
  }
});
