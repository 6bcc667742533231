import { expect, test } from "vitest";
import { type Kill, killEach, killsOf } from "./kills.ts";

const all = process.env.SALLYPORT_TEST_ALL === "1";
/** The spool ends in half a frame, which only its own process knows of; and what is on disk is not in the store. */
const TELLING: Kill[] = [
  { target: "worker", step: "half written" },
  { target: "gateway", step: "synced" },
];

// `npm run test:durability` kills each ten times inside each step.
test("the agent's log, the API server's log and the store agree on every exchange, whatever was killed", async () => {
  const kills = all ? (["gateway", "worker", "store"] as const).flatMap((target) => killsOf(target, 1)) : TELLING;
  const { wrong, ...killed } = await killEach(kills);
  expect(wrong).toEqual([]);
  expect(killed.kills).toBe(kills.length);
}, 600_000);
