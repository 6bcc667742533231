import { expect, it } from "vitest";
import { KINDS } from "./edits.ts";
import { tamper } from "./tamper.ts";

const all = process.env.SALLYPORT_TEST_ALL === "1";

// The same code as `npm run test:tamper`, which makes a thousand edits.
it("finds, names and locates each edit of an export or a store by an editor without the key, and passes what nobody touched", async () => {
  const { counts, misses, alarms } = await tamper({
    cases: all ? 160 : 16,
    untouched: 3,
    seed: 7,
    processes: all ? 3 : 1,
  });
  expect(misses).toEqual([]);
  expect(alarms).toEqual([]);
  expect([...counts.keys()].sort()).toEqual(KINDS.flatMap((kind) => [`${kind}, export`, `${kind}, store`]).sort());
}, 120_000);
