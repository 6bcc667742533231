import type { Browser, BrowserContext } from "playwright-core";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { approvalPage } from "../../console/approval-page.ts";
import { fullView } from "../../console/approval-view.ts";
import { approval as anApproval } from "../approvals/pull-request/proposals.ts";
import { openBrowser } from "../browser.ts";
import { decide, type Listed, pending } from "./approvals.ts";
import { kube, send } from "./client.ts";
import { serveObjects } from "./cluster.ts";
import { type Rig, startRig } from "./rig.ts";

/** What an agent may write that a page could obey. */
const HOSTILE = `<script>document.title="pwned"</script><img src=x onerror="document.title='pwned'">\u202etxt.\u2066`;

let rig: Rig;
let browser: Browser;
let context: BrowserContext;
let agent: string;
let approver: string;
beforeAll(async () => {
  rig = await startRig({ guardrails: { defaults: { approval: { approvers: ["group:dev:sre"], holdSeconds: 60 } } } });
  browser = await openBrowser();
  approver = await rig.token("alice", "admin");
});
afterAll(async () => {
  await browser?.close();
  await rig?.close();
});
beforeEach(async () => {
  serveObjects(rig.upstream);
  agent = await rig.token("agent");
  context = await browser.newContext({ ignoreHTTPSErrors: true });
});

/** What a pull request's renderer would obey. */
const MARKDOWN = "![x](https://evil.example/x.png) [y](javascript:alert(1)) <https://evil.example> @alice fixes #1";

/** Holds a pod whose every text is hostile; `held` answers once it was decided. */
async function hold(name: string): Promise<{ approval: Listed; held: Promise<unknown> }> {
  const body = {
    kind: "Pod",
    apiVersion: "v1",
    metadata: { name, annotations: { note: HOSTILE, more: MARKDOWN } },
    spec: { containers: [{ name: "a", image: "b" }], volumes: [{ name: HOSTILE, hostPath: { path: `/${HOSTILE}` } }] },
  };
  const headers = { "x-claude-code-prompt-id": "prompt-7", "kubectl-command": "kubectl apply" };
  const held = kube(rig, "POST", "/api/v1/namespaces/shop/pods", { token: agent, body, headers });
  return { approval: await pending(rig, approver, name), held };
}

async function read(
  name: string,
  token?: string,
): Promise<{ title: string; text: string; asked: string[]; scripts: number; images: number; links: string[] }> {
  const page = await context.newPage();
  const asked: string[] = [];
  page.on("request", (request) => asked.push(new URL(request.url()).pathname));
  if (token !== undefined) await page.setExtraHTTPHeaders({ authorization: `Bearer ${token}` });
  await page.goto(`${rig.gateway.url}/approvals/${name}`);
  const count = (selector: string): Promise<number> => page.locator(selector).count();
  const seen = {
    title: await page.title(),
    text: (await page.locator("body").allInnerTexts()).join(" "),
    asked,
    scripts: await count("script"),
    images: await count("img"),
    links: await page.locator("a").evaluateAll((found) => found.map((one) => String(one.getAttribute("href")))),
  };
  await page.close();
  return seen;
}

