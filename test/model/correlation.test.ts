import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { EventRow } from "../../audit/event.ts";
import { type ReplayOptions, replay } from "../../audit/replay.ts";
import type { PolicyInput } from "../../engine/input.ts";
import { send, until } from "../gateway/client.ts";
import { spoolBytes, standingIn } from "../gateway/search-record.ts";
import { Agent, bash, payload } from "./dialogue.ts";
import { type ModelRig, startModelRig } from "./rig.ts";

let rig: ModelRig;
let auditor: string;
beforeAll(async () => {
  const of = (login: string, record: string) => ({
    name: record,
    match: { users: [`dev:${login}@example.com`] },
    record,
  });
  rig = await startModelRig({
    guardrails: {
      ...{ profiles: ["observe"], defaults: { record: "RequestResponse" } },
      scopes: [of("bob", "Metadata"), of("alice", "None")],
    },
  });
  auditor = await rig.token("alice");
}, 120_000);
afterAll(() => rig?.close());

const agent = (): Promise<Agent> => Agent.begin(rig);
const linkOf = (event: EventRow): unknown => payload(event).link;
const DEPLOYMENTS = "/apis/apps/v1/namespaces/shop/deployments";

test("a request that an open tool call says is tied to it exactly, with its prompt, and each look-up on the way", async () => {
  const one = await agent();
  await one.say("delete the old api", [bash("toolu_a1", "kubectl -n shop delete deployment api")]);
  const { prompt_id } = await one.prompt("delete the old api");
  const discovery = await one.kube("GET", "/apis/apps/v1");
  const deleted = await one.kube("DELETE", `${DEPLOYMENTS}/api`);
  const gone = await one.kube("GET", `${DEPLOYMENTS}?fieldSelector=metadata.name%3Dapi&watch=true&timeoutSeconds=1`);
  const other = await one.kube("GET", "/api/v1/namespaces/shop/pods");
  expect([discovery, deleted, gone, other].map(({ prompt_id: id, tool_use_id }) => [id, tool_use_id])).toEqual(
    Array(4).fill([prompt_id, "toolu_a1"]),
  );
  expect([discovery, deleted, gone, other].map(linkOf)).toEqual(
    ["window", "exact", "exact", "window"].map((strength) => ({ strength })),
  );
  await one.results({ toolu_a1: "deployment.apps/api deleted" });
  expect(linkOf(await one.kube("GET", "/api/v1/namespaces/shop/pods"))).toEqual({ strength: "none" });
});

test("what stands in a body is compared once it is read: a delete's dry run, and the name of what is made", async () => {
  const one = await agent();
  const tries = bash("toolu_n1", "kubectl -n guarded delete configmap settings --dry-run=server");
  const makes = ["made", "another"].map((name, i) =>
    bash(`toolu_n${i + 2}`, `kubectl -n guarded create configmap ${name}`),
  );
  await one.say("try, and make", [tries, ...makes]);
  const settings = "/api/v1/namespaces/guarded/configmaps/settings";
  const options = { kind: "DeleteOptions", apiVersion: "v1" };
  const made = (name: string) => ({ apiVersion: "v1", kind: "ConfigMap", metadata: { name } });
  const asked = [
    await one.kube("DELETE", settings, { body: { ...options, dryRun: ["All"] } }),
    await one.kube("DELETE", settings, { body: options }),
    await one.kube("DELETE", settings),
    await one.kube("POST", "/api/v1/namespaces/guarded/configmaps", { body: made("made") }),
    await one.kube("POST", "/api/v1/namespaces/guarded/configmaps", { body: made("other") }),
  ];
  const all = ["toolu_n1", "toolu_n2", "toolu_n3"];
  expect(asked.map(linkOf)).toEqual([
    { strength: "exact" },
    { strength: "none", candidates: all },
    { strength: "none", candidates: all },
    { strength: "exact" },
    { strength: "none", candidates: all },
  ]);
  const strengths = asked.map((event) => (payload(event).input as PolicyInput).dialogue?.strength);
  expect(strengths).toEqual(["exact", "none", "none", "exact", "none"]);
  expect(asked.map(({ rules }) => rules.includes("ours/prompted"))).toEqual([false, true, true, false, true]);
});

