/** Shows two drafts of one piece of work side by side in [data-conflict] where they differ, and lets the person choose. */
import { differing } from "./merge.js";

export function conflictIn(form) {
  const section = form.querySelector("[data-conflict]");
  const [keepMine, takeTheirs] = ["[data-keep-mine]", "[data-take-theirs]"].map((which) => section.querySelector(which));

  function list(holder, draft, names) {
    const lines = names.map((name) => line(labelOf(form, name), (draft[name] ?? []).filter(Boolean).join(", ")));
    section.querySelector(holder).replaceChildren(...lines.flat());
  }

  function line(label, value) {
    const [term, words] = [document.createElement("dt"), document.createElement("dd")];
    term.textContent = label;
    words.textContent = value || section.dataset.nothing;
    words.dir = "auto";
    return [term, words];
  }

  return {
    get isOpen() {
      return !section.hidden;
    },
    ask(mine, theirs, choose) {
      const names = differing(mine, theirs);
      list("[data-mine]", mine, names);
      list("[data-theirs]", theirs, names);
      section.hidden = false;
      section.scrollIntoView({ block: "center" });
      const decide = (choice) => (event) => {
        event.preventDefault(); // without scripts these are a button and a link of the form
        section.hidden = true;
        choose(choice);
      };
      keepMine.onclick = decide("mine");
      takeTheirs.onclick = decide("theirs");
    },
  };
}

/** What the page calls a field: its legend (for a choice) or its label. */
function labelOf(form, name) {
  const named = form.elements[name];
  const field = named instanceof RadioNodeList ? named[0] : named;
  if (!field) return name;
  const isChoice = field.type === "radio" || field.type === "checkbox";
  const label = (isChoice && field.closest("fieldset")?.querySelector("legend")) || field.labels?.[0];
  return (label?.textContent || field.getAttribute("aria-label") || name).trim().replaceAll(/\s+/g, " ");
}