describe("the page of an approval, in a real browser", () => {
  test("tells a stranger its state and its rule, and nothing of the change", async () => {
    const { approval, held } = await hold("for-strangers");
    const { text } = await read(approval.name);
    expect(text).toContain("This request waits for a decision.");
    expect(text).toContain("workload/host-path");
    expect(text).toContain(`sallyport approvals approve ${approval.name}`);
    expect(text).not.toContain("for-strangers");
    await decide(rig, approver, approval);
    await held;
  });

  test("shows an approver the change, and obeys no text of the agent's", async () => {
    const { approval, held } = await hold("for-approvers");
    const { title, text, asked, scripts, images } = await read(approval.name, approver);
    expect(text).toContain("for-approvers");
    expect(text).toContain("<script>");
    expect(text).toContain("\\u{202e}");
    expect({ title, scripts, images }).toEqual({
      title: `Approval ${approval.name} · Sallyport`,
      scripts: 0,
      images: 0,
    });
    expect(asked.filter((path) => path !== "/favicon.ico")).toEqual([`/approvals/${approval.name}`]);
    await decide(rig, approver, approval);
    await held;
  });

  test("shows an approver what is reached, why it is held in the rule's own words, and a diff of signs and colours", async () => {
    const { approval, held } = await hold("for-readers");
    const { text, links } = await read(approval.name, approver);
    for (const said of [
      "It creates Pod shop/for-readers, on local.",
      "workload/host-path, hostPath volumes (high)",
      "Instead: Use a persistentVolumeClaim, an emptyDir, or a projected volume.",
      "Prompt, as claimed",
      "prompt-7",
      "+ spec:",
      '+         path: "/<script>',
      "\\x40alice fixes \\x231",
    ]) {
      expect(text).toContain(said);
    }
    // No address of the agent's is a link.
    expect(links).toEqual([]);
    await decide(rig, approver, approval);
    await held;
  });

  test("links to where a rule is described, where the configuration says where", async () => {
    const { approval, held } = await hold("for-docs");
    const docs = "https://docs.example.com/rules";
    const { json } = await send(rig, "GET", `/v1alpha1/approvals/${approval.name}`, { token: approver });
    const page = await context.newPage();
    await page.setContent(approvalPage(json as never, docs));
    const links = await page.locator("a").evaluateAll((found) => found.map((one) => String(one.getAttribute("href"))));
    expect(links).toEqual([`${docs}#workloadhost-path`]);
    await decide(rig, approver, approval);
    await held;
  });

  test.each<[what: string, more: object, said: string, link: string | undefined]>([
    [
      "a pull request",
      { pullRequest: { number: 7, url: "https://github.test/acme/x/pull/7" } },
      "Review and merge",
      "https://github.test/acme/x/pull/7",
    ],
    [
      "an address that is none of the web's",
      { pullRequest: { number: 7, url: "javascript:alert(1)" } },
      "javascript:alert(1)",
      undefined,
    ],
    [
      "a break-glass to review",
      {
        state: "approved",
        breakGlass: { by: { issuer: "i", username: "corp:carol", at: "now", reason: HOSTILE }, reviewBy: "tomorrow" },
      },
      "To be reviewed by a second person until tomorrow.",
      undefined,
    ],
    [
      "a break-glass that was reviewed",
      {
        state: "consumed",
        breakGlass: {
          by: { issuer: "i", username: "corp:carol", at: "now", reason: "r" },
          reviewBy: "tomorrow",
          review: { issuer: "i", username: "corp:bob", at: "then", reason: "fine", verdict: "accepted" },
        },
      },
      "accepted by corp:bob at then: fine",
      undefined,
    ],
    [
      "what was taken back",
      { state: "revoked", ended: { by: "corp:bob", at: "now", reason: HOSTILE } },
      "Ended by",
      undefined,
    ],
    ["a batch", { batch: ["0123456789abcdef-1", "0123456789abcdef-2"] }, "Decided together with", undefined],
  ])("of %s says so", async (_, more, said, link) => {
    const view = fullView(anApproval({ changes: [] }), "https://sallyport.test");
    const page = await context.newPage();
    await page.setContent(approvalPage({ ...view, ...more } as never));
    expect((await page.locator("body").allInnerTexts()).join(" ")).toContain(said);
    const links = await page.locator("a").evaluateAll((found) => found.map((one) => String(one.getAttribute("href"))));
    expect(links).toEqual(link === undefined ? [] : [link]);
    expect(await page.locator("script, img").count()).toBe(0);
    await page.close();
  });

  test("says what became of it", async () => {
    const { approval, held } = await hold("for-later");
    await decide(rig, approver, approval);
    await held;
    expect((await read(approval.name)).text).toContain("This request was approved, and has been made.");
  });

  test("of an approval that there is not says that there is none", async () => {
    expect((await read("0123456789abcdef-1")).text).toMatch(/not (there|found)|no such/i);
  });
});
