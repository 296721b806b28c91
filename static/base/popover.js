/** A details[data-popover] opens in view, and closes with Escape and with a click beside it. */
import { onKey } from "./keys.js";
import { onPage } from "./page.js";

let popovers = [];

onPage(() => {
  popovers = document.querySelectorAll("details[data-popover]");
  for (const popover of popovers) {
    popover.addEventListener("toggle", () => popover.open && popover.lastElementChild.scrollIntoView({ block: "nearest" }));
  }
});

onKey((key) => {
  const open = key === "Escape" ? [...popovers].filter((popover) => popover.open) : [];
  for (const popover of open) {
    popover.open = false;
    popover.querySelector("summary").focus();
  }
  return open.length > 0;
});

document.addEventListener("pointerdown", (event) => {
  for (const popover of popovers) {
    if (popover.open && !popover.contains(event.target)) popover.open = false;
  }
});
