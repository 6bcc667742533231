import { expect, test } from "vitest";
import type { Requirement } from "../../engine/decision.ts";
import { covers } from "../../proxy/hold/covers.ts";

const [A, B] = ["workload/host-path", "secrets/write"];
const SRE = "group:corp:sre";
const asks = (rules: string[], approvers: string[], required = 1): Requirement => ({ rules, approvers, required });
const given = (...requirements: Requirement[]) => ({
  rules: [...new Set(requirements.flatMap(({ rules }) => rules))],
  change: "c",
  requirements,
});

test.each<[title: string, then: Requirement[], now: Requirement[], lifts: boolean]>([
  ["what was asked then", [asks([A], [SRE])], [asks([A], [SRE])], true],
  ["the same people in another order", [asks([A], [SRE, "user:x"])], [asks([A], ["user:x", SRE])], true],
  ["fewer approvers", [asks([A], [SRE], 2)], [asks([A], [SRE], 1)], true],
  ["one of its rules", [asks([A, B], [SRE])], [asks([B], [SRE])], true],
  ["rules that were two requirements then", [asks([A], [SRE]), asks([B], [SRE], 2)], [asks([A, B], [SRE])], true],
  ["more approvers", [asks([A], [SRE], 1)], [asks([A], [SRE], 2)], false],
  ["other people", [asks([A], [SRE])], [asks([A], ["group:corp:sec"])], false],
  ["fewer people", [asks([A], [SRE, "user:x"])], [asks([A], [SRE])], false],
  ["more people", [asks([A], [SRE])], [asks([A], [SRE, "user:x"])], false],
  ["a further requirement", [asks([A], [SRE])], [asks([A], [SRE]), asks([A], ["user:x"])], false],
  ["another rule", [asks([A], [SRE])], [asks([A, B], [SRE])], false],
  ["more for one rule only", [asks([A, B], [SRE], 1)], [asks([A], [SRE], 1), asks([B], [SRE], 2)], false],
  ["another rule's people", [asks([A], [SRE]), asks([B], ["user:x"])], [asks([A], ["user:x"])], false],
  ["terms that nobody knows", [asks([A], [SRE])], [], false],
])("whether an approval lifts a hold that now asks for %s", (_title, then, now, lifts) => {
  const held = now.length === 0 ? [A] : now.flatMap(({ rules }) => rules);
  expect(covers(given(...then), "c", held, now)).toBe(lifts);
});

test("an approval of another change lifts nothing", () => {
  expect(covers(given(asks([A], [SRE])), "d", [A], [asks([A], [SRE])])).toBe(false);
});
