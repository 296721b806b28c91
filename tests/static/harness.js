/** What tests of pure modules use, under `node --test` and in a browser (test_modules.py). */
const node = globalThis.process?.versions?.node ? await import("node:test") : null;
const tests = [];

/** Runs at once under node; in a browser, when `run` is called. */
export const test = node?.test ?? ((name, body) => tests.push({ name, body }));

/** Throws where two values that JSON can hold differ. */
export function equal(found, expected, about = "") {
  const [one, other] = [found, expected].map((value) => JSON.stringify(value));
  if (one !== other) throw new Error(`${about} ${one} is not ${other}`.trim());
}

/** Throws where something does not hold. */
export function holds(condition, about) {
  if (!condition) throw new Error(about);
}

/** Returns {name: what went wrong, or null} for every test that a browser has imported. */
export function run() {
  const results = {};
  for (const { name, body } of tests) {
    try {
      body();
      results[name] = null;
    } catch (error) {
      results[name] = String(error);
    }
  }
  return results;
}
