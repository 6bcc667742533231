import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type BudgetsConfig, budgetsSchema } from "../../base/config/budgets.ts";
import { Refusal } from "../../base/errors.ts";
import { silentLog } from "../../base/log.ts";
import { guardReplyStream } from "../../dialogue/anthropic/reply-stream.ts";
import { readChatRequest } from "../../dialogue/openai/chat/request.ts";
import type { ReplySummary } from "../../dialogue/types.ts";
import { Budgets, type Spender } from "../../proxy/model/budgets.ts";
import { boundOf, NONE, spentOf } from "../../proxy/model/budgets-tokens.ts";
import type { ModelDeps } from "../../proxy/model/deps.ts";
import type { ModelDecided } from "../../proxy/model/exchange.ts";
import { KeptByProviders } from "../../proxy/model/kept.ts";
import { reserve, settleReservation } from "../../proxy/model/steps/reserve.ts";
import { bash, stream } from "./dialogue.ts";

const HOUR = 3_600_000;
const START = Date.parse("2026-11-23T10:00:00Z");
const PRICE = { inputPerMillion: 3, outputPerMillion: 15, cacheReadPerMillion: 0.3, cacheWritePerMillion: 3.75 };
const AGENT: Spender = {
  session: "s1",
  identity: { issuer: "https://idp", username: "dev:agent", groups: ["dev:agents"] },
  connection: "claude",
};

let folder: string;
let now: number;
let n = 0;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sallyport-budgets-"));
  now = START;
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function open(config: object): Budgets {
  return new Budgets(budgetsSchema.parse(config) as BudgetsConfig, {
    folder: join(folder, "usage"),
    hmacKey: Buffer.alloc(32, 1),
    sessionMs: 12 * HOUR,
    clock: { now: () => now },
    log: silentLog,
  });
}

/** A request that may come to so many tokens of output. */
function ask(budgets: Budgets, { who = AGENT, model = "claude-x", most = 100, more = [] as string[] } = {}) {
  return budgets.reserve(`e${++n}`, who, { models: [model, ...more], bound: { ...NONE, output: most } });
}

/** One that came to so many. */
function spend(budgets: Budgets, output: number, options: Parameters<typeof ask>[1] = {}) {
  const { model = "claude-x" } = options;
  return ask(budgets, options).settle({ tokens: { ...NONE, output }, model });
}

const refused = (run: () => unknown): Refusal => {
  try {
    run();
  } catch (error) {
    if (error instanceof Refusal) return error;
    throw error;
  }
  throw new Error("it was not refused");
};

