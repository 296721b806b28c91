/** Asks in [data-strengths] only about steps that there are, and forgets an answer when the step it was about has gone. */
import { onPage } from "../../base/page.js";
import { form, tiers } from "./state.js";

let section = null;
let about = new Map(); // the answers, by the step that each was about

onPage(() => {
  section = form?.querySelector("[data-strengths]");
  about = new Map();
  if (!section) return;
  section.addEventListener("change", answered);
  form.addEventListener("order-changed", draw);
  for (const what of ["draft-restored", "step-undone"]) form.addEventListener(what, () => (about = new Map()));
  draw();
});

function draw() {
  const now = tiers();
  const steps = now.slice(1).map((lower, at) => `${now[at]}>${lower}`);
  const answers = about.size ? about : answersOnPage(steps);
  section.hidden = steps.length === 0;
  for (const [at, fieldset] of [...section.querySelectorAll("fieldset")].entries()) {
    const step = steps[at];
    fieldset.hidden = !step;
    fieldset.querySelector("[data-between]").textContent = step ? ` · ${now[at].join(" = ")} > ${now[at + 1].join(" = ")}` : "";
    for (const radio of fieldset.querySelectorAll("input")) radio.checked = Boolean(step) && answers.get(step) === radio.value;
  }
  about = answers;
}

function answersOnPage(steps) {
  const fieldsets = [...section.querySelectorAll("fieldset")];
  return new Map(steps.map((step, at) => [step, fieldsets[at].querySelector(":checked")?.value]));
}

function answered(event) {
  const now = tiers();
  const at = Number(event.target.closest("fieldset").dataset.step) - 1;
  about.set(`${now[at]}>${now[at + 1]}`, event.target.value);
}
