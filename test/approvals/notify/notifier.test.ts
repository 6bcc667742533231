import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Webhook } from "standardwebhooks";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { approvalNews, frozenNews, type NotificationEvent } from "../../../approvals/notify/event.ts";
import { createNotifier } from "../../../approvals/notify/notifier.ts";
import { slackBody } from "../../../approvals/notify/payload.ts";
import { systemClock } from "../../../base/clock.ts";
import { UserError } from "../../../base/errors.ts";
import { silentLog } from "../../../base/log.ts";
import { unseenIn } from "../pull-request/github-markdown.ts";
import { HOSTILE } from "../pull-request/hostile.ts";
import { AT, approval, hostile } from "../pull-request/proposals.ts";
import { SECRET, startReceiver } from "./receiver.ts";

const URL_OF = "https://sallyport.test/approvals/0123456789abcdef-1";
const held = (name = "0123456789abcdef-1"): NotificationEvent =>
  approvalNews("approval.held", approval({}, { name }), URL_OF, AT);
const used = approvalNews(
  "break_glass.used",
  approval(
    {},
    {
      breakGlass: {
        by: { issuer: "i", username: "corp:carol", at: AT, reason: "the shop is down" },
        reviewBy: AT + 86_400_000,
      },
    },
  ),
  URL_OF,
  AT,
);
const names = (got: { json: { data?: { approval?: { name?: string } } } }[]): (string | undefined)[] =>
  got.map(({ json }) => json.data?.approval?.name);

describe("a generic webhook", () => {
  test("is signed as Standard Webhooks has it, and says what the pull request says, masked", async () => {
    const { got, notifier } = await startReceiver();
    notifier.notify(held());
    await expect.poll(() => got).toHaveLength(1);
    const [{ headers, body, json } = { headers: {}, body: "", json: {} }] = got;
    expect(new Webhook(SECRET).verify(body, headers as Record<string, string>)).toEqual(json);
    expect(json).toMatchObject({
      type: "approval.held",
      timestamp: "2026-11-22T12:00:00.000Z",
      data: { approval: { what: "patch apps/deployments shop/web on prod", url: URL_OF } },
    });
    // Neither a value of the change nor what the agent says of it.
    expect(body).not.toMatch(/nginx|deploy the new image|kubectl apply/);
  });

  test("that fails for a while is told later, under the same id", async () => {
    const { got, notifier } = await startReceiver({
      answer: (_, res, count) => void res.writeHead(count < 3 ? 503 : 204).end(),
    });
    notifier.notify(held());
    await expect.poll(() => got).toHaveLength(3);
    expect(new Set(got.map(({ headers }) => headers["webhook-id"])).size).toBe(1);
    expect(notifier.givenUp()).toEqual({ ops: 0 });
  });

  test.each([
    ["refuses", 400, 1],
    ["is gone", 410, 1],
    ["redirects elsewhere", 307, 1],
    ["stays broken", 500, 4],
    ["asks to wait for ever", 429, 4],
  ])("that %s is given up, and said in the log without its URL", async (_, status, tries) => {
    const { got, logged, notifier, url } = await startReceiver({
      answer: ({ path }, res) =>
        void res.writeHead(path.startsWith("/elsewhere") ? 200 : status, { location: "/elsewhere" }).end(),
    });
    notifier.notify(held());
    await expect.poll(() => notifier.givenUp()).toEqual({ ops: 1 });
    expect(got.map(({ path }) => path)).toEqual(Array.from({ length: tries }, () => "/hooks/T0KEN"));
    expect(logged.join("\n")).toContain(`it answered ${status}`);
    expect(logged.join("\n")).not.toMatch(/T0KEN|whsec|127\.0\.0\.1/);
    expect(logged.join("\n")).not.toContain(url);
  });

  test("that does not answer gets a deadline", async () => {
    // Its deadline passes when it has been told, and not sooner, however slow the machine is.
    const deadlines: AbortController[] = [];
    const asked: number[] = [];
    vi.spyOn(AbortSignal, "timeout").mockImplementation((ms) => {
      const over = new AbortController();
      asked.push(ms);
      deadlines.push(over);
      return over.signal;
    });
    onTestFinished(() => void vi.restoreAllMocks());
    const { got, logged, notifier } = await startReceiver({
      answer: () => deadlines.at(-1)?.abort(new DOMException("", "TimeoutError")),
      deps: { deadlineMs: 10_000, backoffMs: [1] },
    });
    notifier.notify(held());
    await expect.poll(() => notifier.givenUp()).toEqual({ ops: 1 });
    expect(got).toHaveLength(2);
    expect(asked).toEqual([10_000, 10_000]);
    expect(logged.join("\n")).toContain("it cannot be reached");
  });

  test("is told at the URL that its file has now", async () => {
    const { got, notifier, url, urlFile } = await startReceiver();
    writeFileSync(urlFile, url.replace("T0KEN", "N3W"));
    notifier.notify(held());
    await expect.poll(() => got.map(({ path }) => path)).toEqual(["/hooks/N3W"]);
  });

  test("is told in the order in which things happened", async () => {
    const { got, notifier } = await startReceiver({
      answer: (_, res, count) => void res.writeHead(count === 1 ? 503 : 200).end(),
    });
    for (const name of ["a", "b", "c"]) notifier.notify(held(name));
    await expect.poll(() => names(got)).toEqual(["a", "a", "b", "c"]);
  });
});

