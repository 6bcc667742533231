import { expect, test } from "vitest";
import { type Kill, killEach } from "./kills.ts";

const kill = (target: Kill["target"], ...moments: string[]): Kill[] =>
  moments.map((moment) => ({ target, step: moment, moment }));

// `npm run test:durability` kills each ten times inside each step.
test("the agent's log, the API server's log and the store agree on every exchange, whatever was killed ten times", async () => {
  const kills = [
    ...kill("worker", "half written", "synced", "inserting", "marking"),
    ...kill("store", "keeping contents", "inserting", "at work", "stored"),
    ...kill("gateway", "half written", "synced"),
  ];
  const { wrong, ...killed } = await killEach(kills);
  expect(wrong).toEqual([]);
  expect(killed.kills).toBe(10);
}, 600_000);