test("its intent says the same as its outcome, and a session without a dialogue says nothing", async () => {
  const one = await agent();
  const alone = await one.kube("DELETE", `${DEPLOYMENTS}/api`);
  expect([linkOf(alone), alone.prompt_id, alone.tool_use_id]).toEqual([undefined, "", ""]);
  await one.say("delete it now", [bash("toolu_i1", "kubectl -n shop delete deployment api")]);
  const { exchange_id } = await one.kube("DELETE", `${DEPLOYMENTS}/api`);
  const events = one.events().filter((event) => event.exchange_id === exchange_id);
  expect(events.map(({ kind, tool_use_id }) => [kind, tool_use_id])).toEqual([
    ["request.intent", "toolu_i1"],
    ["request.outcome", "toolu_i1"],
  ]);
  expect(events.map(linkOf)).toEqual([{ strength: "exact" }, { strength: "exact" }]);
});

test("two tool calls side by side are told apart by what they expect; what both may have asked is marked as not", async () => {
  const one = await agent();
  await one.say("look at both", [
    bash("toolu_b1", "kubectl -n shop get pods"),
    bash("toolu_b2", "kubectl -n shop delete deployment web --wait=false"),
    { id: "toolu_b3", name: "Read", input: { file_path: "/x" } },
  ]);
  const { prompt_id } = await one.prompt("look at both");
  const pods = await one.kube("GET", "/api/v1/namespaces/shop/pods?limit=500");
  const deleted = await one.kube("DELETE", `${DEPLOYMENTS}/web`);
  const discovery = await one.kube("GET", "/openapi/v3");
  expect([pods, deleted].map(({ tool_use_id }) => tool_use_id)).toEqual(["toolu_b1", "toolu_b2"]);
  expect([pods, deleted].map(linkOf)).toEqual([{ strength: "exact" }, { strength: "exact" }]);
  expect(linkOf(discovery)).toEqual({ strength: "none", candidates: ["toolu_b1", "toolu_b2"] });
  // The prompt is the same whichever it was.
  expect([discovery.prompt_id, discovery.tool_use_id]).toEqual([prompt_id, ""]);
});

test("two calls that would make the same request are not told apart, and a header of the client's only claims which", async () => {
  const one = await agent();
  await one.say("twice", [
    bash("toolu_c1", "kubectl -n shop get pods"),
    bash("toolu_c2", "kubectl -n shop describe pods"),
  ]);
  const list = "/api/v1/namespaces/shop/pods";
  const candidates = ["toolu_c1", "toolu_c2"];
  expect(linkOf(await one.kube("GET", list))).toEqual({ strength: "none", candidates });
  const claims = { "kubectl-command": "kubectl describe", "kubectl-session": "1f0c" };
  const claimed = await one.kube("GET", list, { headers: claims });
  expect(claimed.tool_use_id).toBe("toolu_c2");
  expect(linkOf(claimed)).toEqual({ strength: "claimed", candidates, claims });
});

test("a claim of another prompt's id is on record as claimed, and changes nothing", async () => {
  const one = await agent();
  const claims = { "x-claude-code-prompt-id": "prompt-1", traceparent: `00-${"a".repeat(32)}-${"b".repeat(16)}-01` };
  await one.say("something harmless", [bash("toolu_d1", "kubectl -n shop get pods")], { headers: claims });
  const harmless = await one.prompt("something harmless");
  expect(payload(harmless).claims).toEqual(claims);
  expect(harmless.prompt_id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7/);
  await one.results({ toolu_d1: "no pods" });
  await one.say("something else", [bash("toolu_d2", "kubectl -n shop delete deployment web")]);
  const { prompt_id } = await one.prompt("something else");
  const lie = await one.kube("DELETE", `${DEPLOYMENTS}/web`, { headers: claims });
  expect([lie.prompt_id, lie.tool_use_id]).toEqual([prompt_id, "toolu_d2"]);
  expect(linkOf(lie)).toEqual({ strength: "exact", claims });
  // Nor where nothing is open.
  await one.results({ toolu_d2: "deleted" });
  const late = await one.kube("DELETE", `${DEPLOYMENTS}/web`, { headers: claims });
  expect([late.prompt_id, late.tool_use_id, linkOf(late)]).toEqual(["", "", { strength: "none", claims }]);
});

test("a command in the background is known by what it does after its result has come", async () => {
  const one = await agent();
  await one.say("watch", [bash("toolu_e1", "kubectl -n shop get deployments -w", { run_in_background: true })]);
  await one.results({ toolu_e1: "running in the background" });
  expect((await one.kube("GET", `${DEPLOYMENTS}?watch=true&timeoutSeconds=1`)).tool_use_id).toBe("toolu_e1");
  expect((await one.kube("GET", "/api/v1/namespaces/shop/pods")).tool_use_id).toBe("");
});

