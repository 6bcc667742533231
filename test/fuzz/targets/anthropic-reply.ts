import { guardReply } from "../../../dialogue/anthropic/reply.ts";
import { readRequest } from "../../../dialogue/anthropic/request.ts";
import type { ToolCall, ToolCallVerdict } from "../../../dialogue/types.ts";
import { mutateText } from "../mutate.ts";
import { Random } from "../random.ts";
import { attempt, crash, difference, emptyTally } from "../tally.ts";
import type { FuzzTarget, Tally } from "../target.ts";

const BLOCKS = [
  '{"type":"text","text":"I\'ll \\u0064o it. {\\"type\\":\\"tool_use\\"}"}',
  '{"type":"thinking","thinking":"Hm.","signature":"EqQB=="}',
  '{"type": "tool_use" , "id":"toolu_A","name":"Bash","input": {"command": "kubectl delete ns shop", "n": 1.0} }',
  '{"input":{"path":"/tmp/\\u00e9","a":[{"b":"}"}]},"name":"Read","id":"toolu_B","type":"tool_use"}',
  '{"type":"tool_use","id":"toolu_C","name":"List","input":{},"caller":{"type":"direct"}}',
  '{"type":"server_tool_use","id":"srvtoolu_D","name":"web_search","input":{"query":"x"}}',
  '{"type":"mcp_tool_result","tool_use_id":"m","content":[{"type":"text","text":"x"}]}',
  '{"type":"browser_tool_use","id":"toolu_E","name":"navigate","input":{"url":"https://x.example"}}',
];
const TOKENS = [
  ...'"type":"tool_use" "type":"text" "input":{} "input":{"a":1} "Input":{"a":1} "name":"x" "id":"toolu_Z" "content":[]'.split(
    " ",
  ),
  ...'{ } [ ] , : " \\ \\u0061 {} null "n":1 "n":2 "role":"user" tool_use tool_result messages'.split(" "),
];

/** A call that any reader finds, in whatever case its keys are. */
interface Seen {
  id: unknown;
  input: unknown;
}

function callsSeen(body: string): Seen[] {
  const found: Seen[] = [];
  const content = new Set<unknown>();
  for (const [key, value] of Object.entries(JSON.parse(body) as object)) {
    if (key.toLowerCase() === "content" && Array.isArray(value)) for (const block of value) content.add(block);
  }
  for (const block of content) {
    if (typeof block !== "object" || block === null) continue;
    const of = Object.fromEntries(Object.entries(block).map(([key, value]) => [key.toLowerCase(), value]));
    const passive = ["text", "thinking", "server_tool_use", "mcp_tool_use", "mcp_tool_result"].includes(
      String(of.type),
    );
    if (!passive && (of.type === "tool_use" || "input" in of)) found.push({ id: of.id, input: of.input });
  }
  return found;
}

function verdictOn(call: ToolCall): ToolCallVerdict {
  const turn = (call.text.length + call.index) % 3;
  if (turn === 0) return { effect: "release" };
  return turn === 1 ? { effect: "replace", text: "No." } : { effect: "rewrite", arguments: { rewritten: true } };
}

function makeCase(random: Random): string {
  const blocks = Array.from({ length: random.below(5) }, (_, i) =>
    random.pick(BLOCKS).replace("toolu_", `toolu_${i}`),
  ).join(random.pick([",", " ,\n"]));
  const text = `{"id":"msg_1","type": "message","role":"assistant","content":[${blocks}],"stop_reason":"tool_use"}`;
  return (random.chance(0.4) ? mutateText(random, text, TOKENS) : text).toWellFormed();
}

async function check(tally: Tally, text: string, planted: boolean): Promise<void> {
  const asked: { call: ToolCall; verdict: ToolCallVerdict }[] = [];
  const toolCall = async (call: ToolCall): Promise<ToolCallVerdict> => {
    const verdict = verdictOn(call);
    asked.push({ call, verdict });
    return verdict;
  };
  const body = Buffer.from(text);
  const reply = await guardReply(body, { toolCall });
  const out = planted && text.includes('"input":{}') ? text : reply.body.toString();
  if (reply.summary.broken !== undefined) {
    tally.refused++;
    if (callsSeen(out).length > 0) difference(tally, `a call in an error\n${text}\n${out}`);
    return;
  }
  tally.accepted++;
  const allowed = asked.flatMap(({ call, verdict }) => {
    if (verdict.effect === "replace") return [];
    return [JSON.stringify([call.id, verdict.effect === "rewrite" ? verdict.arguments : call.arguments])];
  });
  for (const { id, input } of callsSeen(out)) {
    if (!allowed.includes(JSON.stringify([id, input]))) difference(tally, `let through\n${text}\n${out}`);
  }
  const released = reply.summary.toolCalls.every(({ verdict }) => verdict.effect === "release");
  if (released && out !== text) difference(tally, `other bytes\n${text}\n${out}`);
}

/** The same texts as requests: read, or refused by name. */
function readAsRequest(tally: Tally, text: string): void {
  const request = text
    .replace('"content":', '"model":"m","messages":[{"role":"user","content":')
    .replace('],"stop', ']}],"stop');
  const outcome = attempt(
    () => readRequest(Buffer.from(request)),
    () => request,
  );
  if ("crash" in outcome) crash(tally, outcome.crash);
}

function runWith(planted: boolean): (cases: number, seed: number) => Promise<Tally> {
  return async (cases, seed) => {
    const random = new Random(seed);
    const tally = { ...emptyTally(), cases };
    for (let i = 0; i < cases; i++) {
      const text = makeCase(random);
      readAsRequest(tally, text);
      await check(tally, text, planted).catch((error: unknown) => crash(tally, `${text}\n${String(error)}`));
    }
    return tally;
  };
}

const target: FuzzTarget = {
  name: "anthropic-reply",
  plant: "a whole reply passes as it is where one of its calls has no input",
  open: async ({ planted }) => ({ run: runWith(planted), close: async () => {} }),
};
export default target;
