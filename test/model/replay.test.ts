import { expect, test } from "vitest";
import type { EventRow } from "../../audit/event.ts";
import { harmless } from "../../audit/harmless.ts";
import { type ReplayOptions, replay } from "../../audit/replay.ts";

const EMPTY = { connection: "claude", username: "corp:agent", status: 200, rules: [], groups: [], masked_fields: [] };
const TEXTS = [
  "issuer",
  "verb",
  "api_group",
  "resource",
  "subresource",
  "namespace",
  "name",
  "path",
  "effect",
  "approval_id",
];

let n = 0;
/** A row as the store has it; `payload` as an object. */
function row(kind: string, over: Record<string, unknown>): EventRow {
  const { payload = {}, ...rest } = over;
  const texts = Object.fromEntries(TEXTS.map((name) => [name, ""]));
  const ids = { exchange_id: `e${++n}`, prompt_id: "", tool_use_id: "", request_body: "", response_body: "" };
  const at = `2026-11-23 10:00:${String(n % 60).padStart(2, "0")}.000000`;
  const row = { ...texts, ...ids, ...EMPTY, kind, at, record_level: "Metadata", duration_us: 5_000, response_bytes: 3 };
  return { ...row, ...rest, payload: JSON.stringify(payload) } as unknown as EventRow;
}
const prompt = (prompt_id: string, words?: string, over: object = {}): EventRow =>
  row("dialogue.prompt", {
    prompt_id,
    ...over,
    payload: { model: "m", ...(words === undefined ? {} : { prompt: words }) },
  });
const call = (prompt_id: string, tool_use_id: string, payload: object = {}, over: object = {}): EventRow =>
  row("dialogue.tool_use", {
    prompt_id,
    tool_use_id,
    ...over,
    payload: { tool: "Bash", verdict: "release", ...payload },
  });
const request = (link: object | undefined, over: object = {}): EventRow =>
  row("request.outcome", {
    verb: "delete",
    resource: "pods",
    namespace: "a",
    name: "x",
    connection: "prod",
    ...over,
    payload: link === undefined ? {} : { link },
  });

async function text(events: EventRow[], options?: ReplayOptions): Promise<string[]> {
  n = 0;
  const lines: string[] = [];
  for await (const line of replay(events, options)) lines.push(line.text.slice(14));
  return lines;
}
const whys = async (...events: EventRow[]): Promise<string[]> =>
  (await text(events)).filter((line) => line.includes("comes of")).map((line) => line.trim());

test("the strength of each link is said in words, and one that is not certain is marked", async () => {
  const open = [prompt("p1", "one"), call("p1", "t1"), call("p1", "t2")];
  const tied = { prompt_id: "p1", tool_use_id: "t1" };
  const both = ["t1", "t2"];
  expect(await whys(...open, request({ strength: "exact" }, tied))).toEqual([
    "comes of call 1.1: it alone says that it would ask this",
  ]);
  expect(await whys(...open, request({ strength: "window" }, tied))).toEqual([
    "comes of call 1.1: no other that could ask this was open",
  ]);
  const claims = { "kubectl-command": "kubectl get" };
  expect(await whys(...open, request({ strength: "claimed", candidates: both, claims }, tied))).toEqual([
    "? comes of call 1.1, as the client claims (kubectl-command kubectl get); any of 1.1, 1.2 may have asked it",
  ]);
  expect(await whys(...open, request({ strength: "none", candidates: both }, { prompt_id: "p1" }))).toEqual([
    "? comes of one of the calls 1.1, 1.2, all of prompt 1: not told apart",
  ]);
  expect(
    await whys(...open, prompt("p2"), call("p2", "t3"), request({ strength: "none", candidates: ["t1", "t3"] })),
  ).toEqual(["? comes of one of the calls 1.1, 2.1: not told apart"]);
  expect(await whys(...open, request({ strength: "none", claims }))).toEqual([
    "comes of no tool call: none that could ask this was open; the client claims kubectl-command kubectl get",
  ]);
  expect(await whys(...open, request(undefined))).toEqual([]);
});

test("a reply stands before the tool calls that came of it, in its order; live, each is told as it comes", async () => {
  const of = { exchange_id: "x" };
  const reply = row("dialogue.reply", {
    ...of,
    prompt_id: "p1",
    payload: { stopReason: "tool_use", toolCalls: [{ id: "t1" }, { id: "t2" }] },
  });
  const events = [
    prompt("p1", "go", of),
    call("p1", "t2", {}, of),
    request({ strength: "window" }, { prompt_id: "p1", tool_use_id: "t2" }),
    call("p1", "t1", {}, of),
    reply,
  ];
  const heads = (lines: string[]): string[] => lines.filter((line) => /^ *(?:call|reply|corp:agent delete)/.test(line));
  expect(heads(await text(events)).map((line) => line.slice(0, 20))).toEqual([
    "  reply in 5 ms: too",
    "    call 1.1, Bash: ",
    "    call 1.2, Bash: ",
    "      corp:agent del",
  ]);
  expect(heads(await text(events, { live: true })).map((line) => line.trim().slice(0, 8))).toEqual([
    "call 1.1",
    "corp:age",
    "call 1.2",
    "reply in",
  ]);
});

