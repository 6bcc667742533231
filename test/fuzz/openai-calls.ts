/** A call as a client has it: of which call, which tool, with what. */
export type Seen = [id: string, name: string, text: string];

type Json = Record<string, unknown>;

const object = (value: unknown): Json => (typeof value === "object" && value !== null ? (value as Json) : {});
const list = (value: unknown): Json[] => (Array.isArray(value) ? value.map(object) : []);

/** Every data line that holds JSON, read for itself. */
export function* dataOf(out: string): Generator<Json> {
  for (const line of out.split(/\r\n|\n|\r/)) {
    if (!line.startsWith("data:")) continue;
    try {
      yield object(JSON.parse(line.slice(5)));
    } catch {}
  }
}

/** Calls that a client of chat/completions puts together from a stream. */
export function chatCalls(out: string): Seen[] {
  const calls = new Map<string, Seen>();
  for (const chunk of dataOf(out)) {
    for (const choice of list(chunk.choices)) {
      const delta = object(choice.delta);
      const legacy = delta.function_call ? [{ index: "legacy", function: delta.function_call }] : [];
      for (const piece of [...list(delta.tool_calls), ...list(object(choice.message).tool_calls), ...legacy]) {
        const key = `${choice.index} ${piece.index}`;
        const call = calls.get(key) ?? ["", "", ""];
        calls.set(key, call);
        const body = object((piece as Json).function ?? (piece as Json).custom);
        call[0] ||= String((piece as Json).id ?? "");
        call[1] ||= String(body.name ?? "");
        call[2] += String(body.arguments ?? body.input ?? "");
      }
    }
  }
  return [...calls.values()];
}

const CLIENT = new Set(["function_call", "custom_tool_call", "local_shell_call"]);

function itemCall(item: Json): Seen[] {
  if (!CLIENT.has(String(item.type))) return [];
  const text =
    item.type === "local_shell_call"
      ? JSON.stringify(item.action ?? {})
      : item.type === "function_call"
        ? item.arguments
        : item.input;
  return [
    [
      String(item.call_id ?? item.id ?? ""),
      String(item.name ?? (item.type === "local_shell_call" ? "local_shell" : "")),
      String(text ?? ""),
    ],
  ];
}

/** Calls that a client of responses finds: in items, in the whole response, in the pieces of arguments and in what ends them. */
export function responseCalls(out: string): Seen[] {
  const found: Seen[] = [];
  const pieces = new Map<unknown, Seen>();
  for (const event of dataOf(out)) {
    const { type, output_index: at } = event;
    if (type === "response.output_item.done") found.push(...itemCall(object(event.item)));
    for (const item of list(object(event.response).output)) found.push(...itemCall(item));
    if (type === "response.output_item.added") {
      const [call] = itemCall(object(event.item));
      if (
        call !== undefined &&
        CLIENT.has(String(object(event.item).type)) &&
        object(event.item).action === undefined
      ) {
        pieces.set(at, [call[0], call[1], ""]);
      }
    }
    const call = pieces.get(at);
    const whole = /(arguments|input)\.done$/.exec(String(type))?.[1];
    if (whole !== undefined) found.push([call?.[0] ?? "", call?.[1] ?? "nobody's", String(event[whole] ?? "")]);
    if (/(arguments|input)\.delta$/.test(String(type))) {
      if (call === undefined) found.push(["", "nobody's", String(event.delta)]);
      else call[2] += String(event.delta);
    }
  }
  // Nobody runs a call that has no name, and some providers send no pieces, but the whole.
  return [...found, ...[...pieces.values()].filter(([, name, text]) => name !== "" && text !== "")];
}
