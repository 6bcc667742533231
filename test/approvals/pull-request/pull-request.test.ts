import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { renderBreakGlassReview } from "../../../approvals/pull-request/break-glass-review.ts";
import { renderMalformed, renderOutcome } from "../../../approvals/pull-request/outcome.ts";
import { renderBatch, renderPullRequest } from "../../../approvals/pull-request/pull-request.ts";
import { summaryOf } from "../../../approvals/pull-request/summary.ts";
import { Refusal } from "../../../base/errors.ts";
import { referencesIn, render, unseenIn } from "./github-markdown.ts";
import { HOSTILE } from "./hostile.ts";
import { AT, approval, CONTEXT, hostile } from "./proposals.ts";

const NOTHING = { images: [], comments: [], elements: [], references: [] };
const DOCS = `${CONTEXT.docsUrl}#workloadhost-path`;
const glass = {
  by: { issuer: "https://idp.test", username: "corp:carol", at: AT, reason: "the shop is down" },
  reviewBy: AT + 86_400_000,
};

/** What acts in a text that GitHub renders: our own links, and nothing else. */
function expectInert(markdown: string, links: string[]): void {
  const { html: _html, code: _code, links: found, ...active } = render(markdown);
  expect(active).toEqual(NOTHING);
  expect([...new Set(found)]).toEqual(links);
  // Where a squash makes a commit message of it.
  expect(referencesIn(markdown)).toEqual([]);
  expect(unseenIn(markdown)).toEqual([]);
}

describe("the pull request of a hold", () => {
  test("says who asks, what happens, what it reaches, why it is held, and until when", () => {
    const { body } = renderPullRequest(approval(), CONTEXT);
    for (const said of [
      "**What it reaches:** `changes Deployment shop/web and replaces its 3 pods, on prod`",
      "**Who:** `corp:agent-alice`",
      "**Acts for:** `corp:alice`",
      "**Agent, as it calls itself:** `claude-code`",
      "**Session:** `s-1`",
      "**Prompt, as claimed:** `prompt-7`",
      "**What:** `patch apps/deployments shop/web on prod`",
      "**Command:** `kubectl apply`",
      "**Stated reason:** `deploy the new image`",
      "**Not after:** `2026-11-22T12:15:00.000Z`",
      `[\`workload/host-path\`](<${DOCS}>), hostPath volumes (high): \`volume x mounts / of the node\``,
      "Instead: Use a persistentVolumeClaim, an emptyDir, or a projected volume.",
      '-           image: "nginx:1"\n+           image: "nginx:2"',
      "1 of `group:corp:sre`, `user:corp:bob`, for `workload/host-path`",
      `[This approval on the gateway](<${CONTEXT.url}>)`,
    ]) {
      expect(body).toContain(said);
    }
  });

  test("has a title to read in a list, and labels to filter by", () => {
    const { title, labels } = renderPullRequest(approval(), CONTEXT);
    expect(title).toBe("patch apps/deployments shop/web on prod (workload/host-path)");
    expect(labels).toEqual(["sallyport", "connection/prod", "severity/high", "rule/workload/host-path"]);
  });

  test("of an exec says that nothing stored changes", () => {
    const { summary } = approval().proposal;
    const { body } = renderPullRequest(approval({ changes: [], summary: { ...summary, verb: "connect" } }), CONTEXT);
    expect(body).toContain("Nothing that is stored: it opens a connection.");
  });

  test("says that break-glass does not lift an absolute finding", () => {
    const findings = approval().proposal.findings.map((finding) => ({ ...finding, absolute: true }));
    expect(renderPullRequest(approval({ findings }), CONTEXT).body).toContain("Absolute: break-glass does not lift it");
  });

  test.each([
    ["a long text", [{ path: "data.x", to: "x".repeat(70_000) }]],
    ["a very long one", [{ path: "data.x", to: "x".repeat(200_000) }]],
    ["a text of which every line changes", [{ path: "data.x", from: "a\n".repeat(20_000), to: "b\n".repeat(20_000) }]],
  ])("that GitHub would not take whole (%s) is refused: what is not shown cannot be approved", (_, changes) => {
    const tooLarge = (): unknown => renderPullRequest(approval({ changes }), CONTEXT);
    expect(tooLarge).toThrow(Refusal);
    expect(tooLarge).toThrow(/too large to be shown/);
  });

  test("of a large text of which a line changes is shown: what stays takes no room", () => {
    const text = (word: string): string => `${"a line\n".repeat(8000)}${word}\n${"a line\n".repeat(8000)}`;
    const changes = [{ path: "data.x", from: text("old"), to: text("new") }];
    const { body } = renderPullRequest(approval({ changes }), CONTEXT);
    expect(body).toContain("-     old\n+     new");
  });

  test("of a batch shows each of its requests, and that one merge approves all", () => {
    const members = ["a", "b"].map((name, i) => {
      const { summary } = approval().proposal;
      return approval({ summary: { ...summary, name } }, { name: `0123456789abcdef-${i + 1}` });
    });
    const { title, body, labels } = renderBatch(members, ({ name }) => ({ url: `https://sallyport.test/${name}` }));
    expect(title).toBe("2 requests, first: patch apps/deployments shop/a on prod");
    expect(body).toContain("merging approves all of them");
    for (const { name, proposal } of members) {
      expect(body).toContain(`## ${name}`);
      expect(body).toContain(`shop/${proposal.summary.name} on prod`);
      expect(body).toContain(`https://sallyport.test/${name}`);
    }
    expect(labels).toEqual(renderPullRequest(approval(), CONTEXT).labels);
  });
});

