import { expect, test } from "vitest";
import { HoldBudget } from "../../proxy/hold/hold-budget.ts";

function budgetAt(start: number): { budget: HoldBudget; clock: { ms: number } } {
  const clock = { ms: start };
  return { budget: new HoldBudget({ now: () => clock.ms }), clock };
}

test("a session's burst shares one budget, from its first hold on", () => {
  const { budget, clock } = budgetAt(0);
  const first = budget.start(["session/a", "digest/1"], 90);
  expect(first.waitMs).toBe(90_000);
  clock.ms = 60_000;
  first.end();
  expect(budget.start(["session/a", "digest/2"], 90).waitMs).toBe(30_000);
});

test("a digest has one budget, whatever session asks for it", () => {
  const { budget, clock } = budgetAt(0);
  const first = budget.start(["session/a", "digest/1"], 90);
  clock.ms = 90_000;
  first.end();
  clock.ms = 100_000;
  expect(budget.start(["session/b", "digest/1"], 90).waitMs).toBe(0);
  expect(budget.start(["session/b", "digest/2"], 90).waitMs).toBe(90_000);
});

test("a second attempt within 30 s of a timeout does not wait, and one after it does", () => {
  const { budget, clock } = budgetAt(0);
  const first = budget.start(["session/a", "digest/1"], 90);
  clock.ms = 90_000;
  first.end();
  clock.ms = 119_000;
  expect(budget.start(["session/a", "digest/1"], 90).waitMs).toBe(0);
  clock.ms = 120_001;
  expect(budget.start(["session/a", "digest/1"], 90).waitMs).toBe(90_000);
});

test("an approval gives the session and the digest a whole budget again", () => {
  const { budget, clock } = budgetAt(0);
  const first = budget.start(["session/a", "digest/1"], 90);
  clock.ms = 80_000;
  first.end();
  budget.refresh(["session/a", "digest/1"]);
  expect(budget.start(["session/a", "digest/1"], 90).waitMs).toBe(90_000);
});

test("a hold that waits for nobody spends nothing of what others of its session may wait", () => {
  const { budget } = budgetAt(0);
  budget.start(["session/a", "digest/1"], 0).end();
  expect(budget.start(["session/a", "digest/2"], 90).waitMs).toBe(90_000);
});

test("a gateway that shuts down lets every hold answer", () => {
  const { budget } = budgetAt(0);
  const { drained } = budget.start(["session/a"], 90);
  budget.endAll();
  expect(drained.aborted).toBe(true);
});
