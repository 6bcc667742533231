import { Refusal } from "../../base/errors.ts";
import type { KnownValues } from "../../engine/mask/known-values.ts";
import { recordMasks } from "../../engine/mask/record-masks.ts";
import { createStreamRedactor } from "../../engine/mask/redact-stream.ts";
import { WatchFrames } from "../../kubernetes/watch-frames.ts";
import { isLog } from "../answer/redact-log.ts";
import type { Deps } from "../deps.ts";
import type { Forwarded } from "../exchange.ts";
import { type RecordMasker, recordMaskerOf } from "./record-masker.ts";

/** What the record keeps of an answer's bytes, where that is not what its client gets. */
export interface RecordedPart {
  push(chunk: Buffer): Buffer[];
  end(): Buffer[];
  /** Reads the answer even where nothing of it is kept: what its caller was let see must not come on record later. */
  readonly learns?: boolean;
}

/** An answer that policy lets pass unmasked and the record must mask is held whole for that, up to here. */
const LIMIT = 8 * 1024 * 1024;
const TOO_LARGE = Buffer.from('{"sallyportWithheld":"the answer is too large to be masked for the record"}');
const UNMASKABLE = Buffer.from(
  '{"sallyportWithheld":"the answer cannot be masked for the record: its encoding, or its session ended"}',
);
const UNSEARCHABLE = Buffer.from("[sallyport-withheld: not searchable]");

/**
 * How an answer is put on record where not as its client gets it: an object is masked of what no record may hold, and a
 * stream of bytes is searched. Undefined where both are the same.
 */
export function recordedPartOf(exchange: Forwarded, deps: Deps): RecordedPart | undefined {
  const { attributes, session, response, decision } = exchange;
  const credentials = recordMasks(attributes, false).length > 0;
  if (decision.record !== "RequestResponse" && !credentials) return undefined;
  const sources = [deps.knownValues, deps.recordValues].flatMap((values) => values.known(session.id));
  const isObject = attributes.resource !== "" && attributes.operation !== "CONNECT" && !isLog(exchange);
  if (!isObject) return sources.length === 0 ? undefined : new SearchedAnswer(sources);
  const masker = recordMaskerOf(exchange, deps);
  if (masker === undefined || alreadyMasked(exchange)) return undefined;
  // What is masked for the client is written anew, in JSON or from it; what passes is as the API server encodes it.
  const type = String(response.headers["content-type"] ?? "");
  const json = /json/.test(type) && exchange.render === "json";
  return new MaskedAnswer(masker, { json, watch: attributes.watch && response.status === 200, learns: credentials });
}

/** Whether policy masks a Secret already as the record would. */
function alreadyMasked({ decision, attributes }: Forwarded): boolean {
  const { group, resource } = attributes;
  return (
    group === "" &&
    resource === "secrets" &&
    decision.mask.some(({ fields }) => fields.includes("data.*") && fields.includes("stringData.*"))
  );
}

class MaskedAnswer implements RecordedPart {
  readonly #masker: RecordMasker;
  readonly #options: { json: boolean; watch: boolean };
  readonly learns: boolean;
  readonly #frames = new WatchFrames();
  #lost = false;
  #parts: Buffer[] = [];
  #size = 0;

  constructor(masker: RecordMasker, options: { json: boolean; watch: boolean; learns: boolean }) {
    this.#masker = masker;
    this.#options = options;
    this.learns = options.learns;
  }

  push(chunk: Buffer): Buffer[] {
    if (!this.#options.json || this.#lost) return [];
    if (this.#options.watch) return this.#guarded(() => this.#frames.push(chunk).map((frame) => this.#line(frame)));
    this.#size += chunk.length;
    if (this.#size <= LIMIT) this.#parts.push(chunk);
    else this.#parts = [];
    return [];
  }

  end(): Buffer[] {
    if (!this.#options.json) return [UNMASKABLE];
    if (this.#lost) return [];
    if (this.#options.watch) {
      return this.#guarded(() => {
        const rest = this.#frames.end();
        return rest === undefined ? [] : [this.#line(rest)];
      });
    }
    if (this.#size > LIMIT) return [TOO_LARGE];
    return this.#size === 0 ? [] : this.#guarded(() => [this.#masked(Buffer.concat(this.#parts))]);
  }

  #line(frame: Buffer): Buffer {
    return Buffer.concat([this.#masked(frame), Buffer.from("\n")]);
  }

  #masked(json: Buffer): Buffer {
    return Buffer.from(this.#masker.maskText(json.toString("utf8")).value);
  }

  /** What cannot be masked is not kept. */
  #guarded(work: () => Buffer[]): Buffer[] {
    try {
      return work();
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.#lost = true;
      return [UNMASKABLE];
    }
  }
}

/** Bytes of programs: what is known is overwritten in them, as it is in a log. */
class SearchedAnswer implements RecordedPart {
  readonly #redactors: ReturnType<typeof createStreamRedactor>[] = [];
  #lost = false;

  constructor(sources: readonly KnownValues[]) {
    this.#guarded(() => {
      for (const known of sources) this.#redactors.push(createStreamRedactor(known));
      return [];
    });
  }

  push(chunk: Buffer): Buffer[] {
    return this.#guarded(() => some(this.#redactors.reduce((bytes: Uint8Array, one) => one.push(bytes), chunk)));
  }

  end(): Buffer[] {
    return this.#guarded(() => {
      let rest: Uint8Array = new Uint8Array(0);
      for (const one of this.#redactors) rest = Buffer.concat([one.push(rest), one.flush()]);
      return some(rest);
    });
  }

  /** What cannot be searched is not kept. */
  #guarded(work: () => Buffer[]): Buffer[] {
    if (this.#lost) return [];
    try {
      return work();
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.#lost = true;
      return [UNSEARCHABLE];
    }
  }
}

function some({ buffer, byteOffset, length }: Uint8Array): Buffer[] {
  return length === 0 ? [] : [Buffer.from(buffer, byteOffset, length)];
}