test("a call whose reply never came is told all the same, and does not keep all that follows waiting", async () => {
  const lost = [prompt("p1", "go"), call("p1", "t1", {}, { exchange_id: "lost" })];
  expect((await text(lost)).at(-1)).toBe("    call 1.1, Bash: released");
  const more = Array.from({ length: 300 }, () => request(undefined));
  let taken = 0;
  function* counted(): Generator<EventRow> {
    for (const event of [...lost, ...more]) {
      taken++;
      yield event;
    }
  }
  for await (const line of replay(counted())) if (line.text.includes("call 1.1")) break;
  expect(taken).toBeLessThan(250);
});

test("what was said is shown where it is on record, and that it is not where it is not", async () => {
  const lines = await text(
    [
      prompt("p1", "one\ntwo\nthree"),
      prompt("p2"),
      row("dialogue.prompt", { prompt_id: "p1", payload: { continues: "results" } }),
      row("dialogue.prompt", { prompt_id: "p1", tool_use_id: "t9", payload: { continues: "subagent" } }),
      row("dialogue.reply", {
        prompt_id: "p1",
        status: 200,
        payload: { text: "sure", cut: "the client went away", usage: { inputTokens: 1 } },
      }),
    ],
    { bodyLines: 2 },
  );
  expect(lines.map((line) => line.trimEnd())).toEqual([
    "prompt 1, by corp:agent to m on claude",
    "  > one",
    "  > two",
    "  > (1 more lines)",
    "prompt 2, by corp:agent to m on claude",
    "  (its words are not on record: level Metadata)",
    "  prompt 1 goes on with results",
    "  call t9 tells another agent, for prompt 1",
    "  reply in 5 ms: 1 tokens in; cut: the client went away",
    "    < sure",
  ]);
});

test("what stands by itself, as a prompt that was refused or one decision, is told by ids", async () => {
  const refused = row("request.refused", {
    prompt_id: "p9",
    verb: "post",
    resource: "messages",
    payload: { code: "policy-denied" },
  });
  const tied = request({ strength: "exact" }, { prompt_id: "p1", tool_use_id: "toolu_1" });
  const lines = await text([refused, tied]);
  expect(lines[0]).toBe("corp:agent asked: post messages on claude");
  expect(lines).toContain("corp:agent delete pods a/x on prod");
  expect(lines).toContain("  comes of call toolu_1: it alone says that it would ask this");
});

test("a call that is held is told while it waits, by the number that it has then", async () => {
  const held = { prompt_id: "p1", tool_use_id: "t2", verb: "tool", resource: "Bash", approval_id: "3f9c-1" };
  const lines = await text([
    prompt("p1", "go"),
    call("p1", "t1"),
    row("hold.opened", held),
    row("approval.consumed", held),
    call("p1", "t2", {}, { approval_id: "3f9c-1" }),
    call("p1", "t3"),
  ]);
  expect(lines.slice(2)).toEqual([
    "    call 1.1, Bash: released",
    "    held for approval 3f9c-1: tool Bash on claude (call 1.2)",
    "    3f9c-1 was used (call 1.2)",
    "    call 1.2, Bash: released, approval 3f9c-1",
    "    call 1.3, Bash: released",
  ]);
});

test("what a call would do is told, what could not be read of it, and who blocked it", async () => {
  const payload = {
    ...{ verdict: "replace", unparsed: 2, files: [{ path: "/a", change: "write" }] },
    expects: [
      { verb: "delete", group: "apps", resource: "deployments", subResource: "scale", namespace: "a", name: "x" },
    ],
    findings: [{ rule: "tools/unparsed", effect: "deny", message: "cannot be read" }],
  };
  expect(await text([prompt("p1", "go"), call("p1", "t1", payload)])).toEqual([
    "prompt 1, by corp:agent to m on claude",
    "  > go",
    "    call 1.1, Bash: blocked, with words in its place",
    "      deny by tools/unparsed: cannot be read",
    "      would delete deployments.apps/scale a/x",
    "      would write /a",
    "      2 of its commands cannot be read",
  ]);
});

test("prints nothing that a terminal obeys, and does not stop, whatever somebody made of a row of a dialogue", async () => {
  const evil = "\u001b]0;owned\u0007\u202e\n";
  const link = { strength: evil, candidates: [evil, 7, null], claims: { [evil]: evil } };
  const payloads = [
    {
      tool: evil,
      verdict: evil,
      expects: [null, { verb: evil, group: evil, namespace: evil }],
      files: [{ path: evil }],
      findings: [{ rule: evil }],
      link,
    },
    {
      continues: evil,
      model: evil,
      prompt: evil,
      text: evil,
      stopReason: evil,
      broken: evil,
      cut: evil,
      toolCalls: [null, 3],
      serverTools: [{ name: evil }],
    },
    { expects: 1, files: "x", findings: null, link: null, toolCalls: 5, usage: evil },
    { link: [1] },
    null,
  ];
  const kinds = [
    "dialogue.prompt",
    "dialogue.tool_use",
    "dialogue.tool_result",
    "dialogue.reply",
    "request.outcome",
    "stream.frame",
  ];
  const events = kinds.flatMap((kind) =>
    payloads.map((payload) =>
      row(kind, { prompt_id: evil, tool_use_id: evil, username: evil, record_level: evil, payload }),
    ),
  );
  const lines = await text(events);
  expect(lines.length).toBeGreaterThan(20);
  expect(lines.filter((line) => line !== harmless(line))).toEqual([]);
});
