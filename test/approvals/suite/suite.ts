import { describe } from "vitest";
import { batches } from "./batch.ts";
import { breakGlass } from "./break-glass.ts";
import { endings } from "./endings.ts";
import { history } from "./history.ts";
import { lifeCycle } from "./life-cycle.ts";
import { replicas } from "./replicas.ts";
import type { MakeRig } from "./rig.ts";

/** What an approvals home does, whichever it is: the same behaviours for both. */
export function behaviours(name: string, makeRig: MakeRig): void {
  describe(name, () => {
    describe("life cycle", () => lifeCycle(makeRig));
    describe("endings", () => endings(makeRig));
    describe("batches", () => batches(makeRig));
    describe("break-glass", () => breakGlass(makeRig));
    describe("replicas", () => replicas(makeRig));
    describe("history and reach", () => history(makeRig));
  });
}