test("what brings results goes on with its prompt; what a person says with them, or after them, is a new one", async () => {
  const one = await agent();
  await one.say("begin", [bash("toolu_f1", "ls")]);
  const first = await one.prompt("begin");
  await one.results({ toolu_f1: "a b" }, [bash("toolu_f2", "ls")], {
    words: "<system-reminder>Be brief.</system-reminder>",
  });
  await one.results({ toolu_f2: "c" }, [bash("toolu_f3", "ls")], { words: "stop, do another thing" });
  const other = await one.prompt("stop, do another thing");
  const turns = one
    .events("dialogue.prompt")
    .map((event) => [event.prompt_id === first.prompt_id, payload(event).continues]);
  expect(turns).toEqual([
    [true, undefined],
    [true, "results"],
    [false, undefined],
  ]);
  await expect.poll(() => one.events("dialogue.tool_use").at(-1)?.prompt_id).toBe(other.prompt_id);
});

test("words in the place of a result that nobody waits for are a prompt of their own, and on record as such", async () => {
  const one = await agent();
  await one.say("look", [bash("toolu_w1", "kubectl -n shop get pods")]);
  await one.results({ toolu_w1: "no pods" });
  const { prompt_id } = await one.prompt("look");
  one.messages.splice(0, Infinity);
  await one.results({ toolu_w1: "delete deployment web" }, [bash("toolu_w2", "kubectl -n shop delete deployment web")]);
  const deleted = await one.kube("DELETE", `${DEPLOYMENTS}/web`);
  expect([deleted.tool_use_id, deleted.prompt_id === prompt_id]).toEqual(["toolu_w2", false]);
  const results = one.events("dialogue.tool_result");
  expect(results.map((event) => [event.prompt_id, payload(event).stray])).toEqual([
    [prompt_id, undefined],
    [deleted.prompt_id, true],
  ]);
  expect(results[1]?.request_body).not.toBe("");
});

test("a request that is sent again goes on with its prompt as long as that had no whole reply", async () => {
  const one = await agent();
  await one.fails("try");
  await one.again();
  await one.again();
  await until(() => one.events("dialogue.prompt").length === 3);
  const [failed, retry, anew] = one.events("dialogue.prompt");
  expect(retry?.prompt_id).toBe(failed?.prompt_id);
  expect(payload(retry as EventRow).continues).toBe("retry");
  expect(anew?.prompt_id).not.toBe(failed?.prompt_id);
  expect(payload(anew as EventRow).continues).toBeUndefined();
});

test("what one agent tells another is no new prompt: what that one does is tied to the person's", async () => {
  const one = await agent();
  const words = "count the pods of shop";
  await one.say("ask a helper", [{ id: "toolu_g1", name: "Task", input: { prompt: words } }]);
  const { prompt_id } = await one.prompt("ask a helper");
  await one.helper().say(words, [bash("toolu_g2", "kubectl -n shop get pods")]);
  const told = await one.prompt(words);
  expect([told.prompt_id, told.tool_use_id, payload(told).continues]).toEqual([prompt_id, "toolu_g1", "subagent"]);
  const discovery = await one.kube("GET", "/apis/apps/v1");
  expect([discovery.prompt_id, discovery.tool_use_id]).toEqual([prompt_id, "toolu_g2"]);
});

test("results, arguments and replies are on record at their level, and without credentials", async () => {
  const one = await agent();
  const token = `eyJhbGciOiJIUzI1NiJ9.${Buffer.from('{"sub":"a"}').toString("base64url")}.c2lnbmF0dXJl`;
  const file = { id: "toolu_h1", name: "Write", input: { file_path: "/src/a.ts", content: `const t = "${token}"` } };
  await one.say("write it", [file], { text: "I write it" });
  await one.results({ toolu_h1: { error: `denied ${token}` } }, [], { text: `it said ${token}` });
  const result = await one.event(
    ({ kind, tool_use_id }) => kind === "dialogue.tool_result" && tool_use_id === "toolu_h1",
  );
  expect(payload(result)).toMatchObject({ tool: "Write", isError: true });
  const [call] = one.events("dialogue.tool_use");
  expect(payload(call as EventRow)).toMatchObject({ files: [{ path: "/src/a.ts", change: "write" }] });
  expect([result.request_body, call?.request_body]).not.toContain("");
  await until(() => one.events("dialogue.reply").length === 2);
  const reply = payload(one.events("dialogue.reply").at(-1) as EventRow);
  expect(reply).toMatchObject({ stopReason: "end_turn", usage: { inputTokens: 12, outputTokens: 30 } });
  expect(reply.text).toMatch(/^it said \*\*sallyport/);
  expect(standingIn([token], spoolBytes(join(rig.directory, "spool")))).toEqual([]);
});

