import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { parseException, renderException } from "../../approvals/exception.ts";
import { fitProposal } from "../../approvals/proposals.ts";
import { renderPullRequest } from "../../approvals/pull-request/pull-request.ts";
import type { Approval } from "../../approvals/types.ts";
import type { EventRow } from "../../audit/event.ts";
import type { ToolCall } from "../../dialogue/types.ts";
import type { Decision } from "../../engine/decision.ts";
import type { ModelDeps } from "../../proxy/model/deps.ts";
import type { ModelForwarded } from "../../proxy/model/exchange.ts";
import { toolDigests, toolProposal } from "../../proxy/model/tool-proposal.ts";
import { decide, type Listed, listed } from "../gateway/approvals.ts";
import { open, type Reply, send, spooled, until } from "../gateway/client.ts";
import { bash, payload, type Scripted, stream } from "./dialogue.ts";
import { briefIssuer, describeEndings } from "./endings.ts";
import { asking, WAYS } from "./held.ts";
import { type ModelRig, newSession, startModelRig } from "./rig.ts";
import { describeStanding } from "./standing.ts";

let rig: ModelRig;
let alice: string;
let agent: string;
beforeAll(async () => {
  const brief = await briefIssuer();
  rig = await startModelRig({
    change(config) {
      (config.issuers as object[]).push(brief);
      config.limits = { holdsPerSession: 12 };
    },
    guardrails: {
      profiles: ["baseline"],
      // It denies where the tests of what ends a reply say so.
      rules: {
        "ours/tools": { effect: "record" },
        "tool/unparsed": { effect: "hold" },
        "dialogue/allowed-models": { params: { models: ["*", "!forbidden-*"] } },
      },
      defaults: {
        record: "Request",
        approval: { approvers: ["group:dev:sre"], required: 1, holdSeconds: 30 },
      },
      scopes: [{ name: "hasty", match: { users: ["dev:bob@*"] }, approval: { holdSeconds: 1 } }],
    },
  });
  alice = await rig.token("alice", "admin");
}, 120_000);
afterAll(() => rig?.close());
beforeEach(async () => {
  // A session of its own: one test's holds must not eat the next one's budget.
  agent = await rig.token("agent");
  rig.provider.asked.splice(0);
});

/** A session whose time to wait is spent: what is held of it is answered at once. */
let tired: string;
beforeAll(async () => {
  tired = await rig.token("bob");
  await ask([bash("toolu_0", newCommand())], { token: tired });
});

/** Another session of bob's than the tired one, which has proposals waiting; each counts with its session. */
const crowded = (): Promise<string> => newSession(rig, "bob");

const ALL = process.env.SALLYPORT_TEST_ALL === "1";
let n = 0;
/** A command that no other test's call has. */
const newCommand = (): string => `kubectl get pods -n held-${++n}\necho done`;

/** What the agent asks; the model, whose name says what is held, calls these tools. */
function ask(
  tools: Scripted[],
  { model = "holds Bash", token = agent, signal = undefined as AbortSignal | undefined } = {},
) {
  rig.provider.scripts = [{ parts: [stream("On it.", tools)] }];
  return send(rig, "POST", "/connections/claude/v1/messages", {
    token,
    headers: { accept: "*/*" },
    body: { model, max_tokens: 1024, stream: true, messages: [{ role: "user", content: "go" }] },
    ...(signal === undefined ? {} : { signal }),
  });
}

const proposed = (command: string, state = "pending"): Promise<Listed> =>
  until(async () =>
    (await listed(rig, alice)).find(
      (one) =>
        one.state === state &&
        (one.summary as unknown as { command: string }).command.startsWith(command.split("\n")[0] ?? "?"),
    ),
  );

/** The texts and the tool calls of a stream, and why it stopped. */
function read({ text }: Reply): { words: string; calls: string[]; stop: unknown } {
  const events = [...text.matchAll(/^data: (.*)$/gm)].map(([, data = ""]) => JSON.parse(data));
  return {
    words: events.map(({ delta }) => delta?.text ?? "").join(""),
    calls: events.flatMap(({ content_block: block }) => (block?.type === "tool_use" ? [block.id] : [])),
    stop: events.find(({ type }) => type === "message_delta")?.delta.stop_reason,
  };
}