describe("a budget", () => {
  test.for([
    ["tokens", { tokens: 1_000 }, "1000 of 1000 tokens"],
    ["calls", { calls: 1 }, "1 of 1 calls"],
    ["cost", { cost: 0.015 }, "0.015 of 0.015 cost"],
  ] as const)("of %s refuses with 402 once it is spent, and says how much it was", ([, most, words]) => {
    const budgets = open({ prices: { "claude-*": PRICE }, limits: [{ per: "session", ...most }] });
    expect(spend(budgets, 1_000)).toEqual({ tokens: 1_000, cost: 0.015 });
    const { status, code, message, details } = refused(() => ask(budgets));
    expect([status, code]).toEqual([402, "budget-spent"]);
    expect(message).toBe(`the budget of this session is spent: ${words}`);
    expect(details.next).toMatch(/operator/);
    expect(details.retryAfterSeconds).toBeUndefined();
  });

  test("of a session is its own, and of an identity all its sessions', of whichever issuer's identity alone", () => {
    const budgets = open({
      limits: [
        { per: "session", calls: 2 },
        { per: "identity", calls: 3 },
      ],
    });
    const other = { ...AGENT, session: "s2" };
    spend(budgets, 1);
    spend(budgets, 1);
    expect(refused(() => ask(budgets)).message).toContain("this session");
    spend(budgets, 1, { who: other });
    expect(refused(() => ask(budgets, { who: other })).message).toContain("24h of this identity");
    spend(budgets, 1, { who: { ...other, session: "s3", identity: { ...AGENT.identity, issuer: "https://other" } } });
  });

  test("keeps room for what is open, so that a hundred requests at once pass it by one reply at most", () => {
    const budgets = open({ limits: [{ per: "session", tokens: 1_000 }] });
    const taken = Array.from({ length: 100 }).flatMap(() => {
      try {
        return [ask(budgets, { most: 300 })];
      } catch {
        return [];
      }
    });
    expect(taken).toHaveLength(4);
    expect(refused(() => ask(budgets)).message).toMatch(/0 of 1000 tokens being spent, is kept for 4 replies that are/);
    for (const one of taken) one.settle({ tokens: { ...NONE, output: 10 }, model: "claude-x" });
    ask(budgets);
  });

  test("keeps room for the dearest of the models that may answer, however often each is named", () => {
    const prices = { "claude-*": PRICE, "gpt-*": { ...PRICE, outputPerMillion: 30 } };
    const budgets = open({ prices, limits: [{ per: "session", cost: 0.06 }] });
    const more = [...Array<string>(250_000).fill("claude-x"), "gpt-x"];
    ask(budgets, { most: 1_000, more });
    ask(budgets, { most: 1_000, more });
    expect(refused(() => ask(budgets)).message).toMatch(/is kept for 2 replies/);
  });

  test("counts nothing for what the provider did not take, and one reply once", () => {
    const budgets = open({ limits: [{ per: "session", calls: 1 }] });
    ask(budgets).settle(undefined);
    const reply = ask(budgets);
    reply.settle({ tokens: NONE, model: "claude-x" });
    reply.settle({ tokens: NONE, model: "claude-x" });
    expect(refused(() => ask(budgets)).message).toContain("1 of 1 calls");
  });

  test("of a window has room again as it passes, and says when", () => {
    const budgets = open({ limits: [{ per: "identity", window: "1h", tokens: 100 }] });
    spend(budgets, 60);
    now += HOUR / 2;
    spend(budgets, 60);
    const { details } = refused(() => ask(budgets));
    const at = Date.parse(/room again at (\S+);/.exec(details.next ?? "")?.[1] ?? "");
    expect(at).toBeGreaterThanOrEqual(START + HOUR);
    expect(at).toBeLessThanOrEqual(START + HOUR + 2 * 60_000);
    now = at - 1;
    refused(() => ask(budgets));
    now = at;
    ask(budgets);
  });

  test.for([
    ["another user", { users: ["dev:bob"] }],
    ["users but this one", { users: ["*", "!dev:agent"] }],
    ["another group", { groups: ["dev:sre"] }],
    ["another connection", { connections: ["gpt*"] }],
  ] as const)("of %s is not this one's", ([, match]) => {
    const budgets = open({ limits: [{ match, per: "identity", calls: 1 }] });
    spend(budgets, 1);
    spend(budgets, 1);
  });

  test("of globs that match is, and every limit that matches applies", () => {
    const match = { users: ["dev:*"], groups: ["*:agents"], connections: ["cl*"] };
    const budgets = open({
      limits: [
        { per: "session", calls: 9 },
        { match, per: "session", calls: 1 },
      ],
    });
    spend(budgets, 1);
    refused(() => ask(budgets));
  });
});

describe("a cost", () => {
  const limits = [{ per: "session", cost: 1 }];
  test("is limited only for models whose price is known: others are refused by name", () => {
    const budgets = open({ prices: { "claude-*": PRICE }, limits });
    const { code, status, message } = refused(() => ask(budgets, { model: "gpt-9" }));
    expect([code, status]).toEqual(["price-unknown", 402]);
    expect(message).toBe('costs are limited on claude, and the gateway has no price for "gpt-9"');
    expect(refused(() => ask(budgets, { more: ["default"] })).message).toContain('"default"');
  });

  test("is reserved by the dearest model that may be used, and counted by the one that was", () => {
    const dear = { ...PRICE, outputPerMillion: 1_000_000 };
    const budgets = open({ prices: { "claude-dear": dear, "claude-*": PRICE }, limits });
    const first = ask(budgets, { more: ["claude-dear"] });
    expect(refused(() => ask(budgets)).message).toContain("kept for 1 replies");
    expect(first.settle({ tokens: { ...NONE, input: 1, output: 1 }, model: "claude-dear-not" })?.cost).toBe(18 / 1e6);
    ask(budgets);
  });
});

