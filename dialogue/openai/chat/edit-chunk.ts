import { isObject } from "../../json/strict-json.ts";
import type { JsonObject } from "../fields.ts";
import { type ChatCall, LEGACY } from "./call.ts";
import type { Choice } from "./choice.ts";

/** Which calls an entry of `choices` of a chunk has pieces of, in order; the legacy call last. */
export interface ChoicePieces {
  choice: Choice;
  calls: ChatCall[];
}

const CALL_REASONS = new Set(["tool_calls", "function_call"]);

/** The reason that a client sees, where none of the calls is left for it to run. */
export function finishReasonFor(choice: Choice, reason: unknown): unknown {
  return choice.emptied && typeof reason === "string" && CALL_REASONS.has(reason) ? "stop" : reason;
}

/** Whether the chunk can go out as it came. */
export function isUntouched(chunk: JsonObject, pieces: readonly ChoicePieces[]): boolean {
  const choices = chunk.choices as JsonObject[];
  return pieces.every(({ choice, calls }, i) => {
    const reason = choices[i]?.finish_reason;
    return (
      finishReasonFor(choice, reason) === reason &&
      calls.every(
        (call) =>
          call.pending?.verdict?.effect === "release" && (call.at === LEGACY || choice.indexFor(call) === call.at),
      )
    );
  });
}

/** The words in the place of a call: a paragraph of their own. */
export function sayInstead(choice: Choice, text: string): string {
  const said = choice.spoke ? `\n\n${text}` : text;
  choice.spoke = true;
  return said;
}

/** `shown` is per call: the first piece of a call brings what stands in its place, the others nothing. */
function editDelta(delta: JsonObject, { choice, calls }: ChoicePieces): JsonObject {
  const { tool_calls, function_call, ...rest } = delta;
  const entries = Array.isArray(tool_calls) ? (tool_calls as JsonObject[]) : [];
  const kept: JsonObject[] = [];
  const said: string[] = [];
  let legacy: unknown;
  calls.forEach((call, i) => {
    const verdict = call.pending?.verdict;
    const first = !call.shown;
    call.shown = true;
    if (verdict?.effect === "release") {
      if (call.at === LEGACY) legacy = function_call;
      else kept.push({ ...entries[i], index: choice.indexFor(call) });
    } else if (first && verdict?.effect === "rewrite") {
      if (call.at === LEGACY) legacy = call.rewritten(verdict.arguments);
      else kept.push({ index: choice.indexFor(call), ...call.entry(verdict.arguments) });
    } else if (first && verdict?.effect === "replace") {
      said.push(sayInstead(choice, verdict.text));
    }
  });
  return {
    ...rest,
    ...(said.length > 0 ? { content: said.join("") } : {}),
    ...(kept.length > 0 ? { tool_calls: kept } : {}),
    ...(legacy === undefined ? {} : { function_call: legacy }),
  };
}

/** A whole message with what was decided of its calls. */
export function editMessage(message: JsonObject, pieces: ChoicePieces): JsonObject {
  const { content, ...edited } = editDelta({ ...message, content: undefined }, pieces);
  const said = typeof content === "string" ? content : "";
  const words = Array.isArray(message.content)
    ? [...message.content, ...(said === "" ? [] : [{ type: "text", text: said }])]
    : (typeof message.content === "string" ? message.content : "") + said;
  const calls = (edited.tool_calls as JsonObject[] | undefined)?.map(({ index: _index, ...call }) => call);
  return { ...edited, content: words === "" ? null : words, ...(calls && { tool_calls: calls }) };
}

function saysNothing(delta: JsonObject): boolean {
  return Object.values(delta).every((value) => value === null || value === "");
}

/**
 * The chunk with what was decided of its calls; undefined where nothing of it is left. Log probabilities of a choice
 * that lost words may spell them, and go.
 */
export function editChunk(chunk: JsonObject, pieces: readonly ChoicePieces[]): JsonObject | undefined {
  const choices = (chunk.choices as JsonObject[]).flatMap((entry, i) => {
    const of = pieces[i];
    if (of === undefined) return [entry];
    const delta = isObject(entry.delta) ? editDelta(entry.delta, of) : entry.delta;
    const finish_reason = finishReasonFor(of.choice, entry.finish_reason);
    const lost = of.calls.some((call) => call.pending?.verdict?.effect !== "release");
    const edited: JsonObject = { ...entry, delta };
    if ("finish_reason" in entry) edited.finish_reason = finish_reason;
    if (lost && "logprobs" in entry) edited.logprobs = null;
    const empty = lost && isObject(delta) && saysNothing(delta) && (finish_reason ?? "") === "";
    return empty ? [] : [edited];
  });
  if (choices.length === 0 && pieces.length > 0 && !isObject(chunk.usage)) return undefined;
  return { ...chunk, choices };
}