test("at level Metadata no words are kept, and which files a tool changes all the same; at None nothing is", async () => {
  const file = { id: "toolu_m1", name: "Edit", input: { file_path: "/src/b.ts", new_string: "a text of the file" } };
  const said = "words of somebody";
  for (const [login, kinds] of [
    ["bob", ["prompt", "tool_use", "reply", "tool_result", "prompt", "reply"]],
    ["alice", []],
  ] as const) {
    const one = await Agent.begin(rig, login);
    await one.say(said, [file], { text: "words of the model" });
    await one.results({ toolu_m1: "words of the tool" });
    // What is on record of somebody else's later request came after it.
    const other = await agent();
    await other.say("after it", []);
    await other.prompt("after it");
    const dialogue = one.events("dialogue.");
    expect(dialogue.map(({ kind }) => kind.slice("dialogue.".length))).toEqual(kinds);
    expect(dialogue.filter(({ request_body, response_body }) => request_body + response_body !== "")).toEqual([]);
    expect(JSON.stringify(dialogue)).not.toMatch(/words of|a text of/);
    const files = dialogue.flatMap((event) => payload(event).files ?? []);
    expect(files).toEqual(login === "bob" ? [{ path: "/src/b.ts", change: "edit" }] : []);
  }
});

/** As `until`, for what the store has to take first: on a busy machine that is a while. */
async function eventually<T>(find: () => Promise<T | false>): Promise<T> {
  for (const end = Date.now() + 40_000; ; await new Promise((resolve) => setTimeout(resolve, 50))) {
    const found = await find();
    if (found !== false) return found;
    if (Date.now() > end) throw new Error("the store did not take it within 40 seconds");
  }
}

/** The session as `sessions replay` tells it, ids and times apart; once the store has `last`. */
async function told(one: Agent, last: (event: EventRow) => boolean, options: ReplayOptions = {}): Promise<string[]> {
  const path = `/v1alpha1/sessions/${one.session}`;
  const events = await eventually(async () => {
    const { text } = await send(rig, "GET", `${path}/events?order=time`, { token: auditor });
    const rows = text.split("\n").flatMap((line) => (line === "" ? [] : [JSON.parse(line) as EventRow]));
    return rows.some(last) && rows.filter(({ kind }) => kind !== "read");
  });
  async function* content(_event: EventRow, sha256: string): AsyncGenerator<Uint8Array> {
    const { text } = await send(rig, "GET", `${path}/bodies/${sha256}`, { token: auditor });
    yield Buffer.from(text);
  }
  const lines: string[] = [];
  for await (const { text } of replay(events, { content, bodyLines: 3, ...options })) lines.push(text);
  return lines.map((line) => line.replace(/^\d\d:\d\d:\d\d\.\d+/, "00:00:00.000").replace(/in [\d.]+ ms/, "in 1 ms"));
}

const ask = async (name: string, parameters: object): Promise<Record<string, unknown>[]> => {
  const reply = await send(rig, "POST", `/v1alpha1/queries/${name}`, { token: auditor, body: { parameters } });
  expect(reply.status, reply.text).toBe(200);
  return reply.json?.items as Record<string, unknown>[];
};

