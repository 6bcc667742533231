import { describe, expect, test } from "vitest";
import { guardChatStream } from "../../../dialogue/openai/chat/stream.ts";
import type { ToolCall, ToolCallVerdict } from "../../../dialogue/types.ts";
import { DIALECTS, from, GUARDS, guarded, inPieces, type Name, release, stream } from "./streams.ts";

const RELEASED: ToolCallVerdict = { effect: "release" };

/** Reads as a client does, and says what has come so far. */
function reading(bytes: AsyncIterable<Uint8Array>): {
  text: () => string;
  until: (what: string) => Promise<void>;
  done: Promise<void>;
} {
  let text = "";
  const waiting: { what: string; resolve: () => void }[] = [];
  const done = (async () => {
    for await (const piece of bytes) {
      text += Buffer.from(piece).toString();
      for (const { what, resolve } of waiting) if (text.includes(what)) resolve();
    }
    for (const { resolve } of waiting) resolve();
  })();
  const until = (what: string): Promise<void> =>
    text.includes(what) ? Promise.resolve() : new Promise((resolve) => waiting.push({ what, resolve }));
  return { text: () => text, until, done };
}

describe.each(DIALECTS)("of %s", (dialect: Name) => {
  test("what a client is to run is held until it is decided, and what came before it is not", async () => {
    const asked = Promise.withResolvers<ToolCall>();
    const decided = Promise.withResolvers<ToolCallVerdict>();
    const toolCall = (call: ToolCall): Promise<ToolCallVerdict> => {
      asked.resolve(call);
      return decided.promise;
    };
    const bytes = stream(dialect, "one-tool");
    const reply = GUARDS[dialect](from(inPieces(bytes, 100)), { toolCall });
    const client = reading(reply.bytes);
    const { arguments: read } = await asked.promise;
    expect(read).toEqual({ command: expect.stringContaining("delete") });
    await client.until(" look.");
    expect(client.text()).not.toContain("run_shell");
    decided.resolve(RELEASED);
    await client.done;
    expect(client.text()).toBe(bytes.toString());
  });

  test("calls are decided side by side, and come out in their order", async () => {
    const all = Promise.withResolvers<void>();
    const verdicts = [0, 1, 2].map(() => Promise.withResolvers<ToolCallVerdict>());
    let asked = 0;
    const toolCall = (): Promise<ToolCallVerdict> => {
      const verdict = verdicts[asked++];
      if (asked === 3) all.resolve();
      return verdict?.promise ?? Promise.reject(new Error("a fourth call"));
    };
    const bytes = stream(dialect, "parallel-tools");
    const reply = GUARDS[dialect](from([bytes]), { toolCall });
    const client = reading(reply.bytes);
    await all.promise;
    verdicts[2]?.resolve(RELEASED);
    verdicts[0]?.resolve(RELEASED);
    await client.until("call_aa01SecretLeft");
    expect(client.text()).not.toContain("call_cc03SecretThird");
    verdicts[1]?.resolve(RELEASED);
    await client.done;
    expect(client.text()).toBe(bytes.toString());
  });

  test("the client hears something while nothing can go out, also before the call is whole", async () => {
    const bytes = stream(dialect, "one-tool");
    const cut = bytes.indexOf("kubectl");
    const heard = Promise.withResolvers<void>();
    async function* upstream(): AsyncGenerator<Uint8Array> {
      yield bytes.subarray(0, cut);
      await heard.promise;
      yield bytes.subarray(cut);
    }
    const reply = GUARDS[dialect](upstream(), { toolCall: async () => RELEASED, pingMs: 1 });
    const client = reading(reply.bytes);
    await client.until(": ping\n\n: ping\n\n: ping\n\n");
    heard.resolve();
    await client.done;
    expect(client.text().replaceAll(": ping\n\n", "")).toBe(bytes.toString());
  });

  test("who stops reading ends the provider's stream, also while a call is decided", async () => {
    const asked = Promise.withResolvers<void>();
    const closed = Promise.withResolvers<void>();
    const pieces = [stream(dialect, "one-tool")];
    const source: AsyncIterableIterator<Uint8Array> = {
      next: async () => {
        const value = pieces.pop();
        return value === undefined ? new Promise(() => undefined) : { done: false, value };
      },
      return: async () => {
        closed.resolve();
        return { done: true, value: undefined };
      },
      [Symbol.asyncIterator]: () => source,
    };
    const reply = GUARDS[dialect](source, {
      toolCall: () => {
        asked.resolve();
        return new Promise(() => undefined);
      },
    });
    const client = reply.bytes[Symbol.asyncIterator]();
    await client.next();
    const next = client.next();
    await asked.promise;
    await client.return?.();
    expect((await next).done).toBe(true);
    await closed.promise;
    expect(await reply.summary).toMatchObject({ broken: "the client stopped reading" });
  });

  test("a signal ends the reply with an error, and nothing of the call", async () => {
    const over = new AbortController();
    const decide = (): Promise<ToolCallVerdict> => {
      over.abort();
      return new Promise(() => undefined);
    };
    const { bytes, summary } = await guarded(dialect, [stream(dialect, "one-tool")], decide, { signal: over.signal });
    expect(bytes.toString()).toContain("The gateway ended this reply: it was ended.");
    expect(bytes.toString()).not.toContain("run_shell");
    expect(summary.broken).toBe("it was ended");
  });

  test("the provider is read no faster than the client reads", async () => {
    let sent = 0;
    async function* upstream(): AsyncGenerator<Uint8Array> {
      for (const piece of inPieces(stream(dialect, "text"), 200)) {
        sent++;
        yield piece;
      }
    }
    const client = GUARDS[dialect](upstream(), { toolCall: async () => RELEASED }).bytes[Symbol.asyncIterator]();
    expect(sent).toBe(0);
    let pieces = 0;
    for (let result = await client.next(); result.done !== true; result = await client.next()) {
      expect(sent).toBeLessThanOrEqual(++pieces * 4 + 4);
    }
    expect(pieces).toBeGreaterThan(5);
  });

  test("behind a call that is undecided, the provider is read no further than it may be", async () => {
    const asked = Promise.withResolvers<void>();
    const decided = Promise.withResolvers<ToolCallVerdict>();
    const bytes = stream(dialect, "parallel-tools");
    let sent = 0;
    async function* upstream(): AsyncGenerator<Uint8Array> {
      for (const piece of inPieces(bytes, 100)) {
        sent++;
        yield piece;
      }
    }
    const toolCall = (): Promise<ToolCallVerdict> => {
      asked.resolve();
      return decided.promise;
    };
    const reply = GUARDS[dialect](upstream(), { toolCall, pingMs: 1 }, { heldBytes: 1500 });
    const client = reading(reply.bytes);
    await asked.promise;
    await client.until(": ping\n\n: ping\n\n");
    const before = sent;
    await client.until(": ping\n\n: ping\n\n: ping\n\n: ping\n\n");
    expect(sent).toBe(before);
    expect(sent).toBeLessThan(bytes.length / 100 - 5);
    decided.resolve(RELEASED);
    await client.done;
    expect(client.text().replaceAll(": ping\n\n", "")).toBe(bytes.toString());
  });

  test("what it was is in the summary", async () => {
    const { summary, asked } = await guarded(dialect, [stream(dialect, "one-tool")], release);
    expect(summary).toMatchObject({
      model: "gpt-5.4-mini-2026-03-17",
      stopReason: dialect === "openai-chat" ? "tool_calls" : "completed",
      text: "Let me look.",
      thinking: "",
      truncated: false,
      toolCalls: [{ call: asked[0], verdict: RELEASED }],
      usage: { inputTokens: 412, outputTokens: 57, cacheReadTokens: 256 },
    });
    const { summary: reasoned } = await guarded(dialect, [stream(dialect, "reasoning")], release);
    expect(reasoned.thinking).toMatch(/pods.* gone\.|pods should go\./s);
  });
});