describe("a flood of holds", () => {
  test("pushes out its oldest, and no break-glass", async () => {
    const open = Promise.withResolvers<void>();
    const { got, notifier } = await startReceiver({
      answer: (_, res) => void open.promise.then(() => res.end()),
      deps: { queue: 3 },
    });
    notifier.notify(held("first"));
    await expect.poll(() => got).toHaveLength(1);
    notifier.notify(used);
    for (let i = 1; i <= 10; i++) notifier.notify(held(`flood-${i}`));
    expect(notifier.givenUp()).toEqual({ ops: 8 });
    open.resolve();
    await expect.poll(() => got).toHaveLength(4);
    expect(names(got)).toEqual(["first", "0123456789abcdef-1", "flood-9", "flood-10"]);
    expect(got[1]?.json.type).toBe("break_glass.used");
  });

  test("ends with the gateway: what waits is given up", async () => {
    const { got, notifier } = await startReceiver({
      answer: (_, res) => void res.writeHead(503).end(),
      deps: { backoffMs: [600_000] },
    });
    notifier.notify(held());
    await expect.poll(() => got).toHaveLength(1);
    await notifier.close();
    notifier.notify(held());
    expect(got).toHaveLength(2); // the last try of what was on its way
  });
});

describe("an incoming webhook of Slack's", () => {
  test("gets a line with a link to where it is decided, and nothing to press", async () => {
    const { got, notifier } = await startReceiver({ kind: "slack", signed: false });
    const pullRequest = { number: 7, url: "https://github.test/acme/exceptions/pull/7" };
    notifier.notify(approvalNews("approval.held", approval({}, { pullRequest }), URL_OF, AT));
    notifier.notify(used);
    notifier.notify(frozenNews({ from: "a".repeat(40), to: "b".repeat(40), at: AT, why: "it was rewritten" }));
    await expect.poll(() => got).toHaveLength(3);
    const [first, second, third] = got.map(({ json }) => json.text ?? "");
    expect(first).toBe(
      "*Held for approval*: `patch apps/deployments shop/web on prod`, asked by `corp:agent-alice`, held by " +
        "`workload/host-path`, not after 2026-11-22T12:15:00.000Z. It `changes Deployment shop/web and replaces its 3 pods, on prod`. " +
        "<https://github.test/acme/exceptions/pull/7|Look at the pull request>",
    );
    expect(second).toContain("*Break-glass was used*");
    expect(second).toContain("By `corp:carol`: `the shop is down`. Review it by 2026-11-23T12:00:00.000Z.");
    expect(third).toContain("Nothing new counts until a person resets it");
    expect(got.flatMap(({ json }) => Object.keys(json))).not.toContain("actions");
  });

  test.each(HOSTILE.filter(([, text]) => text !== ""))("shows %s as code that does nothing", (_, text) => {
    const broken = { by: { issuer: "i", username: text, at: AT, reason: text }, reviewBy: AT };
    const news = approvalNews("break_glass.used", approval(hostile(text), { breakGlass: broken }), URL_OF, AT);
    const said = String(JSON.parse(slackBody(news)).text);
    expect(said.match(/<[^>]*>/g)).toEqual([`<${URL_OF}|Look at it>`]);
    expect(unseenIn(said)).toEqual([]);
    // What is left beside code spans is ours, whatever their number.
    const own = said
      .split("`")
      .filter((__, i) => i % 2 === 0)
      .join("");
    expect(own).toBe(
      "*Break-glass was used*: , asked by , held by . It . By : . Review it by 2026-11-22T12:00:00.000Z. " +
        `<${URL_OF}|Look at it>`,
    );
    // Those who take Slack's form have mentions of their own.
    expect(said).not.toMatch(/(^|[^A-Za-z0-9])@[A-Za-z0-9]/);
  });
});

test.each([
  ["http://example.com/hook", SECRET, "urlFile"],
  ["not a URL", SECRET, "urlFile"],
  ["https://example.com/hook", "not base64 !", "secretFile"],
  ["https://example.com/hook", "", "secretFile"],
])("a target of which the files are wrong is refused at the start (%s, %s)", (url, secret, key) => {
  const folder = mkdtempSync(join(tmpdir(), "sallyport-notify-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const config = { name: "ops", kind: "webhook" as const, urlFile: join(folder, "u"), secretFile: join(folder, "s") };
  const create = (): unknown => createNotifier([config], { log: silentLog, clock: systemClock });
  expect(create).toThrow(UserError);
  writeFileSync(config.urlFile, url);
  writeFileSync(config.secretFile, secret);
  expect(create).toThrow(new RegExp(`notifications ops: ${key}`));
  expect(create).not.toThrow(/example\.com|not base64/);
});
