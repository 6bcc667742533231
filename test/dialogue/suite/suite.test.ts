import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ModelRig } from "../../model/rig.ts";
import { wrongAt } from "./in-process.ts";
import { freeEvents, RECORDED, recorded, WIRES } from "./recorded.ts";
import { Suite, startSuite } from "./through-gateway.ts";

/** One stream of each dialect: `npm run test:dialogue` has all of them. */
const ONE = { anthropic: "empty-input", "openai-chat": "short", "openai-responses": "short" };

let rig: ModelRig;
let suite: Suite;
beforeAll(async () => {
  const started = await startSuite();
  rig = started.rig;
  suite = new Suite(rig, started.token);
}, 120_000);
afterAll(() => rig?.close());

test.each(WIRES)(
  "there are twelve recorded streams of %s, most with tool calls, and with events before them",
  (wire) => {
    const streams = RECORDED.filter((one) => one.wire === wire);
    expect(streams.length).toBeGreaterThanOrEqual(12);
    const withCalls = streams.filter(({ bytes, denied }) => !bytes.equals(denied));
    expect(withCalls.length).toBeGreaterThanOrEqual(10);
    expect(withCalls.filter((one) => freeEvents(one).length > 1).length).toBeGreaterThan(5);
  },
);

describe.each(WIRES)("a stream of %s through the gateway", (wire) => {
  const one = recorded(wire, ONE[wire]);

  test("cut in two, shows nothing of a tool call that is denied, and one that is allowed byte for byte", async () => {
    const wrong: string[] = [];
    // The wire layers' own tests have every byte of another one.
    for (let at = 0; at <= one.bytes.length; at += 5) wrong.push(...(await wrongAt(one, at)));
    expect(wrong).toEqual([]);
  });

  test.each([{ size: 1 }, { size: 64 }, { at: Math.floor(one.bytes.length / 2) }])(
    "comes by sockets too: %o",
    async (cut) => {
      expect(await suite.wrongBy(one, cut)).toEqual([]);
    },
  );

  test("comes event by event, each before the provider has sent the next", async () => {
    expect(await suite.wrongWhereAcknowledged(one)).toEqual([]);
  });
});