describe("the digest of a tool call", () => {
  const who = { connection: { name: "claude" }, identity: { issuer: "https://idp", username: "dev:agent" } };
  const call = (text: string, name = "Bash"): ToolCall => ({
    id: "a",
    index: 0,
    name,
    text,
    arguments: JSON.parse(text),
  });
  const of = (one: ToolCall, more: object = {}) =>
    toolDigests({ ...who, ...more } as Parameters<typeof toolDigests>[0], one, { hmacKey: Buffer.alloc(32, 7) });
  const known = of(call('{"command":"ls","n":9007199254740993}'));

  test.for([
    ["whitespace and the order of its arguments", '{ "n": 9007199254740993, "command": "ls" }'],
    ["how Claude Code's Bash describes a command", '{"command":"ls","n":9007199254740993,"description":"Lists"}'],
  ] as const)("is the same whatever %s", ([, text]) => expect(of(call(text))).toEqual(known));

  test.for([
    ["its command", of(call('{"command":"ls ","n":9007199254740993}'))],
    ["an integer that a double makes the same", of(call('{"command":"ls","n":9007199254740992}'))],
    ["its tool", of(call('{"command":"ls","n":9007199254740993}', "bash"))],
    ["its connection", of(call('{"command":"ls","n":9007199254740993}'), { connection: { name: "gpt" } })],
    [
      "who asks",
      of(call('{"command":"ls","n":9007199254740993}'), { identity: { ...who.identity, username: "dev:bob" } }),
    ],
    [
      "the family of tools that it is of",
      of({ ...call('{"command":"ls","n":9007199254740993}'), toolset: "computer" }),
    ],
    ["the kind of call that it is", of({ ...call('{"command":"ls","n":9007199254740993}'), kind: "shell_call" })],
  ] as const)("is another with %s", ([, { digest }]) => expect(digest).not.toBe(known.digest));

  test("goes by a description that is no word beside a command", () => {
    const digests = ["a", "b"].map((text) =>
      of(call(JSON.stringify({ command: "x", description: text }), "create_issue")),
    );
    expect(digests[0]?.digest).not.toBe(digests[1]?.digest);
  });
});

test("the pull request of a tool call says the tool, the command word for word, its arguments and the rules", () => {
  const session = {
    id: "s",
    agent: "claude",
    reason: "a ticket",
    owner: { issuer: "https://idp", username: "dev:bob" },
  };
  const identity = { issuer: "https://idp", username: "dev:agent" };
  const exchange = { identity, session, connection: { name: "claude" }, promptId: "p-1" } as unknown as ModelForwarded;
  const args = { command: 'sh -c "$X"\necho | tee a', timeout: 5 };
  const call = {
    ...{ id: "a", index: 0, name: "Bash", text: JSON.stringify(args), arguments: args },
    ...{ toolset: "computer", kind: "shell_call" },
  };
  const finding = {
    rule: "tool/unparsed",
    effect: "hold",
    message: "a variable",
    severity: "medium",
    fields: ["commands[0]"],
  };
  const approval = { requirements: [{ rules: ["tool/unparsed"], approvers: ["group:dev:sre"], required: 1 }] };
  const decision = { findings: [finding], approval, revision: { bundle: "b", guardrails: "g" } } as unknown as Decision;
  const deps = {
    policy: { current: { describe: () => ({ title: "Commands that cannot be read", remediation: "Write it out." }) } },
    knownValues: { known: () => [] },
    recordValues: { known: () => [] },
    clock: { now: () => 0 },
  } as unknown as ModelDeps;
  const commands = [
    { argv: ["sh"], text: "sh" },
    { argv: ["echo"], text: "echo" },
  ];
  const asked = { decision, commands, digest: "a".repeat(64), change: "b".repeat(64), supersedes: undefined };
  const proposal = fitProposal(toolProposal(exchange, call, asked, deps));
  const whole = { name: "aaaaaaaaaaaaaaaa-1", proposal, state: "pending" } as Approval;
  const { title, body } = renderPullRequest(whole, { url: "https://gateway/approvals/aaaaaaaaaaaaaaaa-1" });
  expect(title).toBe("tool Bash on claude (tool/unparsed)");
  for (const line of [
    "**What it reaches:** `lets the agent's tool Bash run 2 commands where the agent runs: sh, echo`",
    "- **Who:** `dev:agent`",
    "- **Acts for:** `dev:bob`",
    '- **Command:** `sh -c "$X"\\necho | tee a`',
    "`tool/unparsed`, Commands that cannot be read (medium): `a variable`",
    "`+` is what the tool is given.",
    "timeout: 5",
    "computer",
    "shell_call",
  ]) {
    expect(body).toContain(line);
  }
  expect(parseException(whole.name, renderException(whole.name, proposal)).spec.rules).toEqual(["tool/unparsed"]);
});

