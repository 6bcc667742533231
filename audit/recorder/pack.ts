import type { Clock } from "../../base/clock.ts";
import { errorMessage } from "../../base/errors.ts";
import type { ContentPart, EventDraft } from "../event.ts";
import type { WireDraft, WirePart } from "./messages.ts";

/** What is handed over: an event, or a part of a content. */
export type Handed = EventDraft | ContentPart;

/**
 * Drafts as one JSON text, and their contents copied into one buffer that can be transferred. Copied, since the data
 * path still forwards the bytes that it hands over, and most are slices of Node's pool: a transfer would pull them
 * from under it. Never throws: a draft that JSON cannot hold is recorded without its payload, and says so.
 */
export function packDrafts(
  drafts: readonly Handed[],
  clock: Clock,
): { text: string; inputs: string[]; content: ArrayBuffer | undefined } {
  let size = 0;
  for (const draft of drafts) {
    if (!("kind" in draft)) {
      size += draft.bytes?.byteLength ?? 0;
      continue;
    }
    size += (draft.request_content?.byteLength ?? 0) + (draft.response_content?.byteLength ?? 0);
    size += draft.input_facts?.byteLength ?? 0;
  }
  const content = size === 0 ? undefined : new Uint8Array(size);
  let offset = 0;
  const copy = (bytes: Uint8Array): [number, number] => {
    content?.set(bytes, offset);
    const range: [number, number] = [offset, bytes.byteLength];
    offset += bytes.byteLength;
    return range;
  };
  const inputs: string[] = [];
  const wire = drafts.map((draft): WireDraft | WirePart => {
    if (!("kind" in draft)) {
      const { stream, offset: at, bytes } = draft;
      return { stream, offset: at, ...(bytes === undefined ? {} : { range: copy(bytes) }) };
    }
    const timed = Number.isFinite(draft.at_ms) ? draft : { ...draft, at_ms: clock.now() };
    const named = timed.input === undefined ? timed : withIndex(timed, inputs.push(timed.input) - 1);
    const { request_content, response_content, input_facts } = named;
    if (request_content === undefined && response_content === undefined && input_facts === undefined) return named;
    const { request_content: _, response_content: __, input_facts: ___, ...rest } = named;
    return {
      ...rest,
      ...(request_content === undefined ? {} : { request: copy(request_content) }),
      ...(response_content === undefined ? {} : { response: copy(response_content) }),
      ...(input_facts === undefined ? {} : { facts: copy(input_facts) }),
    };
  });
  return { text: stringify(wire), inputs, content: content?.buffer };
}

/** In place: the draft was handed over, and a copy of its forty fields would cost more than its JSON. */
function withIndex(draft: EventDraft, inputAt: number): Omit<EventDraft, "input"> & { inputAt: number } {
  draft.input = undefined;
  return Object.assign(draft, { inputAt });
}

function stringify(wire: readonly (WireDraft | WirePart)[]): string {
  try {
    return JSON.stringify(wire);
  } catch {
    return `[${wire.map(stringifyOne).join(",")}]`;
  }
}

function stringifyOne(draft: WireDraft | WirePart): string {
  try {
    return JSON.stringify(draft);
  } catch (error) {
    return JSON.stringify({ ...draft, payload: { unrecordable: errorMessage(error) } });
  }
}

/** A draft as it was before `packDrafts`, with the input that crossed beside it. */
export function unpacked(handed: Handed, inputs: readonly string[]): Handed {
  const packed: Handed & { inputAt?: number } = handed;
  if ("kind" in packed && packed.inputAt !== undefined) {
    packed.input = inputs[packed.inputAt];
    delete packed.inputAt;
  }
  return packed;
}
