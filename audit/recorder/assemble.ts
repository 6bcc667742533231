import { canonicalJson } from "../../base/canonical-json.ts";
import { sha256 } from "../../base/digest.ts";
import { encodeFrame } from "../spool/frame.ts";
import type { Chains } from "./chain.ts";
import type { ToWorker, WireDraft } from "./messages.ts";

/** Digests of contents that were spooled lately: the same manifest again is not written again. */
const REMEMBERED = 4096;

/** Contents above this are left out, and payload.contentTooLarge says so; the data path's own cap is far below. */
const MAX_CONTENT = 64 * 1024 * 1024;
const MAX_PAYLOAD = 8 * 1024 * 1024;

/** Turns drafts into frames for the spool: contents, digests, canonical payload, chain. */
export class Assembler {
  readonly #chains: Chains;
  readonly #recent = new Set<string>();
  /** Stands where an input is spliced in; nobody who writes a payload knows it. */
  readonly #mark = `input-${crypto.randomUUID()}`;
  /** While true, contents are left out: the spool is over its limit and policy is to go on with metadata. */
  metadataOnly = false;
  /** Contents left out so far. */
  leftOut = 0;

  constructor(chains: Chains) {
    this.#chains = chains;
  }

  /** The frames of a batch, in the order in which it was handed over. */
  batch(message: Extract<ToWorker, { type: "events" }>): Buffer[] {
    let drafts = JSON.parse(message.drafts) as WireDraft[];
    // JSON.stringify writes \ud… for lone surrogates only; they have no canonical form.
    if (message.drafts.includes("\\ud")) drafts = wellFormed(drafts) as WireDraft[];
    const content = message.content === undefined ? undefined : Buffer.from(message.content);
    const frames: Buffer[] = [];
    for (const draft of drafts) this.event(draft, content, frames, message.inputs);
    return frames;
  }

  /** Adds the frames of one event: its contents before it, so that whoever has the event has them. */
  event(draft: WireDraft, content: Buffer | undefined, frames: Buffer[], inputs: readonly string[] = []): void {
    const requestBody = this.#keep(draft.request, content, frames);
    const responseBody = this.#keep(draft.response, content, frames);
    const facts = this.#keep(draft.facts, content, frames);
    const payload = this.#payload(draft, facts, draft.inputAt === undefined ? undefined : inputs[draft.inputAt]);
    const { line } = this.#chains.next({ draft, payload, requestBody, responseBody });
    frames.push(encodeFrame("event", [Buffer.from(line)]));
  }

  #payload({ request, response, payload: said = {} }: WireDraft, facts: string, input: string | undefined): string {
    const tooLarge = [request, response].some((range) => range !== undefined && range[1] > MAX_CONTENT);
    const text = canonicalJson({
      ...said,
      ...(tooLarge ? { contentTooLarge: true } : {}),
      ...(facts === "" ? {} : { facts }),
      ...(input === undefined ? {} : { input: this.#mark }),
    });
    const payload = input === undefined ? text : text.replace(`"${this.#mark}"`, () => canonical(input));
    return payload.length <= MAX_PAYLOAD ? payload : canonicalJson({ payloadTooLarge: payload.length });
  }

  #keep(range: [number, number] | undefined, content: Buffer | undefined, frames: Buffer[]): string {
    if (range === undefined || content === undefined || range[1] === 0) return "";
    if (range[1] > MAX_CONTENT) return "";
    if (this.metadataOnly) {
      this.leftOut++;
      return "";
    }
    const bytes = content.subarray(range[0], range[0] + range[1]);
    const digest = sha256(bytes);
    if (this.#recent.has(digest)) return digest;
    if (this.#recent.size >= REMEMBERED) this.#recent.clear();
    this.#recent.add(digest);
    frames.push(encodeFrame("body", [Buffer.from(digest, "hex"), bytes]));
    return digest;
  }
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
