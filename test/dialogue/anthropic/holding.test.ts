import { setImmediate, setTimeout } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { Refusal } from "../../../base/errors.ts";
import { guardReplyStream } from "../../../dialogue/anthropic/reply-stream.ts";
import { PING } from "../../../dialogue/anthropic/write-events.ts";
import type { ToolCallVerdict } from "../../../dialogue/types.ts";
import { eventsOf, expected, from, inPieces, STREAMS, stream } from "./streams.ts";

/** A provider whose chunks are given one by one, and that says how far it was read. */
class Provider implements AsyncIterable<Uint8Array> {
  asked = 0;
  cancelled = false;
  #given: Uint8Array[] = [];
  #waiting: ((result: IteratorResult<Uint8Array>) => void) | undefined;
  #over = false;

  give(bytes: Uint8Array | string): void {
    this.#given.push(Buffer.from(bytes as string));
    this.#serve();
  }
  end(): void {
    this.#over = true;
    this.#serve();
  }
  #serve(): void {
    const value = this.#given[0];
    if (this.#waiting === undefined || (value === undefined && !this.#over)) return;
    const waiting = this.#waiting;
    this.#waiting = undefined;
    this.#given.shift();
    waiting(value === undefined ? { done: true, value: undefined } : { done: false, value });
  }
  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    return {
      next: () => {
        this.asked++;
        return new Promise((resolve) => {
          this.#waiting = resolve;
          this.#serve();
        });
      },
      return: async () => {
        this.cancelled = true;
        return { done: true, value: undefined };
      },
    };
  }
}

const until = async (holds: () => boolean): Promise<void> => {
  while (!holds()) await setTimeout(1);
};

/** The stream in two: up to and with the event that ends the first tool call's block, and what follows. */
function afterFirstCall(bytes: Buffer): [before: Buffer, call: Buffer, after: Buffer] {
  const events = eventsOf(bytes);
  const begin = events.findIndex(({ data }) => data?.includes('"tool_use"'));
  const end = begin + events.slice(begin).findIndex(({ event }) => event === "content_block_stop") + 1;
  const join = (from: number, to?: number): Buffer => Buffer.concat(events.slice(from, to).map((each) => each.bytes));
  return [join(0, begin), join(begin, end), join(end)];
}

describe("while a reply comes", () => {
  test.each(STREAMS)("each event of $name but a tool call's goes out before the next one comes", async ({ bytes }) => {
    const provider = new Provider();
    const reply = guardReplyStream(provider, { toolCall: async () => ({ effect: "release" }) });
    const out = reply.bytes[Symbol.asyncIterator]();
    let held: Uint8Array[] = [];
    for (const event of eventsOf(bytes)) {
      const data = event.data === undefined ? {} : JSON.parse(event.data);
      const begins = ["tool_use", "browser_tool_use"].includes(data.content_block?.type);
      provider.give(event.bytes);
      if (begins || (held.length > 0 && event.event !== "content_block_stop")) {
        held.push(event.bytes);
        continue;
      }
      // The provider has nothing more to give until this is out: who buffers waits for ever.
      const { value } = await out.next();
      expect(Buffer.from(value)).toEqual(Buffer.concat([...held, event.bytes]));
      held = [];
    }
    provider.end();
    expect((await out.next()).done).toBe(true);
    expect((await reply.summary).broken).toBeUndefined();
  });

  test("an event that is not whole is all that is kept", async () => {
    const provider = new Provider();
    const out = guardReplyStream(provider, { toolCall: async () => ({ effect: "release" }) }).bytes[
      Symbol.asyncIterator
    ]();
    const [first, second] = eventsOf(stream("text")).map(({ bytes }) => Buffer.from(bytes));
    provider.give(Buffer.concat([first as Buffer, (second as Buffer).subarray(0, 20)]));
    expect(Buffer.from((await out.next()).value)).toEqual(first);
    provider.give((second as Buffer).subarray(20));
    expect(Buffer.from((await out.next()).value)).toEqual(second);
    await out.return?.();
  });
});

