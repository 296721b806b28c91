/** Reads a form's fields into a draft, {name: [values]}, and writes a draft back into the form. */
// The form's safety, what its draft builds on, and the clock (labeling/desk/rules/drafts.py).
const NOT_WORK = new Set(["csrfmiddlewaretoken", "draft_version", "draft_page", "active_seconds"]);

export function read(form) {
  const draft = {};
  for (const [name, value] of new FormData(form)) {
    if (!NOT_WORK.has(name) && typeof value === "string") (draft[name] ??= []).push(value);
  }
  return draft;
}

/** The draft that the server rendered, whatever was entered since, were it before any script listened. */
export function rendered(form) {
  const draft = {};
  for (const field of form.elements) {
    if (!field.name || NOT_WORK.has(field.name) || isButton(field) || field.matches(":disabled")) continue;
    const values = defaults(field);
    if (values.length) (draft[field.name] ??= []).push(...values);
  }
  return draft;
}

/** False only where every field is as the server rendered it; quicker than to read them all. */
export function mayBeTouched(form) {
  return [...form.elements].some((field) => {
    if (!field.name || NOT_WORK.has(field.name) || isButton(field)) return false;
    if (field.type === "radio" || field.type === "checkbox") return field.checked !== field.defaultChecked;
    return Boolean(field.options) || field.value !== field.defaultValue;
  });
}

function defaults(field) {
  if (field.type === "radio" || field.type === "checkbox") return field.defaultChecked ? [field.value] : [];
  if (!field.options) return [field.defaultValue];
  const options = [...field.options];
  const selected = options.filter((option) => option.defaultSelected);
  return (selected.length || field.multiple ? selected : options.slice(0, 1)).map((option) => option.value);
}

function isButton(field) {
  return ["submit", "button", "reset"].includes(field.type);
}

/** Forms whose fields come and go make them on `draft-restoring`, and draw what follows from them on `draft-restored`. */
export function apply(form, draft) {
  form.dispatchEvent(new CustomEvent("draft-restoring", { detail: draft }));
  const taken = {};
  for (const field of form.elements) {
    if (!field.name || NOT_WORK.has(field.name) || isButton(field)) continue;
    const values = draft[field.name] ?? [];
    if (field.type === "radio" || field.type === "checkbox") field.checked = values.includes(field.value);
    else if (field.type === "select-multiple") for (const option of field.options) option.selected = values.includes(option.value);
    else set(field, values[(taken[field.name] = (taken[field.name] ?? -1) + 1)] ?? "");
  }
  form.dispatchEvent(new CustomEvent("draft-restored", { detail: draft }));
}

function set(field, value) {
  if (field.value !== value) field.value = value; // an equal text keeps its caret
}
