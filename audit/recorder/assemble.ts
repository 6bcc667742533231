import { canonicalJson } from "../../base/canonical-json.ts";
import { encodeFrame } from "../spool/frame.ts";
import type { Chains } from "./chain.ts";
import type { Contents } from "./contents.ts";
import type { ToWorker, WireDraft, WirePart } from "./messages.ts";

/** A larger payload is kept as a content, and the payload names it. */
const MAX_PAYLOAD = 8 * 1024 * 1024;

/** A process has another writer after each end of its recorder's thread, and each 100,000 sessions. */
const MAX_WRITERS = 1000;

/** Turns drafts into frames for the spool: contents, digests, canonical payload, chain. */
export class Assembler {
  readonly #chains: Chains;
  readonly #contents: Contents;
  /** Stands where an input is spliced in; nobody who writes a payload knows it. */
  readonly #mark = `input-${crypto.randomUUID()}`;

  constructor(chains: Chains, contents: Contents) {
    this.#chains = chains;
    this.#contents = contents;
  }

  /** The frames of a batch, in the order in which it was handed over. */
  batch(message: Extract<ToWorker, { type: "events" }>): Buffer[] {
    let drafts = JSON.parse(message.drafts) as (WireDraft | WirePart)[];
    // JSON.stringify writes \ud… for lone surrogates only; they have no canonical form.
    if (message.drafts.includes("\\ud")) drafts = wellFormed(drafts) as (WireDraft | WirePart)[];
    const content = message.content === undefined ? undefined : Buffer.from(message.content);
    const frames: Buffer[] = [];
    for (const draft of drafts) {
      if ("kind" in draft) this.event(draft, content, frames, message.inputs);
      else if (draft.range === undefined) this.#contents.abandon(draft.stream);
      else this.#contents.part(draft.stream, draft.offset, slice(content, draft.range), frames);
    }
    return frames;
  }

  /** Adds the frames of one event: its contents before it, so that whoever has the event has them. */
  event(draft: WireDraft, content: Buffer | undefined, frames: Buffer[], inputs: readonly string[] = []): void {
    const keep = (range: [number, number] | undefined): string =>
      range === undefined ? "" : this.#contents.keep(slice(content, range), frames);
    const requestBody = keep(draft.request);
    const { response_stream: stream } = draft;
    const streamed = stream && this.#contents.finish(stream.id, stream.bytes, frames);
    const responseBody = stream === undefined ? keep(draft.response) : (streamed ?? "");
    const facts = keep(draft.facts);
    const input = draft.inputAt === undefined ? undefined : inputs[draft.inputAt];
    const said = {
      ...draft.payload,
      ...(stream !== undefined && streamed === undefined ? { contentMissing: true } : {}),
      ...(facts === "" ? {} : { facts }),
      ...this.#closedWriters(draft),
    };
    const payload = this.#payload(said, input, frames);
    const { parts } = this.#chains.next({ draft, payload, requestBody, responseBody });
    frames.push(encodeFrame("event", parts));
  }

  /** A session that this process opened as another writer ends for that one too (audit/session-life.ts). */
  #closedWriters({ kind, payload }: WireDraft): { writers?: string[] } {
    if (kind !== "session.closed" || payload?.writers !== undefined) return {};
    const { writers } = this.#chains;
    return writers.length === 1 ? {} : { writers: writers.slice(-MAX_WRITERS) };
  }

  #payload(said: Record<string, unknown>, input: string | undefined, frames: Buffer[]): string {
    const text = canonicalJson(input === undefined ? said : { ...said, input: this.#mark });
    const payload = input === undefined ? text : text.replace(`"${this.#mark}"`, () => canonical(input));
    if (payload.length <= MAX_PAYLOAD) return payload;
    const bytes = Buffer.from(payload);
    const { decisionId } = said;
    return canonicalJson({
      // By which it is found.
      ...(typeof decisionId === "string" && decisionId.length <= 64 ? { decisionId } : {}),
      payloadBody: this.#contents.keep(bytes, frames),
      payloadTooLarge: bytes.length,
    });
  }
}

function slice(content: Buffer | undefined, [offset, length]: [number, number]): Buffer {
  return content?.subarray(offset, offset + length) ?? Buffer.alloc(0);
}

/** It is canonical as it comes, but for lone surrogates, which have no canonical form. */
function canonical(input: string): string {
  return input.includes("\\ud") ? canonicalJson(wellFormed(JSON.parse(input))) : input;
}

function wellFormed(value: unknown): unknown {
  if (typeof value === "string") return value.toWellFormed();
  if (Array.isArray(value)) return value.map(wellFormed);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key.toWellFormed(), wellFormed(entry)]));
}
