import { expect, test } from "vitest";
import { HOMES } from "./homes.ts";
import { killEverywhere } from "./kill.ts";
import { openWorld } from "./world.ts";

const inEach = process.env.SALLYPORT_TEST_ALL === "1";
/** The write is announced on record, and not sent; the branch, which is the lock, has no pull request yet. */
const TELLING: Record<string, string> = { embedded: "recorded", github: "branch, after" };

// `npm run test:kill` does so ten times inside each step.
test.each(Object.entries(HOMES))(
  "a gateway whose approvals are on %s lets nothing through twice and loses no approval when it is killed",
  async (name, home) => {
    const only = inEach ? [] : [TELLING[name] ?? ""];
    const { kills, wrong } = await killEverywhere(() => openWorld(home), { times: 1, only });
    expect(wrong).toEqual([]);
    expect(kills).toBeGreaterThan(0);
  },
  600_000,
);
