import type { Browser, BrowserContext } from "playwright-core";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { openBrowser } from "../browser.ts";
import { decide, type Listed, pending } from "./approvals.ts";
import { kube } from "./client.ts";
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
  rig = await startRig({ guardrails: { defaults: { approval: { approvers: ["group:dev:sre"], holdSeconds: 20 } } } });
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

/** Holds a pod whose every text is hostile; `held` answers once it was decided. */
async function hold(name: string): Promise<{ approval: Listed; held: Promise<unknown> }> {
  const body = {
    kind: "Pod",
    apiVersion: "v1",
    metadata: { name, annotations: { note: HOSTILE } },
    spec: { containers: [{ name: "a", image: "b" }], volumes: [{ name: HOSTILE, hostPath: { path: `/${HOSTILE}` } }] },
  };
  const held = kube(rig, "POST", "/api/v1/namespaces/shop/pods", { token: agent, body });
  return { approval: await pending(rig, approver, name), held };
}

async function read(
  name: string,
  token?: string,
): Promise<{ title: string; text: string; asked: string[]; scripts: number; images: number }> {
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
