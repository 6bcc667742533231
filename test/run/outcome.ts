/** What a step of the test run came to. A step that is no test runner counts as one test. */
export interface Outcome {
  passed: number;
  failed: number;
  /** Ids of tests that did not run: `<file> > <titles>` for vitest, `<package>.<name>` for opa. */
  skipped: string[];
  /** Ids of all tests that exist, run or not. */
  known: string[];
  /** What to print: of a step that failed. */
  output: string;
}

/** An outcome of a step that either holds or doesn't. */
export function single(ok: boolean, output: string): Outcome {
  return { passed: ok ? 1 : 0, failed: ok ? 0 : 1, skipped: [], known: [], output: ok ? "" : output };
}

/** An entry of test/skipped.json. */
export interface AllowedSkip {
  test: string;
  reason: string;
}

/**
 * What is wrong about the tests that were skipped: one that test/skipped.json doesn't name, an entry without a
 * reason, and an entry for a test that no longer exists.
 */
export function skipMistakes(allowed: AllowedSkip[], skipped: string[], known: string[]): string[] {
  const named = new Set(allowed.map((entry) => entry.test));
  const existing = new Set(known);
  return [
    ...skipped.filter((id) => !named.has(id)).map((id) => `skipped, and not in test/skipped.json: ${id}`),
    ...allowed.filter((entry) => !entry.reason.trim()).map((entry) => `no reason in test/skipped.json: ${entry.test}`),
    ...allowed
      .filter((entry) => !existing.has(entry.test))
      .map((entry) => `in test/skipped.json, and no such test: ${entry.test}`),
  ];
}
