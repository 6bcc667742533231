import { expect, test } from "vitest";
import type { ShownApproval } from "../../cli/approvals/client.ts";
import { renderApproval } from "../../cli/approvals/render.ts";
import { fullView } from "../../console/approval-view.ts";
import { unseenIn } from "../approvals/pull-request/github-markdown.ts";
import { HOSTILE } from "../approvals/pull-request/hostile.ts";
import { AT, approval, hostile } from "../approvals/pull-request/proposals.ts";

const shown = (...given: Parameters<typeof approval>): string =>
  renderApproval(fullView(approval(...given), "https://sallyport.test") as unknown as ShownApproval);

test("an approval is shown with what it reaches, the rule's own words and a diff", () => {
  const text = shown();
  for (const line of [
    "reaches       changes Deployment shop/web and replaces its 3 pods, on prod",
    "prompt        prompt-7",
    "acts for      corp:alice",
    "  workload/host-path, hostPath volumes: volume x mounts / of the node",
    "    instead: Use a persistentVolumeClaim, an emptyDir, or a projected volume.",
    '  -           image: "nginx:1"',
    '  +           image: "nginx:2"',
  ]) {
    expect(text.split("\n")).toContain(line);
  }
});

test("a break-glass, its review, and who took it back are shown", () => {
  const by = { issuer: "i", username: "corp:carol", at: AT, reason: "the shop is down" };
  const review = { issuer: "i", username: "corp:bob", at: AT, reason: "not needed", verdict: "rejected" } as const;
  const ended = { by: "corp:bob", at: AT, reason: "not needed" };
  const text = shown({}, { state: "revoked", breakGlass: { by, reviewBy: AT, review }, ended });
  expect(text).toContain("break-glass   corp:carol: the shop is down\n");
  expect(text).toContain("review        rejected by corp:bob: not needed\n");
  expect(text).toContain("ended by      corp:bob: not needed\n");
  expect(shown({}, { breakGlass: { by, reviewBy: AT } })).toContain("review        due by 2026-11-22T12:00:00.000Z\n");
});

test("what is decided by pull request says where, and with what", () => {
  const pullRequest = { number: 7, url: "https://github.test/acme/x/pull/7" };
  const text = shown({}, { pullRequest, batch: ["0123456789abcdef-1", "0123456789abcdef-2"] });
  expect(text).toContain("decide at     https://github.test/acme/x/pull/7\n");
  expect(text).toContain("with          0123456789abcdef-2\n");
});

test.each(HOSTILE)("%s moves no cursor, hides nothing and starts no line at a terminal", (_, text) => {
  // As a home stores it: text of the agent's on one line, with nothing invisible in it, is the home's work.
  const rendered = shown(hostile(text));
  expect(unseenIn(rendered).filter((character) => (character.codePointAt(0) ?? 0) < 0x20)).toEqual([]);
  expect(rendered).not.toMatch(/[\u202a-\u202e\u2066-\u2069\u009b]/);
  expect(rendered.split("\n").filter((line) => /^state /.test(line))).toEqual(["state         pending"]);
});
