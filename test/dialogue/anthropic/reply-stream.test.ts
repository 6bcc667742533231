import { describe, expect, test } from "vitest";
import type { ToolCall } from "../../../dialogue/types.ts";
import { DENIED, type Decide, event, expected, guarded, inPieces, offsets, STREAMS, sizes, stream } from "./streams.ts";

const ALL = process.env.SALLYPORT_TEST_ALL === "1";

/** Every offset and every size of each stream takes minutes: `npm test` has some of each. */
function* ways(bytes: Buffer): Generator<Uint8Array[]> {
  if (ALL) {
    yield* offsets(bytes);
    yield* sizes(bytes);
  } else for (const size of [1, 7, 64, 1000, bytes.length]) yield inPieces(bytes, size);
}

const release: Decide = () => ({ effect: "release" });
const replace: Decide = () => ({ effect: "replace", text: DENIED });

/** Strings of a call that nobody but its client may see. */
function secrets({ id, arguments: input = {} }: ToolCall): string[] {
  return [id, ...Object.values(input).filter((value) => typeof value === "string" && value.length > 4)] as string[];
}

describe.each(STREAMS)("the stream $name", { timeout: 600_000 }, ({ bytes }) => {
  test("comes out byte for byte where every tool call is released, by every chunking", async () => {
    for (const chunks of ways(bytes)) {
      const result = await guarded(chunks, release);
      if (!result.bytes.equals(bytes)) expect(result.bytes.toString()).toBe(bytes.toString());
      expect(result.summary.broken).toBeUndefined();
    }
  });

  test("gives text in the place of tool calls that are denied, and nothing of them, by every chunking", async () => {
    const wanted = expected(bytes, () => true);
    const { summary } = await guarded([bytes], replace);
    for (const secret of summary.toolCalls.flatMap(({ call }) => secrets(call))) {
      expect(wanted.toString()).not.toContain(JSON.stringify(secret).slice(1, -1));
    }
    expect(wanted.includes('"type":"tool_use"')).toBe(false);
    for (const chunks of ways(bytes)) {
      const result = await guarded(chunks, replace);
      if (!result.bytes.equals(wanted)) expect(result.bytes.toString()).toBe(wanted.toString());
      expect(result.summary).toEqual(summary);
    }
  });

  test("keeps the tool calls that are allowed byte for byte beside those that are denied", async () => {
    for (const odd of [0, 1]) {
      const wanted = expected(bytes, (nth) => nth % 2 === odd);
      for (const chunks of ways(bytes)) {
        let nth = 0;
        const result = await guarded(chunks, (call) => (nth++ % 2 === odd ? replace(call) : release(call)));
        if (!result.bytes.equals(wanted)) expect(result.bytes.toString()).toBe(wanted.toString());
      }
    }
  });
});

test("a denied tool call does not reach the client, cut at whatever byte", async () => {
  const bytes = stream("one-tool");
  const wanted = expected(bytes, () => true);
  for (const chunks of offsets(bytes)) expect((await guarded(chunks, replace)).bytes.equals(wanted)).toBe(true);
});

describe("what the hook is asked", () => {
  async function calls(name: string): Promise<ToolCall[]> {
    const asked: ToolCall[] = [];
    await guarded([stream(name)], (call) => {
      asked.push(call);
      return { effect: "release" };
    });
    return asked;
  }

  test("is each tool call whole, in order, with its place in the reply", async () => {
    expect(await calls("parallel-tools")).toEqual([
      {
        id: "toolu_04First",
        name: "Read",
        index: 1,
        text: '{"file_path": "/srv/app/values.yaml"}',
        arguments: { file_path: "/srv/app/values.yaml" },
      },
      {
        id: "toolu_04Second",
        name: "Bash",
        index: 2,
        text: '{"command": "helm upgrade web ./chart --set replicas=0"}',
        arguments: { command: "helm upgrade web ./chart --set replicas=0" },
      },
      {
        id: "toolu_04Third",
        name: "Grep",
        index: 3,
        text: '{"pattern":"replicas","path":"/srv/app","-n":true}',
        arguments: { pattern: "replicas", path: "/srv/app", "-n": true },
      },
    ]);
  });

  test("has an empty object for arguments where the model wrote none, and those that the block began with", async () => {
    expect((await calls("empty-input")).map(({ name, text, arguments: input }) => [name, text, input])).toEqual([
      ["ListPods", "", {}],
      ["Status", "", {}],
      ["Refresh", "{}", {}],
      ["Deploy", '{"target":"staging","force":true}', { target: "staging", force: true }],
    ]);
  });

  test("has characters that came in halves whole", async () => {
    const [write, echo] = await calls("unicode");
    expect(write?.arguments).toEqual({
      content: 'Grüße 😀 aus Zürich\u2028— ≠ \u0000 \\ " / \t',
      path: "/tmp/naïve.txt",
      ключ: ["値", "🧑‍🚀"],
    });
    expect(echo?.arguments).toEqual({ text: "😀 é /" });
  });

  test("is nothing of what runs at the provider, and all of what only looks new", async () => {
    expect((await calls("server-tools")).map(({ name }) => name)).toEqual(["Write"]);
    expect((await calls("mcp-tools")).map(({ name }) => name)).toEqual(["mcp__cluster__scale"]);
    expect((await calls("pings-and-unknown")).map(({ name }) => name)).toEqual(["Bash", "navigate"]);
  });
});

