import { expect, test } from "vitest";
import { Refusal } from "../../base/errors.ts";
import type { ModelRequest, ReplySummary } from "../../dialogue/types.ts";
import { refusedModelEvent } from "../../proxy/model/events.ts";
import type { ModelKnown } from "../../proxy/model/exchange.ts";
import { KeptByProviders } from "../../proxy/model/kept.ts";
import { requestQuestions } from "../../proxy/model/question.ts";

const known = { id: "e", startedAt: 0, target: "/v1/messages", sourceIP: "", req: { headers: {}, method: "POST" } };
const who = { session: { startedAt: 0 }, identity: {}, connection: {}, endpoint: {}, promptId: "p" };

test("the model's name of a refused request is on record only where it was searched for secrets", () => {
  const nameOf = (more: object) =>
    refusedModelEvent(
      { ...known, ...who, asked: { model: "a-secret" }, ...more } as unknown as ModelKnown,
      new Refusal("bad-header", "no"),
    ).name;
  expect(nameOf({})).toBe("");
  expect(nameOf({ redacted: 0 })).toBe("a-secret");
});

const questions = (tools: ModelRequest["tools"]) =>
  requestQuestions({ ...who, asked: { model: "m", tools, mcpServers: [] } } as never, 0);

test("tools at the provider are asked about once each, by name and type", () => {
  const search = { name: "web_search", type: "web_search_1", server: true };
  expect(questions(Array.from({ length: 100_000 }, () => search))).toHaveLength(2);
  expect(questions([search, { ...search, type: "web_search_2" }, { ...search, name: "other" }])).toHaveLength(4);
});

test("a request that names more than a thousand tools at its provider is refused", () => {
  const many = (n: number) => Array.from({ length: n }, (_, i) => ({ name: `t${i}`, type: "x", server: true }));
  expect(questions(many(1_000))).toHaveLength(1_001);
  expect(() => questions(many(1_001))).toThrow(Refusal);
});

test("of a call that was denied nothing is kept but what answers it", () => {
  const kept = new KeptByProviders();
  const asking = {
    session: { id: "s" },
    connection: { name: "gpt" },
    endpoint: {},
    asked: { tools: [], continues: "r" },
  };
  const text = "a".repeat(1_000);
  const call = { id: "c", name: "shell", kind: "shell_call", text, arguments: { text }, index: 0 };
  const toolCalls = [{ call, verdict: { effect: "replace", text: "no" } }];
  kept.made(asking as never, { kind: "reply", id: "r" }, { id: "r", toolCalls } as unknown as ReplySummary);
  const [denied] = kept.before(asking as never)?.denied ?? [];
  expect(denied).toMatchObject({ call: { id: "c", kind: "shell_call" }, text: "no" });
  expect(JSON.stringify(denied)).not.toContain("aaa");
});
