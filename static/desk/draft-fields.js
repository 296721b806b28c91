/** A form's fields as a draft, {name: [values]}, and back; what the server rendered; what two drafts have in common. */
const NOT_WORK = "csrfmiddlewaretoken";
const MEASURED = "active_seconds"; // no work of its own: a difference in it alone is no conflict

export function read(form) {
  const draft = {};
  for (const [name, value] of new FormData(form)) {
    if (name !== NOT_WORK && typeof value === "string") (draft[name] ??= []).push(value);
  }
  return draft;
}

/** The draft that the server rendered, whatever was entered since, were it before any script listened. */
export function rendered(form) {
  const draft = {};
  for (const field of form.elements) {
    if (!field.name || field.name === NOT_WORK || isButton(field) || field.matches(":disabled")) continue;
    const values = defaults(field);
    if (values.length) (draft[field.name] ??= []).push(...values);
  }
  return draft;
}

/** False only where every field is as the server rendered it; quicker than to read them all. */
export function mayBeTouched(form) {
  return [...form.elements].some((field) => {
    if (!field.name || field.name === NOT_WORK || isButton(field)) return false;
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
    if (!field.name || field.name === NOT_WORK || isButton(field)) continue;
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

export function same(one, other) {
  return work(one) === work(other);
}

function work(draft) {
  return JSON.stringify(
    Object.entries(draft)
      .map(([name, values]) => [name, worth(values)])
      .filter(([name, values]) => name !== MEASURED && values.length)
      .sort(),
  );
}

function worth(values = []) {
  return values.filter((value) => value !== "").map((value) => value.replaceAll("\r\n", "\n"));
}

/** The names of fields in which two drafts differ. */
export function differing(one, other) {
  const names = new Set([...Object.keys(one), ...Object.keys(other)]);
  names.delete(MEASURED);
  return [...names].filter((name) => JSON.stringify(worth(one[name])) !== JSON.stringify(worth(other[name])));
}

/**
 * What both changed since `base`, where they changed different things; null where they changed the same.
 * Ranks belong together: half of one order and half of another is nobody's order.
 */
export function merged(base, mine, theirs) {
  const part = (name) => (/^\d+-rank$/.test(name) ? "rank" : name);
  const changedByThem = new Set(differing(base, theirs).map(part));
  const changedByMe = differing(base, mine);
  if (changedByMe.some((name) => changedByThem.has(part(name)))) return null;
  const both = { ...theirs };
  for (const name of changedByMe) {
    if (name in mine) both[name] = mine[name];
    else delete both[name];
  }
  const seconds = [mine, theirs].map((draft) => Number(draft[MEASURED]?.[0]) || 0);
  return { ...both, [MEASURED]: [String(Math.max(...seconds))] };
}
