/**
 * What to write in place of a builtin that opa has and the gateway's WASM runtime has not: it would compile, and throw
 * when it is reached, which denies. By name, else by the part before its first dot.
 */
const ALTERNATIVES: Record<string, string> = {
  "time.now_ns": "read `input.now`: RFC 3339 in UTC, whose order as text is the order of time",
  "time.parse_rfc3339_ns": "compare the texts: RFC 3339 in UTC sorts as time does (`input.now < other`)",
  time: "compare RFC 3339 texts, as `input.now` is one; split and to_number take one apart",
  "regex.replace":
    "use strings.replace_n or replace for fixed text; regex.find_all_string_submatch_n to take a text apart",
  "regex.split": "use split on fixed text, or regex.find_all_string_submatch_n for the parts themselves",
  "regex.find_n": "use regex.find_all_string_submatch_n, whose first element of each match is the match",
  "regex.template_match": "use glob.match, or regex.match with the pattern written out",
  "regex.globs_match": "use glob.match against each name",
  re_match: "use regex.match",
  "strings.any_prefix_match": "write `some prefix in prefixes; startswith(text, prefix)`",
  "strings.any_suffix_match": "write `some suffix in suffixes; endswith(text, suffix)`",
  "strings.count": "write `count(split(text, part)) - 1`",
  "strings.split_n": "use split, and array.slice of what it gives",
  "strings.render_template": 'write a string template: $"{input.request.name} is …"',
  indexof_n: "use indexof, or split",
  "json.patch": "write the object that you want with object.union, object.remove or json.remove",
  "json.match_schema": "write the conditions out: `is_string(x)`, `object.get(…)`",
  "json.verify_schema": "write the conditions out: `is_string(x)`, `object.get(…)`",
  "json.marshal_with_options": "use json.marshal",
  semver: "split the version on dots, and compare to_number of its parts",
  "object.subset": "write `every key, value in part { whole[key] == value }`",
  "net.cidr_is_valid": "use net.cidr_contains(cidr, cidr), which is undefined where it is none",
  net: "use net.cidr_contains or net.cidr_intersects",
  "units.parse_bytes": "compare the quantity's text, or list those that are allowed in the rule's params",
  units: "compare the quantity's text, or list those that are allowed in the rule's params",
  "hex.decode": "compare the encoded texts",
  "hex.encode": "compare the encoded texts",
  "base64url.encode_no_pad": 'use trim_right(base64url.encode(text), "=")',
  "http.send": "a rule asks nobody: what it needs comes in `input` (METADATA needs) or in the rule's params",
  "opa.runtime": "a rule knows no environment: put it into the rule's params",
  io: "the gateway has verified the token: read `input.user` and `input.session`",
  crypto: "compare the values themselves; `input.request.digest` identifies the request",
  rand: "a decision must be the same each time: find by what is in `input`",
  uuid: "read `input.request.uid`",
  uri: "use split, startswith and regex.match on `input.request.path`",
  urlquery: "read `input.request.query`: it is decoded",
  graphql: "there is no GraphQL in a Kubernetes request",
  yaml: "objects come decoded in `input.object`; yaml reads `hostNetwork: yes` otherwise than Kubernetes does",
  providers: "a rule asks nobody: what it needs comes in `input` or in the rule's params",
  rego: "METADATA is at `data.rules` for the decision; a rule needs none of it",
  "graph.reachable_paths": "use graph.reachable",
  "numbers.range_step": "use numbers.range with a condition on each number",
  "glob.quote_meta": "use glob.match with delimiters, or startswith and endswith",
  print: "print only in tests: the gateway shows nobody what is printed",
  trace: "use print in a test: `sallyport policy test` shows it",
  all: "write `every x in xs { … }`",
  any: "write `some x in xs`",
  set_diff: "write `a - b`",
  cast_array: "use is_array, or a comprehension",
};

/** What to do in place of calling this builtin. */
export function alternative(builtin: string): string {
  const found = ALTERNATIVES[builtin] ?? ALTERNATIVES[builtin.split(".")[0] ?? ""];
  return found ?? "say it with the builtins that the gateway runs: docs/write-a-guardrail.md lists them";
}
