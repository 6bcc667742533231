import { describe, expect, it } from "vitest";
import { BodyMissing } from "../../audit/bodies.ts";
import type { EventDraft, EventRow } from "../../audit/event.ts";
import { harmless } from "../../audit/harmless.ts";
import { Chains } from "../../audit/recorder/chain.ts";
import { replay } from "../../audit/replay.ts";
import { draft } from "./rig.ts";

const START = Date.UTC(2026, 10, 22, 10);

function rows(drafts: Partial<EventDraft>[], bodies: { request?: string; response?: string } = {}): EventRow[] {
  const chains = new Chains({ tenant: "default", writer: "w", newWriter: () => "w2" });
  return drafts.map((over, i) => {
    const event = draft({ at_ms: START + i * 1500, exchange_id: "e", ...over });
    const payload = JSON.stringify(over.payload ?? {});
    const { line } = chains.next({
      draft: event,
      payload,
      requestBody: bodies.request ?? "",
      responseBody: bodies.response ?? "",
    });
    return JSON.parse(line) as EventRow;
  });
}

async function text(events: EventRow[], options?: Parameters<typeof replay>[1]): Promise<string[]> {
  const lines: string[] = [];
  for await (const line of replay(events, options)) lines.push(line.text);
  return lines;
}

const POD = {
  verb: "create",
  resource: "pods",
  namespace: "a",
  name: "web",
  rules: ["workload/host-path"],
  approval_id: "3f9c-1",
};
const findings = [{ rule: "workload/host-path", effect: "hold", message: "mounts /var/run of the node" }];

describe("replay", () => {
  it("prints nothing that a terminal obeys, and does not stop, whatever somebody made of a row", async () => {
    const evil = "\u001b]0;owned\u0007\u202e";
    const kinds = ["stream.closed", "request.outcome", "request.refused", "approval.denied", "break_glass.used", evil];
    const events = kinds.flatMap((kind) =>
      [{ approvers: "me", findings: [null, 7, { effect: evil }], bytes: 1, frames: 2 }, [evil], null].map(
        (payload) => ({
          ...(rows([{ kind: "stream.closed" }])[0] as EventRow),
          ...{ kind: kind as EventRow["kind"], subresource: `exec${evil}`, effect: evil, rules: [evil], name: evil },
          payload: JSON.stringify(payload),
        }),
      ),
    );
    const lines = await text(events);
    expect(lines.length).toBeGreaterThan(events.length);
    expect(lines.filter((line) => line !== harmless(line))).toEqual([]);
  });

  it("tells what was asked, decided, held, approved and answered", async () => {
    const events = rows([
      { kind: "session.opened", payload: { agent: "claude-code", reason: "fix the build" } },
      { kind: "hold.opened", ...POD, payload: { findings, url: "https://gw/approvals/3f9c-1" } },
      {
        kind: "approval.approved",
        approval_id: "3f9c-1",
        payload: { approvers: ["corp:bob@example.com"], reason: "ok" },
      },
      { kind: "request.intent", ...POD, payload: { findings } },
      { kind: "request.outcome", ...POD, status: 201, duration_us: 12_345, response_bytes: 99, payload: { findings } },
      { kind: "request.outcome", resource: "secrets", name: "db", masked_fields: ["data.password"], duration_us: 2000 },
      {
        kind: "request.refused",
        ...POD,
        approval_id: "",
        status: 403,
        payload: { code: "policy-denied", message: "no" },
      },
    ]);
    expect((await text(events)).join("\n")).toMatchInlineSnapshot(`
      "10:00:00.000  session opened by corp:alice@example.com, agent claude-code, because fix the build
      10:00:01.500  held for approval 3f9c-1: create pods a/web on prod
                      hold by workload/host-path: mounts /var/run of the node
                      https://gw/approvals/3f9c-1
      10:00:03.000  3f9c-1 approved by corp:bob@example.com: ok
      10:00:04.500  corp:alice@example.com asked: create pods a/web on prod
                      hold by workload/host-path: mounts /var/run of the node
                      under approval 3f9c-1
                      on record before it is forwarded
      10:00:06.000  corp:alice@example.com create pods a/web on prod
                      hold by workload/host-path: mounts /var/run of the node
                      under approval 3f9c-1
                      answered 201 in 12.3 ms, 99 bytes
      10:00:07.500  corp:alice@example.com get secrets a/db on prod
                      answered 200 in 2.0 ms, 0 bytes; masked data.password
      10:00:09.000  corp:alice@example.com asked: create pods a/web on prod
                      allow by workload/host-path
                      refused with 403: policy-denied, no"
    `);
  });

  it("gives each line the time of its event, so that it can be paced", async () => {
    const lines = [];
    for await (const line of replay(rows([{ kind: "session.opened" }, { kind: "session.closed" }])))
      lines.push(line.at);
    expect(lines).toEqual([START, START + 1500]);
  });

  it("shows recorded contents, up to a number of lines, and says where one is missing", async () => {
    const events = rows([{}], { request: "aa", response: "bb" });
    async function* content(_: EventRow, digest: string): AsyncGenerator<Buffer> {
      if (digest !== "aa") throw new BodyMissing(digest);
      yield* [Buffer.from("one\ntw"), Buffer.from("o\nthree\n")];
    }
    const lines = await text(events, { content, bodyLines: 2 });
    expect(lines.slice(-4).map((line) => line.trim())).toEqual([
      "> one",
      "> two",
      "> (1 more lines)",
      "< (content bb is not in the store)",
    ]);
  });

  it("makes escape sequences harmless wherever they were recorded", async () => {
    const evil = "\u001b]0;owned\u0007\u009b2J\u202egnp.exe\r";
    const events = rows(
      [
        { kind: "session.opened", username: evil, payload: { agent: evil, reason: evil } },
        {
          kind: "request.refused",
          name: evil,
          namespace: evil,
          path: evil,
          verb: evil,
          resource: evil,
          rules: [evil],
          approval_id: evil,
          payload: {
            code: evil,
            message: evil,
            findings: [{ rule: evil, effect: evil, message: evil, exception: evil }],
          },
        },
        { kind: "hold.opened", approval_id: evil, payload: { url: evil } },
        { kind: "approval.denied", approval_id: evil, payload: { approvers: [evil], reason: evil } },
        { kind: "request.outcome", masked_fields: [evil] },
        { kind: "recorder.gap", payload: { why: evil } },
        { kind: "dialogue.prompt", payload: { message: evil } },
      ],
      { request: "aa" },
    );
    const all = (
      await text(events, {
        async *content() {
          yield Buffer.from(evil);
        },
      })
    ).join("\n");
    // biome-ignore lint/suspicious/noControlCharactersInRegex: looking for them is the point
    expect(all).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e]/);
    expect(all).toContain("\\x1b]0;owned\\x07");
  });

  it("leaves ordinary text of any language as it is", () => {
    expect(harmless("naïve 日本語 🚪 עברית")).toBe("naïve 日本語 🚪 עברית");
  });
});