describe("text of the agent's", () => {
  test.each(HOSTILE)("%s does nothing in a pull request's body", (_, text) => {
    const links = [DOCS, CONTEXT.url];
    expectInert(renderPullRequest(approval(hostile(text)), CONTEXT).body, links);
    expectInert(renderBatch([approval(hostile(text)), approval(hostile(text))], () => CONTEXT).body, links);
  });

  test.each(HOSTILE)("%s does nothing in a title, and makes no label", (_, text) => {
    for (const { title, labels } of [
      renderPullRequest(approval(hostile(text)), CONTEXT),
      renderBatch([approval(hostile(text)), approval()], () => CONTEXT),
      renderBreakGlassReview(approval(hostile(text), { breakGlass: glass }), CONTEXT),
    ]) {
      expect(title).toMatch(/^[\x20-\x7e]{1,256}$/);
      expectInert(title, []);
      const own = labels.filter((label) => label !== "sallyport/break-glass");
      expect(own).toEqual(["sallyport", "connection/prod", "severity/high", "rule/workload/host-path"]);
    }
  });

  test.each(HOSTILE)("%s does nothing in a comment", (_, text) => {
    const outcome = { kind: "denied", at: AT, reason: text, by: text, exchangeId: text } as const;
    expectInert(renderOutcome(approval(hostile(text)), outcome), []);
    expectInert(renderMalformed([{ name: text, error: text }]), []);
  });

  test.each(HOSTILE)("%s ends nothing in the file of a break-glass, and does nothing in its review", (_, text) => {
    const broken = { ...glass, by: { ...glass.by, reason: text } };
    const { file, body } = renderBreakGlassReview(approval(hostile(text), { breakGlass: broken }), CONTEXT);
    expectInert(body, [DOCS, CONTEXT.url]);
    expect(unseenIn(file)).toEqual([]);
    const { kind, metadata, spec } = parse(file);
    expect({ kind, metadata, rules: spec.rules }).toEqual({
      kind: "BreakGlass",
      metadata: { name: "0123456789abcdef-1" },
      rules: ["workload/host-path"],
    });
  });
});

describe("what became of it", () => {
  test.each([
    ["consumed", "**Consumed** at 2026-11-22T12:00:00.000Z"],
    ["expired", "**Expired unused**"],
    ["denied", "**Denied**"],
    ["cancelled", "**Cancelled: this approves nothing**"],
    ["revoked", "**Revoked:"],
    ["break-glass", "**Let through by break-glass"],
  ] as const)("%s is said as a comment", (kind, said) => {
    const text = renderOutcome(approval(), { kind, at: AT, exchangeId: "0192-x", reason: "as it is", by: "corp:bob" });
    expect(text).toContain(said);
    expect(text).toContain("by `corp:bob`");
    expect(text).toContain("- Exchange: `0192-x`");
    expect(text).toContain("- Reason: `as it is`");
  });
});

describe("the review of a break-glass", () => {
  test("says who broke it, why, and until when it must be reviewed", () => {
    const { title, body, labels, file } = renderBreakGlassReview(approval({}, { breakGlass: glass }), CONTEXT);
    expect(title).toBe("Break-glass review: patch apps/deployments shop/web on prod");
    expect(body).toContain("`corp:carol` broke glass at 2026-11-22T12:00:00.000Z: `the shop is down`");
    expect(body).toContain("Review it by 2026-11-23T12:00:00.000Z");
    expect(labels).toContain("sallyport/break-glass");
    expect(parse(file).spec).toMatchObject({ by: { username: "corp:carol" }, reason: "the shop is down" });
  });

  test("does not ask for what was asked before: it is over", () => {
    const { body } = renderBreakGlassReview(approval({}, { breakGlass: glass }), CONTEXT);
    expect(body).not.toContain("lets exactly this through");
  });
});

test("a notification tells names, rules and what is reached, and no value and no words of the agent's", () => {
  const summary = summaryOf(approval(), CONTEXT.url);
  expect(summary).toMatchObject({ what: "patch apps/deployments shop/web on prod", requester: "corp:agent-alice" });
  expect(JSON.stringify(summary)).not.toMatch(/nginx|deploy the new image|kubectl/);
});
