import { expect, test } from "vitest";
import type { Approval } from "../../approvals/types.ts";
import { ApprovalEvents } from "../../cli/serve/approval-events.ts";
import { proposal, START } from "../approvals/suite/fixtures.ts";

test("a replica that learns later of a change puts it on record when it was made", () => {
  const vote = { issuer: "corp", username: "corp:bob@example.com", at: START + 2, reason: "no" };
  const base: Approval = {
    name: "aaaaaaaaaaaaaaaa-1",
    state: "approved",
    proposal: proposal(),
    file: "",
    openedAt: START,
    settledAt: START + 1,
    approvals: [],
    uses: [],
  };
  const at = (changes: Partial<Approval>) => new ApprovalEvents("https://x").of({ ...base, ...changes })?.at_ms;
  const ended = { by: "", at: START + 3, reason: "" };
  const breakGlass = { by: vote, reviewBy: START + 9 };
  expect(at({})).toBe(START + 1);
  expect(at({ state: "denied", denial: vote })).toBe(START + 2);
  expect(at({ state: "revoked", ended })).toBe(START + 3);
  expect(at({ breakGlass })).toBe(START + 2);
  expect(at({ breakGlass: { ...breakGlass, review: { ...vote, at: START + 5, verdict: "accepted" } } })).toBe(
    START + 5,
  );
  expect(at({ state: "expired" })).toBe(Math.min(proposal().notAfter, Date.now()));
});
