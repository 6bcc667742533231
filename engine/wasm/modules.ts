import type { Bundle } from "../bundle/bundle.ts";

/** Compiled modules by the WASM's digest: a change of guardrails costs an instance and no compilation. */
const modules = new Map<string, Promise<WebAssembly.Module>>();
const KEPT = 4;

/** Compiles off the event loop, once for each WASM. */
export function compiledModule(bundle: Pick<Bundle, "digest" | "wasm">): Promise<WebAssembly.Module> {
  const known = modules.get(bundle.digest);
  if (known !== undefined) return known;
  const compiling = WebAssembly.compile(bundle.wasm);
  modules.set(bundle.digest, compiling);
  compiling.catch(() => modules.delete(bundle.digest));
  const oldest = modules.keys().next().value;
  if (modules.size > KEPT && oldest !== undefined) modules.delete(oldest);
  return compiling;
}