test("a message that says it ends in calls, and has none, passes as it is", async () => {
  const reply = stream("text").toString().replace('"end_turn"', '"tool_use"');
  expect((await guarded([Buffer.from(reply)], replace)).bytes.toString()).toBe(reply);
});

test("what a new tool at the provider gave passes, and so do new kinds of words", async () => {
  const block = { type: "telescope_tool_result", tool_use_id: "srvtoolu_1", content: [{ type: "photo" }] };
  const reply =
    event("message_start", { message: { content: [] } }) +
    event("content_block_start", { index: 0, content_block: block }) +
    event("content_block_delta", { index: 0, delta: { type: "brightness_delta", value: 2 } }) +
    event("content_block_stop", { index: 0 }) +
    event("message_stop");
  const { bytes, summary } = await guarded([Buffer.from(reply)], replace);
  expect([bytes.toString(), summary.broken]).toEqual([reply, undefined]);
});

describe("a tool call that is rewritten", () => {
  test("has its new input in one piece, and everything else as it was", async () => {
    const bytes = stream("one-tool");
    const rewrite: Decide = () => ({ effect: "rewrite", arguments: { command: 'echo "no"' } });
    const { bytes: out, summary } = await guarded(inPieces(bytes, 50), rewrite);
    const [before, , after] = bytes
      .toString()
      .split(/(event: content_block_delta\ndata: [^\n]*"index":1,.*"index":1[^\n]*\n\n(?=event: content_block_stop))/s);
    const delta = { type: "input_json_delta", partial_json: '{"command":"echo \\"no\\""}' };
    const piece = `event: content_block_delta\ndata: ${JSON.stringify({ type: "content_block_delta", index: 1, delta })}\n\n`;
    expect(out.toString()).toBe(before + piece + after);
    expect(summary.stopReason).toBe("tool_use");
  });

  test("loses the input that its block began with", async () => {
    const rewrite: Decide = ({ name }) =>
      name === "Deploy" ? { effect: "rewrite", arguments: { target: "nowhere" } } : { effect: "release" };
    const out = (await guarded([stream("empty-input")], rewrite)).bytes.toString();
    expect(out).not.toContain("staging");
    expect(out).toContain('"name":"Deploy","input":{},"caller":{"type":"direct"}');
    expect(out).toContain(JSON.stringify('{"target":"nowhere"}'));
  });
});

describe("the summary", () => {
  test("has the message's words, tools, tokens and end in the provider's words", async () => {
    const { summary } = await guarded([stream("one-tool")], replace);
    expect(summary).toMatchObject({
      id: "msg_03One",
      model: "claude-opus-4-6",
      stopReason: "tool_use",
      text: "I'll delete the stuck pod.",
      thinking: "",
      truncated: false,
      serverTools: [],
      usage: { inputTokens: 472, outputTokens: 76, cacheReadTokens: 12288, cacheWriteTokens: 0 },
      toolCalls: [{ call: { id: "toolu_01DeletePod", name: "Bash" }, verdict: { effect: "replace", text: DENIED } }],
    });
  });

  test("keeps thinking apart from text", async () => {
    const { summary } = await guarded([stream("thinking")], release);
    expect(summary.thinking).toBe("The user wants the pod's logs. I had better look at events first.");
    expect(summary.text).toBe("I will look at the events of the namespace.");
  });

  test("joins a text that citations cut, and sets apart texts that something stands between", async () => {
    expect((await guarded([stream("web-search")], release)).summary.text).toBe(
      "I'll search.\n\nKubernetes 1.36 was released in April.",
    );
  });

  test("lists the tools that ran at the provider, those of MCP by their server", async () => {
    const tools = async (name: string) => (await guarded([stream(name)], release)).summary.serverTools;
    expect(await tools("server-tools")).toEqual([{ id: "srvtoolu_06Count", name: "bash_code_execution" }]);
    expect(await tools("mcp-tools")).toEqual([{ id: "mcptoolu_07Ask", name: "pager/list_incidents" }]);
  });

  test("keeps so much of the text, and says that there was more", async () => {
    const { summary, bytes } = await guarded([stream("text")], release, { textKept: 10 });
    expect(summary).toMatchObject({ text: "Two pods o", truncated: true });
    expect(bytes.equals(stream("text"))).toBe(true);
  });
});