describe("while a tool call is decided", () => {
  function held(options: { pingMs?: number; aheadBytes?: number } = {}) {
    const provider = new Provider();
    const decision = Promise.withResolvers<ToolCallVerdict>();
    let asked = 0;
    const hooks = {
      toolCall: async () => (asked++ === 0 ? decision.promise : ({ effect: "release" } as const)),
      pingMs: options.pingMs ?? 60_000,
    };
    const reply = guardReplyStream(provider, hooks, options);
    return { provider, decision, reply, out: reply.bytes[Symbol.asyncIterator](), asked: () => asked };
  }

  test("what came before it is out, what comes after it waits, and then all of it comes in order", async () => {
    const bytes = stream("text-between-tools");
    const { provider, decision, out, asked } = held();
    const [before, , after] = afterFirstCall(bytes);
    provider.give(bytes);
    provider.end();
    const pieces = [Buffer.from((await out.next()).value)];
    expect(pieces[0]).toEqual(before);
    const next = out.next();
    await until(() => asked() > 0);
    expect(await Promise.race([next, setTimeout(20, "nothing")])).toBe("nothing");
    decision.resolve({ effect: "replace", text: "Not allowed here." });
    pieces.push(Buffer.from((await next).value));
    for (let piece = await out.next(); !piece.done; piece = await out.next()) pieces.push(Buffer.from(piece.value));
    expect(Buffer.concat(pieces)).toEqual(expected(bytes, (nth) => nth === 0));
    expect(after.length).toBeGreaterThan(0);
  });

  test("those that come behind it are decided at the same time, and none goes out before its turn", async () => {
    const bytes = stream("parallel-tools");
    const decisions = new Map<string, (verdict: ToolCallVerdict) => void>();
    const toolCall = ({ id }: { id: string }) => new Promise<ToolCallVerdict>((resolve) => decisions.set(id, resolve));
    const out = guardReplyStream(from([bytes]), { toolCall }).bytes[Symbol.asyncIterator]();
    const pieces = [Buffer.from((await out.next()).value)];
    const next = out.next();
    await until(() => decisions.size === 3);
    decisions.get("toolu_04Third")?.({ effect: "release" });
    decisions.get("toolu_04Second")?.({ effect: "release" });
    expect(await Promise.race([next, setTimeout(20, "nothing")])).toBe("nothing");
    decisions.get("toolu_04First")?.({ effect: "replace", text: "Not allowed here." });
    pieces.push(Buffer.from((await next).value));
    for (let piece = await out.next(); !piece.done; piece = await out.next()) pieces.push(Buffer.from(piece.value));
    expect(Buffer.concat(pieces)).toEqual(expected(bytes, (nth) => nth === 0));
  });

  test("whether the turn ends is known once the last of them is decided", async () => {
    const bytes = stream("parallel-tools");
    const replace = { effect: "replace", text: "Not allowed here." } as const;
    const toolCall = async ({ index }: { index: number }) => setTimeout(5 * (4 - index), replace);
    const pieces: Uint8Array[] = [];
    for await (const piece of guardReplyStream(from([bytes]), { toolCall }).bytes) pieces.push(piece);
    expect(Buffer.concat(pieces)).toEqual(expected(bytes, () => true));
  });

  test("a stream that goes wrong behind it ends with an error after it was decided", async () => {
    const { provider, decision, out, asked, reply } = held();
    const [before, call] = afterFirstCall(stream("one-tool"));
    provider.give(Buffer.concat([before, call]));
    provider.give("data: nonsense\n\n");
    const pieces = [Buffer.from((await out.next()).value)];
    const next = out.next();
    await until(() => asked() > 0);
    expect(await Promise.race([next, setTimeout(20, "nothing")])).toBe("nothing");
    decision.resolve({ effect: "release" });
    pieces.push(Buffer.from((await next).value), Buffer.from((await out.next()).value));
    expect(Buffer.concat(pieces.slice(0, 2))).toEqual(Buffer.concat([before, call]));
    expect(eventsOf(pieces[2] as Buffer).map(({ event }) => event)).toEqual(["error"]);
    expect((await out.next()).done).toBe(true);
    expect((await reply.summary).toolCalls.map(({ verdict }) => verdict.effect)).toEqual(["release"]);
  });

  test("a session that ends meanwhile ends the reply at once, with its words and nothing of the call", async () => {
    const session = new AbortController();
    const provider = new Provider();
    const toolCall = () => new Promise<ToolCallVerdict>(() => {});
    const reply = guardReplyStream(provider, { toolCall }, { signal: session.signal });
    const out = reply.bytes[Symbol.asyncIterator]();
    provider.give(stream("one-tool"));
    await out.next();
    const next = out.next();
    await setImmediate();
    session.abort(new Refusal("session-ended", "the session was ended"));
    const [error] = eventsOf(Buffer.from((await next).value));
    expect(JSON.parse(error?.data ?? "").error.message).toBe("The gateway ended this reply: the session was ended.");
    expect((await out.next()).done).toBe(true);
    expect(provider.cancelled).toBe(true);
    expect((await reply.summary).broken).toBe("the session was ended");
  });

  test("the client hears pings, and nothing else", async () => {
    const bytes = stream("one-tool");
    const { provider, decision, out, reply } = held({ pingMs: 2 });
    provider.give(bytes);
    provider.end();
    await out.next();
    for (let i = 0; i < 3; i++) expect(Buffer.from((await out.next()).value)).toEqual(PING);
    decision.resolve({ effect: "release" });
    const rest: Buffer[] = [];
    for (let piece = await out.next(); !piece.done; piece = await out.next()) rest.push(Buffer.from(piece.value));
    const [, call, after] = afterFirstCall(bytes);
    expect(Buffer.concat(rest).toString().replaceAll(PING.toString(), "")).toBe(
      Buffer.concat([call, after]).toString(),
    );
    expect((await reply.summary).broken).toBeUndefined();
  });

  test("pings are sent too while its input is still being written, however steadily it comes", async () => {
    const { provider, out } = held({ pingMs: 5 });
    const [before, call] = afterFirstCall(stream("long-arguments"));
    provider.give(before);
    await out.next();
    const next = out.next();
    let heard = false;
    next.then(() => {
      heard = true;
    });
    for (const piece of inPieces(call.subarray(0, -40), 10)) {
      provider.give(piece);
      await setTimeout(1);
      if (heard) break;
    }
    expect(Buffer.from((await next).value)).toEqual(PING);
    await out.return?.();
  });

  test("the provider is read ahead, so that it does not give up, and no further than the limit", async () => {
    const { provider, decision, out, asked } = held({ aheadBytes: 100 });
    const [before, call, after] = afterFirstCall(stream("text-between-tools"));
    provider.give(Buffer.concat([before, call]));
    await out.next();
    const next = out.next();
    await until(() => asked() > 0);
    for (const piece of inPieces(after, 40)) provider.give(piece);
    provider.end();
    await setTimeout(20);
    // The first chunk, and three of 40 bytes.
    expect(provider.asked).toBe(4);
    decision.resolve({ effect: "release" });
    const pieces = [Buffer.from((await next).value)];
    for (let piece = await out.next(); !piece.done; piece = await out.next()) pieces.push(Buffer.from(piece.value));
    expect(Buffer.concat(pieces)).toEqual(Buffer.concat([call, after]));
  });

  test("a client that stops reading ends it at once, and the provider's stream with it", async () => {
    const { provider, out, reply, asked } = held();
    provider.give(stream("one-tool"));
    await out.next();
    const next = out.next();
    await until(() => asked() > 0);
    await out.return?.();
    expect((await next).done).toBe(true);
    expect(provider.cancelled).toBe(true);
    expect((await reply.summary).broken).toBe("the client stopped reading");
  });
});

