import { expect, test } from "vitest";
import { embeddedInMemory } from "./embedded.ts";
import { runModel } from "./model.ts";
import { modelPolicy } from "./policy.ts";

// `npm run test:approvals` runs more, on real git and on GitHub.
test("the model finds that nobody compares any more", async () => {
  const options = { home: embeddedInMemory, policy: await modelPolicy(), cases: 200, seed: 1, withoutSwap: true };
  expect((await runModel(options)).failure).toBeDefined();
}, 180_000);
