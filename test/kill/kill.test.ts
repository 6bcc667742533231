import { afterAll, beforeAll, expect, test } from "vitest";
import { embedded } from "./homes.ts";
import { killEverywhere } from "./kill.ts";
import { openWorld, type World } from "./world.ts";

let world: World;
beforeAll(async () => {
  world = await openWorld(embedded);
});
afterAll(() => world.close());

// `npm run test:kill` does so ten times inside each step, on both homes.
test("a gateway that is killed while it proposes, spends or forwards lets nothing through twice and loses no approval", async () => {
  const { wrong } = await killEverywhere(world, { times: 1, steps: ["proposing", "spending", "forwarding"] });
  expect(wrong).toEqual([]);
}, 90_000);
