import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { unpackBundle } from "../../engine/bundle/archive.ts";
import { NATIVE_BUILTINS, SDK_BUILTINS, wasmCapabilities } from "../../engine/bundle/capabilities.ts";
import { runOpa } from "../../engine/bundle/opa.ts";
import { allowing, compiled, folder, opa } from "./support.ts";

/** Operators, statements and what only the compiler itself calls: they cannot be written as calls. */
const NOT_CALLS = new Set([
  "eq",
  "assign",
  "print",
  "internal.print",
  "internal.test_case",
  "rego.metadata.chain",
  "rego.metadata.rule",
]);

interface Builtin {
  name: string;
  deprecated?: boolean;
  relation?: boolean;
  decl: { args?: unknown[] };
}

/** Builtins that a compiled policy expects of its host, by name. */
async function hostBuiltins(wasm: Uint8Array<ArrayBuffer>): Promise<string[]> {
  const { Memory, instantiate } = globalThis.WebAssembly as unknown as {
    Memory: new (descriptor: { initial: number }) => WebAssembly.Memory;
    instantiate(bytes: Uint8Array, imports: object): Promise<WebAssembly.WebAssemblyInstantiatedSource>;
  };
  const memory = new Memory({ initial: 32 });
  const never = (): never => {
    throw new Error("called");
  };
  const env = {
    ...{ memory, opa_abort: never, opa_println: never, opa_builtin0: never },
    ...{ opa_builtin1: never, opa_builtin2: never, opa_builtin3: never, opa_builtin4: never },
  };
  const { instance } = await instantiate(wasm, { env });
  const { builtins, opa_json_dump } = instance.exports as {
    builtins(): number;
    opa_json_dump(address: number): number;
  };
  const bytes = new Uint8Array(memory.buffer).subarray(opa_json_dump(builtins()));
  return Object.keys(JSON.parse(new TextDecoder().decode(bytes.subarray(0, bytes.indexOf(0)))));
}

test("exactly the builtins named native need no host, of all that opa has", async () => {
  const { stdout } = await runOpa(opa, ["capabilities", "--current"]);
  const all = (JSON.parse(stdout) as { builtins: Builtin[] }).builtins.filter(
    (one) => !NOT_CALLS.has(one.name) && one.deprecated !== true && (one.decl.args?.length ?? 0) <= 4,
  );
  const callable = all.filter((one) => !one.name.startsWith("internal."));
  const rules = callable.map(({ name, decl }, i) => {
    const args = (decl.args ?? []).map((_, n) => `input.a${n}`).join(", ");
    return `r${i} := x if x := ${name}(${args})`;
  });
  const uses = callable.map((_, i) => `${i}: r${i}`).join(", ");
  const sources = await folder({ "a.rego": `package a\n\nall_of_them := {${uses}}\n\n${rules.join("\n\n")}\n` });
  const out = join(sources, "out.tar.gz");
  const built = await runOpa(opa, ["build", "-t", "wasm", "-e", "a/all_of_them", "-o", out, join(sources, "a.rego")]);
  expect(built.stderr).toBe("");
  const wasm = (await unpackBundle(await readFile(out), out)).get("policy.wasm");
  const ofHost = new Set(await hostBuiltins(new Uint8Array(wasm ?? [])));
  const native = callable.map((one) => one.name).filter((name) => !ofHost.has(name));
  expect(native.sort()).toEqual(NATIVE_BUILTINS.filter((name) => !name.startsWith("internal.")).sort());
});

test("the capabilities hold what runs and nothing else", async () => {
  const names = (await wasmCapabilities(opa)).builtins.map((one) => one.name);
  expect(names).toEqual(expect.arrayContaining([...NATIVE_BUILTINS, ...SDK_BUILTINS]));
  expect(names).toHaveLength(NATIVE_BUILTINS.length + SDK_BUILTINS.length + 2);
});

test.for(["time.now_ns()", 'http.send({"method": "get", "url": "https://x.example"})', 'semver.is_valid("1")'])(
  "a policy that calls %s doesn't compile, and the message names the builtin",
  async (call) => {
    const name = call.slice(0, call.indexOf("("));
    await expect(compiled(allowing(`\nx := ${call}\n`))).rejects.toThrow(
      new RegExp(`calls ${name.replaceAll(".", "\\.")}, which the WASM runtime doesn't have[\\s\\S]*decision\\.rego:5`),
    );
  },
);