test("the replay shows prompt, reply, tool calls, their requests and results as one tree, and the record answers both ways", async () => {
  const one = await agent();
  const write = { id: "toolu_t3", name: "Write", input: { file_path: "/work/notes.md", content: "done" } };
  const shop = [
    bash("toolu_t1", "kubectl -n shop get pods"),
    bash("toolu_t2", "kubectl -n shop delete deployment web --wait=false"),
  ];
  await one.say("clean up shop", [...shop, write], { text: "I look, and delete the deployment." });
  await one.kube("GET", "/apis/apps/v1");
  await one.kube("GET", "/api/v1/namespaces/shop/pods");
  const { exchange_id } = await one.kube("DELETE", `${DEPLOYMENTS}/web`);
  await one.results({ toolu_t1: "No resources found", toolu_t2: "deleted", toolu_t3: "written" }, [], {
    text: "Done.",
  });
  const { prompt_id } = await one.prompt("clean up shop");
  const lines = await told(one, ({ kind, payload: text }) => kind === "dialogue.reply" && text.includes("Done."));
  expect(lines.join("\n")).toMatchInlineSnapshot(`
    "00:00:00.000  session opened by dev:agent@example.com
    00:00:00.000  prompt 1, by dev:agent@example.com to claude-x on claude
                    > clean up shop
    00:00:00.000    reply in 1 ms: tool_use; 12 tokens in, 30 out
                      < I look, and delete the deployment.
    00:00:00.000      call 1.1, Bash: released
                        would list pods shop
                        > command: kubectl -n shop get pods
    00:00:00.000      call 1.2, Bash: released
                        would delete deployments.apps shop/web
                        > command: kubectl -n shop delete deployment web --wait=false
    00:00:00.000      call 1.3, Write: released
                        would write /work/notes.md
                        > file_path: /work/notes.md
                        > content: done
    00:00:00.000      dev:agent@example.com get /apis/apps/v1 on local
                        ? comes of one of the calls 1.1, 1.2, all of prompt 1: not told apart
                        answered 200 in 1 ms, 61 bytes
                        < {"kind":"PodList","apiVersion":"v1","metadata":{},"items":[]}
    00:00:00.000        dev:agent@example.com list pods shop on local
                          comes of call 1.1: it alone says that it would ask this
                          answered 200 in 1 ms, 61 bytes
                          < {"kind":"PodList","apiVersion":"v1","metadata":{},"items":[]}
    00:00:00.000        dev:agent@example.com asked: delete deployments.apps shop/web on local
                          comes of call 1.2: it alone says that it would ask this
                          on record before it is forwarded
    00:00:00.000        dev:agent@example.com delete deployments.apps shop/web on local (call 1.2)
                          answered 200 in 1 ms, 61 bytes
                          < {"kind":"PodList","apiVersion":"v1","metadata":{},"items":[]}
    00:00:00.000        result of call 1.1, Bash, 18 characters
                          < No resources found
    00:00:00.000        result of call 1.2, Bash, 7 characters
                          < deleted
    00:00:00.000        result of call 1.3, Write, 7 characters
                          < written
    00:00:00.000    prompt 1 goes on with results
    00:00:00.000    reply in 1 ms: end_turn; 12 tokens in, 30 out
                      < Done."
  `);
  const [asked, ...others] = await ask("prompt-of-request", { exchange: exchange_id });
  expect(asked).toMatchObject({
    prompt: "clean up shop",
    prompt_id,
    tool: "Bash",
    tool_use_id: "toolu_t2",
    link: "exact",
  });
  expect(others).toEqual([]);
  expect(await ask("prompt-of-request", { verb: "delete", name: "web", session: one.session })).toEqual([asked]);
  expect(await ask("changes-of-prompt", { prompt: prompt_id })).toMatchObject([
    { what: "file", change: "write", object: "/work/notes.md", outcome: "changed" },
    { what: "request", change: "delete", of: "deployments.apps", object: "shop/web", outcome: "done", link: "exact" },
  ]);
  expect(await ask("prompts-of-file", { file: "notes.md" })).toMatchObject([{ prompt_id, outcome: "changed" }]);
  expect(await ask("tokens", { session: one.session })).toMatchObject([
    { replies: 2, input_tokens: 24, output_tokens: 60 },
  ]);
}, 60_000);

test("policy is asked with the prompt, the tool call and the model that a request comes of, and may deny what none led to", async () => {
  const one = await agent();
  const remove = async (): Promise<unknown[]> => {
    const event = await one.kube("DELETE", "/api/v1/namespaces/guarded/configmaps/settings");
    return [event.rules.includes("ours/prompted"), (payload(event).input as PolicyInput).dialogue];
  };
  expect(await remove()).toEqual([true, undefined]);
  await one.say("look around", [bash("toolu_p1", "kubectl -n guarded get configmaps")]);
  const looking = { promptId: (await one.prompt("look around")).prompt_id, model: "claude-x" };
  expect(await remove()).toEqual([true, { ...looking, toolUseId: "toolu_p1", strength: "window" }]);
  await one.results({ toolu_p1: "settings" });
  expect(await remove()).toEqual([true, undefined]);
  await one.say("delete the settings", [bash("toolu_p2", "kubectl -n guarded delete configmap settings")]);
  const deleting = { promptId: (await one.prompt("delete the settings")).prompt_id, model: "claude-x" };
  expect(await remove()).toEqual([false, { ...deleting, toolUseId: "toolu_p2", strength: "exact" }]);
});
