/** What an instance of opa's WASM exports, of which its SDK hands out no types (opa ABI 1.2). */
interface Exports {
  builtins(): number;
  opa_json_dump(value: number): number;
}
interface Loaded {
  entrypoints: unknown;
  mem: WebAssembly.Memory;
  wasmInstance: unknown;
}

/**
 * Throws where an instance has no such entrypoint, or calls builtins beside these. `policy build` makes no such WASM;
 * other tools do, and a builtin that is missing throws only once it is reached: on the first request that matters.
 */
export function refuseForeign(loaded: Loaded, entrypoint: string, supported: readonly string[]): void {
  // The first is the one that is asked where none is named.
  if ((loaded.entrypoints as Record<string, number>)[entrypoint] !== 0)
    throw new Error(`${entrypoint} is not the first entrypoint of its WASM`);
  const foreign = calledBuiltins(loaded).filter((name) => !supported.includes(name));
  if (foreign.length > 0)
    throw new Error(`it calls ${foreign.join(", ")}, which the gateway's WASM runtime does not have`);
}

/** Names of the builtins that the policy expects of its host. */
function calledBuiltins({ mem, wasmInstance }: Loaded): string[] {
  const { builtins, opa_json_dump } = (wasmInstance as { exports: Exports }).exports;
  const bytes = new Uint8Array(mem.buffer).subarray(opa_json_dump(builtins()));
  return Object.keys(JSON.parse(new TextDecoder().decode(bytes.subarray(0, bytes.indexOf(0)))) as object);
}