describe("after a restart", () => {
  const limits = [
    { per: "session", tokens: 1_000 },
    { per: "identity", window: "2d", tokens: 1_500 },
  ];

  test("what was spent is spent, by sessions and identities, and what has passed its window is not", () => {
    const before = open({ limits });
    spend(before, 1_000);
    before.close();
    now += HOUR;
    const after = open({ limits });
    refused(() => ask(after));
    spend(after, 500, { who: { ...AGENT, session: "s2" } });
    refused(() => ask(after, { who: { ...AGENT, session: "s3" } }));
    after.close();
    now += 49 * HOUR;
    ask(open({ limits }), { who: { ...AGENT, session: "s4" } });
  });

  test("what was open counts with all that it might have come to", () => {
    ask(open({ limits }), { most: 1_000 });
    expect(refused(() => ask(open({ limits }))).message).toContain("1000 of 1000");
  });

  test("a line that was cut is left out, and the next one is read", () => {
    const before = open({ limits });
    spend(before, 400);
    before.close();
    const [day = ""] = readdirSync(join(folder, "usage"));
    appendFileSync(join(folder, "usage", day), '{"id":"cut","at":17');
    spend(open({ limits }), 600);
    expect(refused(() => ask(open({ limits }))).message).toContain("1000 of 1000");
  });

  test("nothing is asked where what is spent cannot be written down", () => {
    const budgets = open({ limits });
    const reply = ask(budgets);
    rmSync(join(folder, "usage"), { recursive: true });
    now += 24 * HOUR;
    expect(reply.settle({ tokens: { ...NONE, output: 5 }, model: "claude-x" })?.tokens).toBe(5);
    const { code, status } = refused(() => ask(budgets));
    expect([code, status]).toEqual(["recorder-unavailable", 503]);
  });

  test("files of days that no window reaches are gone, and none holds a name", () => {
    const first = open({ limits });
    spend(first, 1);
    now += 100 * HOUR;
    spend(first, 1);
    const days = readdirSync(join(folder, "usage"));
    expect(days).toEqual(["2026-11-27"]);
    expect(readFileSync(join(folder, "usage", days[0] ?? ""), "utf8")).not.toContain("agent");
  });
});

test("what may be written is what the request says, within reason", () => {
  const outputs = [{ maxTokens: 100 }, { maxTokens: 0 }, { maxTokens: 1e15 }, {}].map((asked) => boundOf(4_000, asked));
  expect(outputs.map(({ output }) => output)).toEqual([100, 0, 1_000_000, 32_768]);
  expect(boundOf(1e9, {}).input).toBe(1_000_000);
  const many = [3, 0, 1e15].map((replies) => boundOf(4_000, { maxTokens: 100, replies }).output);
  expect(many).toEqual([300, 100, 12_800]);
});

test("what a provider kept of the conversation is taken in again by the request that goes on from it", () => {
  expect(boundOf(4_000, {}, 500).input).toBe(1_500);
  expect(boundOf(4_000, {}, 1e9).input).toBe(1_000_000);
});

test("sessions that are long over are forgotten, and none that still counts", () => {
  const budgets = open({ limits: [{ per: "session", calls: 1 }] });
  for (let i = 0; i < 10_000; i++) spend(budgets, 1, { who: { ...AGENT, session: `old-${i}` } });
  now += 13 * HOUR;
  spend(budgets, 1);
  for (let i = 0; i < 10_000; i++) spend(budgets, 1, { who: { ...AGENT, session: `new-${i}` } });
  refused(() => ask(budgets));
  refused(() => ask(budgets, { who: { ...AGENT, session: "new-0" } }));
  ask(budgets, { who: { ...AGENT, session: "old-0" } });
});