describe("a client that reads slowly, or stops", () => {
  test("the provider is not read before the client reads", async () => {
    const provider = new Provider();
    const out = guardReplyStream(provider, { toolCall: async () => ({ effect: "release" }) }).bytes[
      Symbol.asyncIterator
    ]();
    await setImmediate();
    expect(provider.asked).toBe(0);
    for (const { bytes } of eventsOf(stream("text"))) provider.give(bytes);
    await out.next();
    await setImmediate();
    expect(provider.asked).toBe(1);
    await out.next();
    expect(provider.asked).toBe(2);
    await out.return?.();
    expect(provider.cancelled).toBe(true);
  });

  test("stopping at the reply's own end leaves it whole", async () => {
    const provider = new Provider();
    const reply = guardReplyStream(provider, { toolCall: async () => ({ effect: "release" }) });
    const out = reply.bytes[Symbol.asyncIterator]();
    provider.give(stream("text"));
    await out.next();
    await out.return?.();
    expect(provider.cancelled).toBe(true);
    expect((await reply.summary).broken).toBeUndefined();
  });

  test("stopping before reading anything cancels the provider's stream as well", async () => {
    const provider = new Provider();
    const reply = guardReplyStream(provider, { toolCall: async () => ({ effect: "release" }) });
    await reply.bytes[Symbol.asyncIterator]().return?.();
    expect(provider.cancelled).toBe(true);
    expect((await reply.summary).broken).toBe("the client stopped reading");
  });

  test("stopping while the provider says nothing ends both at once", async () => {
    const provider = new Provider();
    const reply = guardReplyStream(provider, { toolCall: async () => ({ effect: "release" }) });
    const out = reply.bytes[Symbol.asyncIterator]();
    const next = out.next();
    await setImmediate();
    await out.return?.();
    expect((await next).done).toBe(true);
    expect(provider.cancelled).toBe(true);
    expect((await reply.summary).broken).toBe("the client stopped reading");
  });

  test("a reply that was broken off is read no further", async () => {
    const provider = new Provider();
    const reply = guardReplyStream(provider, { toolCall: async () => ({ effect: "release" }) });
    provider.give("data: nonsense\n\n");
    const pieces: Uint8Array[] = [];
    for await (const piece of reply.bytes) pieces.push(piece);
    expect(provider.cancelled).toBe(true);
    expect(eventsOf(Buffer.concat(pieces)).map(({ event }) => event)).toEqual(["error"]);
  });
});
