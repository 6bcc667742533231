import type { Random } from "./random.ts";

const TEXTS = ["Looking.", " at", "größe 😀", "", "\u2028", 'a "quote"', "\\", "[DONE]", "data: x"];
const ARGUMENTS = [
  '{"command":"kubectl get pods"}',
  '{"a":"größe 😀 \\u2028"}',
  "{}",
  "",
  '{"a":',
  '{"a":1,"a":2}',
  '{"b":[1,{"c":null}]}',
];
const NAMES = ["run_shell", "write_file", "größe"];

/** A text in pieces, as models write it. */
function pieces(random: Random, text: string): string[] {
  const found: string[] = [];
  for (let from = 0; from < text.length; ) {
    const to = from + 1 + random.below(12);
    found.push(text.slice(from, to));
    from = to;
  }
  return found;
}

/** A reply of chat/completions: words and calls of one or two choices, whose chunks are mixed. */
export function chatReply(random: Random): string {
  const chunks = Array.from({ length: random.chance(0.2) ? 2 : 1 }, (_, index) => choiceChunks(random, index));
  const mixed: object[] = [];
  for (let left = chunks; left.length > 0; left = left.filter((list) => list.length > 0)) {
    const [chunk] = random.pick(left).splice(0, 1);
    if (chunk !== undefined) mixed.push(chunk);
  }
  const usage = random.chance(0.5) ? [{ id: "chatcmpl-1", choices: [], usage: { prompt_tokens: 3 } }] : [];
  const comment = (): string => (random.chance(0.05) ? ": hello\n\n" : "");
  const events = [...mixed, ...usage].map((data) => `${comment()}data: ${JSON.stringify(data)}\n\n`);
  return `${events.join("")}data: [DONE]\n\n`;
}

function choiceChunks(random: Random, index: number): object[] {
  const chunk = (delta: object, finish_reason: string | null = null): object => ({
    id: "chatcmpl-1",
    choices: [{ index, delta, finish_reason }],
  });
  const found = [chunk({ role: "assistant", content: "" })];
  const say = (): void => {
    if (random.chance(0.5)) found.push(...pieces(random, random.pick(TEXTS)).map((content) => chunk({ content })));
  };
  say();
  const calls = random.below(4);
  for (let at = 0; at < calls; at++) {
    const custom = random.chance(0.2);
    const name = random.pick(NAMES);
    const [type, key] = custom ? ["custom", "input"] : ["function", "arguments"];
    const first = { index: at, id: `call_${index}${at}`, type, [type]: { name, [key]: "" } };
    const beside = random.chance(0.1) ? { content: "Beside." } : {};
    found.push(chunk({ ...beside, tool_calls: [first] }));
    for (const piece of pieces(random, random.pick(ARGUMENTS))) {
      found.push(chunk({ tool_calls: [{ index: at, [type]: { [key]: piece } }] }));
    }
    if (random.chance(0.2)) say();
  }
  found.push(chunk({}, calls > 0 ? "tool_calls" : "stop"));
  return found;
}

interface Item {
  begun: object;
  between: object[];
  done: object;
}

/** A response: words, reasoning and calls of several types, in order. */
export function response(random: Random): string {
  const id = "resp_1";
  const items = Array.from({ length: random.below(5) }, (_, at) => item(random, at));
  const output = items.map(({ done }) => done);
  const data: Record<string, unknown>[] = [
    { type: "response.created", response: { id, status: "in_progress", output: [] } },
    ...items.flatMap(({ begun, between, done }, output_index) => [
      { type: "response.output_item.added", output_index, item: begun },
      ...between.map((event) => ({ ...event, output_index })),
      { type: "response.output_item.done", output_index, item: done },
    ]),
    random.chance(0.9)
      ? { type: "response.completed", response: { id, status: "completed", output } }
      : { type: "response.incomplete", response: { id, status: "incomplete", output } },
  ];
  const numbered = random.chance(0.9);
  const events = data.map((each, sequence_number) => {
    const comment = random.chance(0.05) ? ": hello\n\n" : "";
    return `${comment}event: ${String(each.type)}\ndata: ${JSON.stringify(numbered ? { ...each, sequence_number } : each)}\n\n`;
  });
  return events.join("");
}

function item(random: Random, at: number): Item {
  const item_id = `it_${at}`;
  if (random.chance(0.3)) {
    const text = random.pick(TEXTS);
    const deltas = pieces(random, text).map((delta) => ({
      type: "response.output_text.delta",
      item_id,
      content_index: 0,
      delta,
    }));
    const message = { type: "message", id: item_id, role: "assistant" };
    return {
      begun: { ...message, content: [] },
      between: deltas,
      done: { ...message, content: [{ type: "output_text", text }] },
    };
  }
  const call_id = `call_${at}`;
  if (random.chance(0.2)) {
    const action = { type: "exec", command: ["bash", "-c", random.pick(TEXTS)], env: {} };
    const shell = { type: "local_shell_call", id: item_id, call_id, action };
    return { begun: { ...shell, status: "in_progress" }, between: [], done: { ...shell, status: "completed" } };
  }
  const [type, key, what] = random.chance(0.2)
    ? ["custom_tool_call", "input", "custom_tool_call_input"]
    : ["function_call", "arguments", "function_call_arguments"];
  const text = random.pick(ARGUMENTS);
  const call = { type, id: item_id, call_id, name: random.pick(NAMES) };
  const deltas = pieces(random, text).map((delta) => ({ type: `response.${what}.delta`, item_id, delta }));
  const said = random.chance(0.05) ? random.pick(ARGUMENTS) : text;
  const between = [...(random.chance(0.05) ? [] : deltas), { type: `response.${what}.done`, item_id, [key]: said }];
  return { begun: { ...call, [key]: "" }, between, done: { ...call, [key]: text } };
}