const ofCall = (id: string): EventRow[] => spooled(rig).filter(({ tool_use_id }) => tool_use_id === id);

describe("a tool call that policy holds", () => {
  test("goes to the client byte for byte once a human approved it, on record with the approval, and once", async () => {
    const command = newCommand();
    const call = bash("toolu_approved", command);
    const reply = ask([call]);
    const one = await proposed(command);
    const { name } = one;
    await decide(rig, alice, one);
    expect((await reply).text).toBe(stream("On it.", [call]));

    const events = await until(() => {
      const found = ofCall("toolu_approved");
      return found.some(({ kind }) => kind === "dialogue.tool_use") && found;
    });
    expect(events.map(({ kind, approval_id }) => [kind, approval_id])).toEqual([
      ["hold.opened", name],
      ["approval.consumed", name],
      ["dialogue.tool_use", name],
    ]);
    expect(events.map(({ effect, rules, verb, resource }) => [effect, rules, verb, resource])[0]).toEqual([
      "hold",
      ["ours/held"],
      "tool",
      "Bash",
    ]);

    const again = ask([call]);
    const next = await proposed(command);
    expect(next.name).not.toBe(name);
    await decide(rig, alice, next, "deny");
    expect(read(await again).calls).toEqual([]);
  });

  test("that nobody answers is replaced by words that say where a human can approve it, and the turn ends", async () => {
    const command = newCommand();
    const { words, calls, stop } = read(await ask([bash("toolu_a", command)], { token: tired }));
    const { name } = await proposed(command);
    expect(calls).toEqual([]);
    expect(stop).toBe("end_turn");
    expect(words).toContain(
      "sallyport: the call of Bash was not passed on: held for approval by ours/held: a tool that",
    );
    expect(words).toContain(`A human can approve it at ${rig.gateway.url}/approvals/${name}. Say so, end your turn`);
    expect(words).toMatch(/make exactly the same call again\. Decision [\w-]+\.$/);
    const kinds = await until(() => {
      const found = ofCall("toolu_a").map(({ kind }) => kind);
      return found.length === 3 && found;
    });
    expect(kinds).toEqual(["hold.opened", "hold.timed_out", "dialogue.tool_use"]);
  });

  test("goes at once when it is made again after it was approved, however the model describes it then", async () => {
    const command = newCommand();
    await ask([bash("toolu_b1", command, { description: "Lists pods" })], { token: tired });
    const one = await proposed(command);
    await decide(rig, alice, one);
    const token = await rig.token("bob");
    const { calls } = read(await ask([bash("toolu_b2", command, { description: "List the pods" })], { token }));
    expect(calls).toEqual(["toolu_b2"]);
    const consumed = await until(() => ofCall("toolu_b2").find(({ kind }) => kind === "approval.consumed"));
    expect(consumed.approval_id).toBe(one.name);
  });

  test.for([
    ["another command", (command: string) => bash("toolu_c", `${command}; true`), "holds Bash"],
    ["another argument", (command: string) => bash("toolu_c", command, { run_in_background: true }), "holds Bash"],
    ["another tool", (command: string) => ({ ...bash("toolu_c", command), name: "Shell" }), "holds Bash Shell"],
  ] as const)("of %s is not what was approved", async ([, other, model]) => {
    const command = newCommand();
    await ask([bash("toolu_b1", command)], { token: tired });
    await decide(rig, alice, await proposed(command));
    expect(read(await ask([other(command)], { model, token: tired })).calls).toEqual([]);
  });

  test("that a human denies says so with the reason, and again when it is made again", async () => {
    const command = newCommand();
    const first = ask([bash("toolu_d1", command)]);
    await decide(rig, alice, await proposed(command), "deny", "not on a Monday");
    for (const reply of [await first, await ask([bash("toolu_d2", command)])]) {
      const { words, calls } = read(reply);
      expect(calls).toEqual([]);
      expect(words).toMatch(/denied by dev:alice.*: not on a Monday .*Do not ask again/s);
    }
  });

  test("goes on one person's word, and its record says that the glass was broken", async () => {
    const command = newCommand();
    const reply = ask([bash("toolu_k", command)]);
    const { name } = await proposed(command);
    const body = { reason: "production is down" };
    const { status } = await send(rig, "POST", `/v1alpha1/approvals/${name}/break-glass`, { token: alice, body });
    expect(status).toBe(200);
    expect(read(await reply).calls).toEqual(["toolu_k"]);
    const event = await until(() => ofCall("toolu_k").find(({ kind }) => kind === "dialogue.tool_use"));
    expect([event.approval_id, Boolean(event.break_glass)]).toEqual([name, true]);
  });

  if (ALL)
    test("that is one too many says so, and opens no proposal", async () => {
      const calls = Array.from({ length: 13 }, (_, i) => bash(`toolu_l${i}`, newCommand()));
      const { words } = read(await ask(calls, { token: await crowded() }));
      expect(words).toContain("this session already has 12 requests waiting for approval (held by ours/held: ");
      expect(ofCall("toolu_l12").map(({ kind }) => kind)).not.toContain("hold.opened");
    });

  test("shows its approver the tool, the command word for word, all arguments and the rule that holds it", async () => {
    const command = newCommand();
    const { words } = read(await ask([bash("toolu_e", command, { timeout: 5 })], { token: tired }));
    const { name } = await proposed(command);
    const { json } = await send(rig, "GET", `/v1alpha1/approvals/${name}`, { token: alice });
    expect(json).toMatchObject({
      connection: "claude",
      rules: ["ours/held"],
      summary: { verb: "tool", resource: "Bash", command: command.replace("\n", "\\n") },
      findings: [{ rule: "ours/held", title: "Tools that a human lets a model call", severity: "medium" }],
      blastRadius: "lets the agent's tool Bash run 2 commands where the agent runs: kubectl, echo",
      changes: [{ path: "arguments", to: { command, timeout: 5 } }],
    });
    const page = await send(rig, "GET", `/approvals/${name}`, { token: alice, headers: { accept: "text/html" } });
    expect(page.text).toContain("kubectl get pods");
    expect(words).toContain(name);
  });

  test("is held by the library's rules as well: a command that cannot be read, for what is not known of it", async () => {
    const command = `sh -c "$RUN_${++n}"`;
    const { words } = read(await ask([bash("toolu_j", command)], { token: tired, model: "claude-x" }));
    expect(words).toMatch(/held for approval by tool\/unparsed: .*variable stands in it/);
    const { rules, summary } = await proposed(command);
    expect(rules).toEqual(["tool/unparsed"]);
    expect(summary).toMatchObject({ resource: "Bash", command });
  });

  describe.each(WAYS.filter(({ streams, path }) => ALL || (streams && path.includes("/gpt/"))))("in $name", (way) => {
    const post = (id: string, command: string, token: string): Promise<Reply> => {
      rig.provider.scripts = [way.script(id, command)];
      const body = asking(way, "holds Bash");
      return send(rig, "POST", way.path, { token, headers: { accept: "*/*" }, body });
    };

    test("waits, and goes to the client byte for byte", async () => {
      const command = newCommand();
      const reply = post(`call_w${n}`, command, agent);
      await decide(rig, alice, await proposed(command));
      expect((await reply).text).toContain(way.text(`call_w${n}`, command));
    });

    if (ALL)
      test("that nobody answers is replaced by words that say where a human can approve it", async () => {
        const command = newCommand();
        const { status, text } = await post(`call_x${n}`, command, await crowded());
        const { name } = await proposed(command);
        expect(status).toBe(200);
        expect(text).toContain(`A human can approve it at ${rig.gateway.url}/approvals/${name}. Say so, end your turn`);
        expect(text).not.toMatch(/kubectl|"(?:tool_use|tool_calls|function_call)"/);
      });

    if (ALL)
      test("that a human denies is replaced by the reason", async () => {
        const command = newCommand();
        const reply = post(`call_y${n}`, command, agent);
        await decide(rig, alice, await proposed(command), "deny", "not on a Monday");
        const { text } = await reply;
        expect(text).toMatch(/denied by dev:alice.*: not on a Monday /);
        expect(text).not.toContain("kubectl");
      });
  });

  test("that runs at the provider, where nobody could wait for it, is denied with the request, and says so", async () => {
    const tools = [{ type: "web_search_20250305", name: "web_search" }];
    const body = { model: "holds web_search", max_tokens: 9, tools, messages: [{ role: "user", content: "go" }] };
    const { status, json } = await send(rig, "POST", "/connections/claude/v1/messages", { token: agent, body });
    const message = expect.stringMatching(/ours\/held: .* \(it asks for approval, which nobody waits for here\)/);
    expect([status, json?.error]).toEqual([403, { type: "permission_error", message }]);
    expect(rig.provider.asked).toEqual([]);
  });

  test("shows nobody a credential that stands in it", async () => {
    const command = `${newCommand()} --token=eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U`;
    await ask([bash("toolu_i", command)], { token: tired });
    const { name } = await proposed(command.split("\n")[0] ?? "");
    const { text } = await send(rig, "GET", `/v1alpha1/approvals/${name}`, { token: alice });
    expect(text).not.toContain("eyJzdWIi");
  });

  // The client hears of it every ten seconds.
  if (ALL)
    test("is waited for with pings", { timeout: 60_000 }, async () => {
      const command = newCommand();
      rig.provider.scripts = [{ parts: [stream("", [bash("toolu_p", command)])] }];
      const { body } = await open(rig, "POST", "/connections/claude/v1/messages", {
        token: await rig.token("alice"),
        body: { model: "holds Bash", max_tokens: 9, stream: true, messages: [{ role: "user", content: "go" }] },
      });
      let pings = 0;
      for await (const chunk of body.on("error", () => {})) {
        pings += String(chunk).split("event: ping").length - 1;
        if (pings === 2) break;
      }
      expect(pings).toBe(2);
    });

  // So is who asks for a whole reply.
  if (ALL)
    test.each(WAYS.filter(({ streams }) => !streams))(
      "is waited for with spaces before $name",
      { timeout: 60_000 },
      async (way) => {
        const command = newCommand();
        rig.provider.scripts = [way.script("call_s", command)];
        const body = asking(way, "holds Bash");
        const answer = await open(rig, "POST", way.path, { token: agent, body });
        await decide(rig, alice, await proposed(command));
        expect([answer.statusCode, await answer.body.text()]).toEqual([200, ` ${way.text("call_s", command)}`]);
      },
    );

  test("is held beside another that is not, and each goes its way", async () => {
    const command = newCommand();
    const { calls, stop } = read(
      await ask([bash("toolu_held", command), { id: "toolu_read", name: "Read", input: {} }], { token: tired }),
    );
    expect(calls).toEqual(["toolu_read"]);
    expect(stop).toBe("tool_use");
  });

  test("is not passed on when its client went away, and stays to be approved", async () => {
    const command = newCommand();
    const gone = new AbortController();
    rig.provider.scripts = [{ parts: [stream("", [bash("toolu_g", command)])] }];
    const { body } = await open(rig, "POST", "/connections/claude/v1/messages", {
      token: await rig.token("alice"),
      body: { model: "holds Bash", max_tokens: 9, stream: true, messages: [{ role: "user", content: "go" }] },
      signal: gone.signal,
    });
    const { name } = await proposed(command);
    gone.abort();
    await body.text().catch(() => {});
    const reply = await until(() =>
      spooled(rig).find((e) => e.kind === "dialogue.reply" && e.exchange_id === ofCall("toolu_g")[0]?.exchange_id),
    );
    expect(payload(reply)).toMatchObject({ cut: "the client closed its connection" });
    expect(ofCall("toolu_g").map(({ kind }) => kind)).toEqual(["hold.opened"]);
    expect((await proposed(command)).name).toBe(name);
  });

  test("ends with its session: the proposal is withdrawn, and the client sees a broken end", async () => {
    const command = newCommand();
    const token = await rig.token("alice");
    const reply = ask([bash("toolu_h", command)], { token });
    const { requester } = await proposed(command);
    const cut = expect(reply).rejects.toThrow();
    await send(rig, "POST", `/v1alpha1/sessions/${requester.session}/kill`, { token: alice, body: { reason: "stop" } });
    await cut;
    await proposed(command, "cancelled");
  });
});

describeStanding(() => rig);
describeEndings(() => rig);
