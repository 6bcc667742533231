import { afterAll, beforeAll, beforeEach } from "vitest";
import { type Rig, startRig } from "./rig.ts";

/**
 * A gateway for the tests of a file: opened before them, closed after them, and what its upstream saw is forgotten before
 * each. `take` gets it, and a token of the agent.
 */
export function useRig(
  take: (opened: { rig: Rig; token: string }) => void,
  options: Parameters<typeof startRig>[0] = {},
): void {
  let rig: Rig | undefined;
  beforeAll(async () => {
    rig = await startRig(options);
    take({ rig, token: await rig.token("agent") });
  });
  afterAll(() => rig?.close());
  beforeEach(() => {
    rig?.upstream.seen.splice(0);
  });
}
