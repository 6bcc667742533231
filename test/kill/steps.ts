import type { Phase } from "./points.ts";

/** Where a kill falls inside of the flow, and what the approval may be afterwards; none: there may be no approval yet. */
export interface Step {
  name: string;
  /** A request that the gateway sends to the API server or to GitHub. Without: a time between such, as flow.ts sees it. */
  at?: { point: string; phase: Phase };
  /** The kill falls after a person has decided. */
  decided: boolean;
  states: readonly string[];
}

const both = (point: string, before: readonly string[], after: readonly string[], decided: boolean): Step[] => [
  { name: `${point}, before`, at: { point, phase: "before" }, states: before, decided },
  { name: `${point}, after`, at: { point, phase: "after" }, states: after, decided },
];
const asked = (point: string, ...states: string[]): Step[] => both(point, states, states, false);
const decided = (point: string, ...states: string[]): Step[] => both(point, states, states, true);
const timed = (name: string, states: string[], isDecided = false): Step => ({ name, states, decided: isDecided });

/** Held requests, by what the API server sees. */
const JUDGING = [...asked("read"), ...asked("dry run")];
const JUDGING_AGAIN = [...decided("read again", "approved"), ...decided("dry run again", "approved")];
const FORWARDING = [
  timed("recording", ["consumed"], true),
  timed("recorded", ["consumed"], true),
  ...decided("write", "consumed"),
  timed("answering", ["consumed"], true),
];

/** By what is on disk. A ref that was written when the kill came counts, whether the gateway learnt of it or not. */
export const EMBEDDED_STEPS: readonly Step[] = [
  ...JUDGING,
  timed("proposing", []),
  timed("holding", ["pending"]),
  timed("approving", ["pending", "approved"], true),
  ...JUDGING_AGAIN,
  timed("spending", ["approved", "consumed"], true),
  ...FORWARDING,
];

/** By what GitHub is asked. */
export const GITHUB_STEPS: readonly Step[] = [
  ...JUDGING,
  ...asked("tree"),
  ...asked("commit"),
  ...both("branch", [], ["pending"], false),
  ...asked("pull request", "pending"),
  ...asked("labels", "pending"),
  timed("holding", ["pending"]),
  ...decided("reviews", "approved"),
  ...JUDGING_AGAIN,
  ...decided("commit of the use", "approved"),
  ...both("use", ["approved"], ["consumed"], true),
  ...FORWARDING.filter(({ name }) => name !== "answering"),
  ...decided("comment", "consumed"),
  timed("answering", ["consumed"], true),
];

/** By home. */
export const STEPS: Readonly<Record<string, readonly Step[]>> = { embedded: EMBEDDED_STEPS, github: GITHUB_STEPS };

/** What a kill that missed its step may have left, by the time that it fell into. */
export const BETWEEN: Readonly<Record<string, readonly string[]>> = {
  judging: [],
  proposing: [],
  holding: ["pending"],
  approving: ["pending", "approved"],
  "judging again": ["approved"],
  spending: ["approved", "consumed"],
  recording: ["consumed"],
  recorded: ["consumed"],
  forwarding: ["consumed"],
  answering: ["consumed"],
  done: ["consumed"],
};
