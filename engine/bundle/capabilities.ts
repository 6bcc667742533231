import { UserError } from "../../base/errors.ts";
import { runOpa } from "./opa.ts";

/**
 * The builtins that opa compiles into the WASM itself: `builtinsFunctions` of opa v1.20.1,
 * internal/compiler/wasm/wasm.go. A test compiles every builtin that opa has and finds exactly these native.
 */
export const NATIVE_BUILTINS: readonly string[] = [
  ...["plus", "minus", "mul", "div", "abs", "round", "ceil", "floor", "rem", "numbers.range", "to_number"],
  ...["array.concat", "array.flatten", "array.reverse", "array.slice"],
  ...["and", "or", "intersection", "union"],
  ...["is_number", "is_string", "is_boolean", "is_array", "is_set", "is_object", "is_null", "type_name"],
  ...["bits.or", "bits.and", "bits.negate", "bits.xor", "bits.lsh", "bits.rsh"],
  ...["count", "sum", "product", "max", "min", "sort"],
  ...["base64.is_valid", "base64.decode", "base64.encode", "base64url.encode", "base64url.decode"],
  ...["net.cidr_contains", "net.cidr_intersects"],
  ...["equal", "gt", "gte", "lt", "lte", "neq", "internal.member_2", "internal.member_3"],
  ...["glob.match", "regex.is_valid", "regex.match", "regex.find_all_string_submatch_n"],
  ...["json.marshal", "json.unmarshal", "json.is_valid", "json.remove", "json.filter"],
  ...["object.filter", "object.get", "object.keys", "object.remove", "object.union", "object.union_n"],
  ...["concat", "format_int", "indexof", "substring", "lower", "upper", "contains", "startswith", "endswith"],
  ...["strings.reverse", "split", "replace", "strings.replace_n"],
  ...["trim", "trim_left", "trim_prefix", "trim_right", "trim_suffix", "trim_space"],
  ...["internal.template_string", "walk", "graph.reachable"],
];

/** Not calls at all in the compiled policy: unification and assignment. */
const SYNTAX = ["eq", "assign"];

/**
 * Builtins that the JavaScript SDK adds and that we let policy use. Its `regex.split` is left out because it
 * backtracks where opa's RE2 doesn't (a hostile label would stall the gateway), its `yaml.*` because they
 * read another YAML than opa's: `hostNetwork: yes` is a string to them.
 */
export const SDK_BUILTINS: readonly string[] = ["sprintf"];

interface Capabilities {
  builtins: { name: string }[];
  [key: string]: unknown;
}

/** Capabilities as `opa build --capabilities` reads them: what the WASM runtime runs, and nothing that would throw there. */
export async function wasmCapabilities(opa: string): Promise<Capabilities> {
  const result = await runOpa(opa, ["capabilities", "--current"]);
  if (result.code !== 0) throw new UserError(`opa capabilities failed: ${result.stderr.trim()}`);
  const current = JSON.parse(result.stdout) as Capabilities;
  const runs = new Set([...NATIVE_BUILTINS, ...SDK_BUILTINS, ...SYNTAX]);
  return { ...current, builtins: current.builtins.filter((builtin) => runs.has(builtin.name)) };
}

/** What opa says of a builtin that the capabilities don't have: `rego_type_error: undefined function time.now_ns`. */
const UNDEFINED_FUNCTION = /undefined function (\S+)/g;

/** Names of functions in opa's errors that are builtins of opa, but not of the WASM runtime. */
export async function unsupportedBuiltins(opa: string, stderr: string): Promise<string[]> {
  const named = new Set([...stderr.matchAll(UNDEFINED_FUNCTION)].map((match) => match[1] ?? ""));
  if (named.size === 0) return [];
  const result = await runOpa(opa, ["capabilities", "--current"]);
  const known = new Set((JSON.parse(result.stdout) as Capabilities).builtins.map((builtin) => builtin.name));
  return [...named].filter((name) => known.has(name));
}