test("words of other choices overtake a call that is undecided", async () => {
  const decided = Promise.withResolvers<ToolCallVerdict>();
  const reply = guardChatStream(from([stream("openai-chat", "two-choices")]), { toolCall: () => decided.promise });
  const client = reading(reply.bytes);
  await client.until(" goes on.");
  expect(client.text()).not.toContain("run_shell");
  decided.resolve(RELEASED);
  await client.done;
});

test("what ran at the provider is listed, and not asked about", async () => {
  const { summary, asked } = await guarded("openai-responses", [stream("openai-responses", "server-tools")], release);
  expect(asked.map(({ name }) => name)).toEqual(["run_shell"]);
  expect(summary.serverTools.map(({ name }) => name)).toEqual([
    "web_search",
    "code_interpreter",
    "cluster/list_workloads",
    "shell",
  ]);
  expect(summary.text).toBe("Found it.");
});

test("calls of the API's own tools are asked about by the tool's name and action", async () => {
  const calls: ToolCall[] = [];
  for (const name of [
    "local-shell",
    "shell-and-patch",
    "computer-and-mcp",
    "unknown-item",
    "custom-tool",
    "text-between-tools",
  ]) {
    calls.push(...(await guarded("openai-responses", [stream("openai-responses", name)], release)).asked);
  }
  expect(calls).toMatchObject([
    { id: "call_localR5", name: "local_shell", arguments: { command: ["bash", "-lc", "kubectl delete ns shop"] } },
    { id: "call_shellT7", name: "shell", arguments: { commands: ["kubectl get nodes", "kubectl drain node-1"] } },
    { id: "call_patchU8", name: "apply_patch", arguments: { type: "update_file", path: "deploy/web.yaml" } },
    {
      id: "call_compV9",
      name: "computer",
      arguments: { actions: [{ type: "click" }, { text: "kubectl delete ns shop" }] },
    },
    { name: "remove_workload", toolset: "cluster", arguments: { replicas: 0, name: "web" } },
    { id: "call_holoX2", name: "hologram_call", arguments: { action: { project: "kubectl delete ns shop" } } },
    { id: "call_customV4Lp", name: "apply_patch_tool", arguments: { input: expect.stringContaining("replicas: 0") } },
    { id: "call_betwA1", name: "run_shell", toolset: "ops" },
    { id: "call_betwB2", name: "run_shell" },
  ]);
});

test("an approval that a provider asks for cannot be rewritten, since it runs what it has", async () => {
  const rewrite = (): ToolCallVerdict => ({ effect: "rewrite", arguments: { replicas: 1 } });
  const { summary, bytes } = await guarded(
    "openai-responses",
    [stream("openai-responses", "computer-and-mcp")],
    rewrite,
  );
  expect(summary.broken).toBe("a tool call cannot be rewritten");
  expect(bytes.toString()).not.toContain("remove_workload");
});
