/** Compares and merges drafts, {name: [values]}. Pure. */

/** Returns whether two drafts hold the same work. */
export function same(one, other) {
  return work(one) === work(other);
}

/** Returns the names of the fields in which two drafts differ. */
export function differing(one, other) {
  const names = new Set([...Object.keys(one), ...Object.keys(other)]);
  return [...names].filter((name) => JSON.stringify(entered(one[name])) !== JSON.stringify(entered(other[name])));
}

/**
 * Returns what both changed since `base`, where they changed different things; null where they changed the same.
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
  return both;
}

function work(draft) {
  return JSON.stringify(
    Object.entries(draft)
      .map(([name, values]) => [name, entered(values)])
      .filter(([, values]) => values.length)
      .sort(),
  );
}

/** The values that hold something, with the line ends of a browser. */
function entered(values = []) {
  return values.filter((value) => value !== "").map((value) => value.replaceAll("\r\n", "\n"));
}
