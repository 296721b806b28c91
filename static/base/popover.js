/**
 * A details[data-popover] opens in view, and closes with Escape and with a click beside it.
 *
 * One that lies over the page ([data-floating]) opens to the side on which there is more room, and scrolls by itself where
 * even that is not enough, so that each of its controls can be reached.
 */
import { onKey } from "./keys.js";
import { onPage } from "./page.js";
import { clearView } from "./stuck.js";

const GAP = 8; // pixels kept free at either end
const LEAST = 160; // pixels; with less room than that the page scrolls first

let popovers = [];

onPage(() => {
  popovers = document.querySelectorAll("details[data-popover]");
  for (const popover of popovers) {
    popover.addEventListener("toggle", () => popover.open && show(popover));
  }
});

function show(popover) {
  const panel = popover.lastElementChild;
  if ("floating" in popover.dataset) place(panel, popover.querySelector("summary"));
  else panel.scrollIntoView({ block: "nearest", behavior: "instant" });
}

function place(panel, summary) {
  panel.style.maxHeight = "";
  const needed = panel.scrollHeight;
  let room = roomAround(summary);
  if (Math.max(room.above, room.below) < Math.min(needed, LEAST)) {
    summary.scrollIntoView({ block: "center", behavior: "instant" });
    room = roomAround(summary);
  }
  const upwards = room.below < needed && room.above > room.below;
  panel.toggleAttribute("data-upwards", upwards);
  panel.style.maxHeight = `${Math.max(LEAST, upwards ? room.above : room.below)}px`;
}

function roomAround(summary) {
  const view = clearView();
  const box = summary.getBoundingClientRect();
  return { above: box.top - view.top - GAP, below: view.bottom - box.bottom - GAP };
}

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
