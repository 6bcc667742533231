import { expect, test } from "vitest";
import { embeddedInMemory } from "./embedded.ts";
import { runModel } from "./model.ts";
import { modelPolicy } from "./policy.ts";

// `npm run test:approvals` runs more, on real git and on GitHub; `--seed` runs others.
const SEED = 1;
/** One that comes soon to what only the compare-and-swap prevents. */
const BROKEN_SEED = 38;

test(`nothing is forwarded unapproved or twice, and no approval is lost, in 200 sequences of seed ${SEED}`, async () => {
  const options = { home: embeddedInMemory, policy: await modelPolicy(), cases: 200, seed: SEED };
  expect((await runModel(options)).failure).toBeUndefined();
}, 180_000);

test(`the model finds that nobody compares any more, with seed ${BROKEN_SEED}`, async () => {
  const options = {
    home: embeddedInMemory,
    policy: await modelPolicy(),
    cases: 200,
    seed: BROKEN_SEED,
    withoutSwap: true,
  };
  expect((await runModel(options)).failure).toMatch(
    /^r\d+, .* was forwarded, and no standing approval of what it did is left for it/m,
  );
}, 180_000);
