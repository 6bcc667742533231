import { createRequire } from "node:module";
import { ENTRYPOINT } from "../bundle/bundle.ts";
import { SDK_BUILTINS } from "../bundle/capabilities.ts";
import { refuseForeign } from "./inspect.ts";

// The package's ES module exports loadPolicy alone; its CommonJS one has what its types say.
const require = createRequire(import.meta.url);
const { loadPolicySync } = require("@open-policy-agent/opa-wasm") as typeof import("@open-policy-agent/opa-wasm");

/** Enough for the data and a small input; opa's allocator grows it as needed. */
const INITIAL_PAGES = 32;
/** 128 MB: an evaluation that wants more traps, and denies. */
const MAXIMUM_PAGES = 2048;
/** WASM memory never shrinks: past 4 MB the instance is replaced. */
const RECYCLE_BYTES = 4 * 1024 * 1024;

type Loaded = ReturnType<typeof loadPolicySync>;

/** A compiled policy with its data: what an instance is made of, and what a worker is sent. */
export interface Program {
  /** Tells programs apart: hash of the WASM and of the data. */
  key: string;
  module: WebAssembly.Module;
  /** JSON of `{rules, guardrails}`. */
  data: ArrayBuffer;
  /** Tests of a policy, and nothing that serves: they have entrypoints of their own, and may call what only opa has. */
  tests?: true;
}

/**
 * One WASM instance of a program. Data are set once and never again: a `setData` that fails halfway corrupts
 * a live instance. After an evaluation that threw, or grew the memory, the next one gets a new instance.
 */
export class PolicyInstance {
  readonly #program: Program;
  readonly #recycleBytes: number;
  #loaded: Loaded | undefined;

  constructor(program: Program) {
    this.#program = program;
    this.#loaded = instantiate(program);
    this.#recycleBytes = Math.max(RECYCLE_BYTES, memoryBytes(this.#loaded) * 2);
  }

  /**
   * The result of the entrypoint (the program's first where none is named), or undefined where it has none.
   * Throws what the policy throws.
   */
  evaluate(input?: ArrayBuffer, entrypoint?: string): unknown {
    const loaded = this.#loaded ?? instantiate(this.#program);
    this.#loaded = undefined;
    const results: unknown = loaded.evaluate(input, entrypoint);
    if (memoryBytes(loaded) <= this.#recycleBytes) this.#loaded = loaded;
    const first: unknown = Array.isArray(results) ? results[0] : undefined;
    return typeof first === "object" && first !== null && "result" in first ? first.result : undefined;
  }
}

function instantiate(program: Program): Loaded {
  const loaded = loadPolicySync(program.module as unknown as BufferSource, {
    initial: INITIAL_PAGES,
    maximum: MAXIMUM_PAGES,
  });
  if (program.tests !== true) refuseForeign(loaded, ENTRYPOINT, SDK_BUILTINS);
  loaded.setData(program.data);
  return loaded;
}

function memoryBytes(loaded: Loaded): number {
  return loaded.mem.buffer.byteLength;
}

const encoder = new TextEncoder();

/**
 * JSON as the SDK takes it. It must be an ArrayBuffer: a Buffer or Uint8Array is stringified as
 * `{"0":123…}`, and denials turned into allows [M]. An ArrayBuffer is taken whole, so a view on a larger
 * pool is copied.
 */
export function jsonBuffer(json: string): ArrayBuffer {
  const bytes = encoder.encode(json);
  const { buffer } = bytes;
  return buffer.byteLength === bytes.byteLength
    ? buffer
    : buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
}