describe("a request in its budgets", () => {
  const settledBy = (more: object) => {
    const budgets = open({ limits: [{ per: "session", tokens: 1_000_000 }] });
    const asked = { model: "m", messages: [], n: 3, max_tokens: 200, max_completion_tokens: 100 };
    const body = Buffer.from(JSON.stringify(asked));
    const exchange = {
      ...{ id: "e", asked: readChatRequest(body), body, session: { id: "s1" }, identity: AGENT.identity },
      ...{ endpoint: { replies: true, dialect: "openai.chat" }, connection: { name: "gpt", kind: "openai" } },
      ...more,
    } as unknown as ModelDecided;
    reserve(exchange, { budgets, kept: new KeptByProviders() } as unknown as ModelDeps);
    settleReservation(exchange);
    return exchange.spent;
  };

  test("spends the bound of all replies that it asks for where it was sent, and nobody waited for the answer's head", () => {
    expect(settledBy({ sent: true })).toEqual({ tokens: 600 + 20, estimated: true });
  });

  test("spends nothing where it was not sent, or its provider did not take it", () => {
    expect(settledBy({ sent: false })).toBeUndefined();
    expect(settledBy({ sent: true, response: { status: 529 } })).toBeUndefined();
  });
});

describe("what a reply came to", () => {
  const bound = boundOf(4_000, { maxTokens: 100 });
  const reply = (more: Partial<ReplySummary>): ReplySummary => ({
    ...{ text: "", thinking: "", truncated: false, toolCalls: [], serverTools: [], usage: {} },
    ...more,
  });
  const usage = { inputTokens: 100, outputTokens: 20, cacheReadTokens: 30, cacheWriteTokens: 10 };
  const of = (
    summary: ReplySummary | undefined,
    cut = false,
    dialect: "anthropic.messages" | "openai.chat" = "openai.chat",
  ) => spentOf(dialect, { summary, cut, bound });

  test("is the provider's own count, where no token is counted twice", () => {
    const tokens = { output: 20, cacheRead: 30, cacheWrite: 10 };
    expect(of(reply({ usage }), false, "anthropic.messages")).toEqual({
      tokens: { input: 100, ...tokens },
      estimated: false,
    });
    expect(of(reply({ usage }))).toEqual({ tokens: { input: 60, ...tokens }, estimated: false });
  });

  test("is all that was allowed where Anthropic's count had not come: what a model thinks unseen is in no other", async () => {
    const bytes = Buffer.from(stream("", [bash("toolu_1", "kubectl get pods")]));
    const before = bytes.subarray(0, bytes.indexOf("event: message_delta"));
    for (const [part, output] of [
      [before, 100],
      [bytes.subarray(0, -5), 30],
    ] as const) {
      const guarded = guardReplyStream(Readable.from([part]), { toolCall: async () => ({ effect: "release" }) });
      for await (const _ of guarded.bytes);
      expect(of(await guarded.summary, false, "anthropic.messages")).toMatchObject({ tokens: { input: 12, output } });
    }
  });

  test.for([
    [
      "was cut by who asked",
      reply({ usage: { inputTokens: 100, outputTokens: 1 }, text: "a".repeat(90) }),
      true,
      100,
      30,
    ],
    ["broke off", reply({ usage, text: "a", broken: "it ended" }), false, 60, 20],
    ["is not counted by its provider", reply({ text: "a".repeat(30) }), false, 1_000, 100],
    ["is longer than was allowed", reply({ thinking: "a".repeat(3_000) }), false, 1_000, 100],
    ["nobody could read", undefined, false, 1_000, 100],
  ] as const)("is estimated where it %s", ([, summary, cut, input, output]) => {
    expect(of(summary, cut)).toMatchObject({ tokens: { input, output }, estimated: true });
  });
});

test.for([
  [{ per: "session" }, "limits nothing"],
  [{ per: "session", window: "24h", calls: 1 }, "from its start"],
  [{ per: "identity", window: "1m", calls: 1 }, "10m to 31d"],
  [{ per: "identity", window: "a day", calls: 1 }, "minutes, hours or days"],
  [{ per: "identity", calls: 0 }, "Too small"],
  [{ per: "identity", calls: 1.5 }, "int"],
] as const)("a limit %o is refused: %s", ([limit, words]) => {
  expect(JSON.stringify(budgetsSchema.safeParse({ limits: [limit] }).error?.issues)).toContain(words);
});
