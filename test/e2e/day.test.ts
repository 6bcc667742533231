import { beforeAll, describe, expect, test } from "vitest";
import { type Day, lineOf, liveThrough } from "../day/day.ts";
import { CHAPTERS } from "../day/steps.ts";

/** The whole of it takes two minutes: `npm run test:day`. */
const whole = process.env.SALLYPORT_TEST_ALL === "1";
const chapters = CHAPTERS.filter(({ short }) => whole || short === true);

describe("an agent's ordinary day under baseline", () => {
  let day: Day;
  beforeAll(async () => {
    day = await liveThrough(chapters);
  }, 600_000);

  test("is denied nothing", () => {
    expect(day.denied.map(lineOf)).toEqual([]);
  });

  test("waits for no approval", () => {
    expect(day.held.map(lineOf)).toEqual([]);
  });

  test("ends every command as it would without a gateway", () => {
    expect(day.failed.map(({ step, stderr }) => `${step.command}: ${stderr}`)).toEqual([]);
  });

  test(`makes ${whole ? 200 : 100} calls or more, discovery aside`, () => {
    expect(day.calls).toBeGreaterThanOrEqual(whole ? 200 : 100);
  });
});
