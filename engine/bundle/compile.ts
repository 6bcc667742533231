import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { canonicalJson } from "../../base/canonical-json.ts";
import { ConfigError, type ConfigIssue } from "../../base/config/issues.ts";
import { UserError } from "../../base/errors.ts";
import { inputJsonSchema } from "../input.ts";
import { type BundleFiles, packBundle, unpackBundle } from "./archive.ts";
import { type Bundle, ENTRYPOINT, openBundle, type UnreadPart } from "./bundle.ts";
import { unsupportedBuiltins, wasmCapabilities } from "./capabilities.ts";
import { DISPATCH_FILE, dispatchSource } from "./dispatch.ts";
import { type Inspected, type RuleIssue, ruleMetadata } from "./metadata.ts";
import { errorsOf, runOpa } from "./opa.ts";
import type { Schema } from "./reads/nodes.ts";
import type { Plan } from "./reads/plan.ts";
import { type PolicyReads, policyReads } from "./reads/reads.ts";
import { ruleDocumentIssues } from "./rule-documents.ts";
import { type Staged, stageSources } from "./sources.ts";

/** What may lie among staged sources beside them: tests, and the data that those are given. */
const NOT_POLICY = ["--ignore", ".*", "--ignore", "*_test.rego", "--ignore", "data.json"];

export interface CompileOptions {
  /** Folders of Rego sources, taken together as one tree. */
  sources: readonly string[];
  /** Path of the opa binary. */
  opa: string;
  /** Where to write the `.tar.gz`, if anywhere. */
  outFile?: string;
  /** In place of the hash of the sources. */
  revision?: string;
  /** Grows with each build, so that a gateway never goes back to an older bundle; a bundle without one is never verified. */
  serial?: number;
}

/**
 * Compiles Rego to a WASM bundle. The same sources give the same bytes and the same revision. Throws a
 * UserError (exit 1) with opa's own words where the sources don't compile, a builtin would throw at run
 * time, a rule's METADATA is incomplete, or its findings are no set.
 */
export async function compileBundle(options: CompileOptions): Promise<{ files: BundleFiles; bundle: Bundle }> {
  await using staged = await stageSources(options.sources);
  return await compileStaged(staged, await prepareSources(staged, options.opa), options);
}

/** As compileBundle, of sources that are staged and prepared, with tests or without. */
export async function compileStaged(
  staged: Staged,
  rules: Bundle["rules"],
  options: CompileOptions,
): Promise<{ files: BundleFiles; bundle: Bundle }> {
  const files = await build(staged, options.opa);
  const own = staged.files.filter(({ path }) => !path.endsWith("_test.rego"));
  const manifest = JSON.parse(text(files.get(".manifest"))) as Record<string, unknown>;
  const compiled: BundleFiles = new Map([
    ["policy.wasm", files.get("policy.wasm") ?? new Uint8Array()],
    ["data.json", bytes(canonicalJson({ rules }))],
    [
      ".manifest",
      bytes(
        canonicalJson({
          ...manifest,
          revision: options.revision ?? staged.revision,
          metadata: {
            reads: await readsOfSources(staged, rules, options.opa),
            unread: unreadParts(own.map((file) => file.content).join("\n")),
            ...(options.serial === undefined ? {} : { serial: options.serial }),
          },
        }),
      ),
    ],
  ]);
  const bundle = openBundle(compiled, options.sources.join(", "));
  if (options.outFile !== undefined) await writeFile(options.outFile, await packBundle(compiled));
  return { files: compiled, bundle };
}

/** Writes the capabilities for opa's commands and runs one, its errors told in the person's own paths. */
export async function runOpaOnSources(
  staged: Staged,
  opa: string,
  args: readonly string[],
): Promise<{ code: number; stdout: string; stderr: string; unsupported: string[] }> {
  await writeFile(join(staged.folder, ".capabilities.json"), JSON.stringify(await wasmCapabilities(opa)));
  const result = await runOpa(opa, [...args, "--capabilities", ".capabilities.json"], { cwd: staged.folder });
  const said = `${result.stderr}\n${result.stdout}`;
  return {
    code: result.code,
    stdout: staged.original(result.stdout),
    stderr: staged.original(result.stderr),
    unsupported: result.code === 0 ? [] : await unsupportedBuiltins(opa, said),
  };
}

/** What the compiled policy reads of its input, by opa's plan of the same sources. */
async function readsOfSources(staged: Staged, rules: Bundle["rules"], opa: string): Promise<PolicyReads> {
  const args = ["build", "-t", "plan", "-e", ENTRYPOINT, "-o", ".plan.tar.gz", ...NOT_POLICY, "."];
  const result = await runOpa(opa, args, { cwd: staged.folder });
  if (result.code !== 0) throw new UserError(`the policy doesn't compile\n${staged.original(errorsOf(result))}`);
  const files = await unpackBundle(await readFile(join(staged.folder, ".plan.tar.gz")), "opa's plan");
  const plan = JSON.parse(text(files.get("plan.json"))) as Plan;
  return await policyReads(plan, Object.keys(rules), inputJsonSchema() as Schema);
}

async function build(staged: Staged, opa: string): Promise<BundleFiles> {
  // No -O flag: optimisation bakes build-time data in, and a revoked exception stays allowed (design §3).
  const args = ["build", "-t", "wasm", "-e", ENTRYPOINT, "-o", ".bundle.tar.gz", ...NOT_POLICY, "."];
  const result = await runOpaOnSources(staged, opa, args);
  if (result.unsupported.length > 0) {
    throw new UserError(
      `the policy calls ${result.unsupported.join(", ")}, which the WASM runtime doesn't have\n${errorsOf(result)}`,
      {
        exitCode: 1,
        next: "It would throw when reached, and deny. Say it another way: docs/decisions.md has the builtins that run.",
      },
    );
  }
  if (result.code !== 0) throw new UserError(`the policy doesn't compile\n${errorsOf(result)}`, { exitCode: 1 });
  return unpackBundle(await readFile(join(staged.folder, ".bundle.tar.gz")), "opa's bundle");
}

/** Reads the rules' METADATA and puts the generated dispatch beside them. */
export async function prepareSources(staged: Staged, opa: string): Promise<Bundle["rules"]> {
  const rules = await rulesOf(staged, opa);
  const masking = new Set<string>();
  for (const { path, content } of staged.files) {
    if (/^masks\b/m.test(content) && !path.endsWith("_test.rego")) masking.add(dirname(path));
  }
  const file = join(staged.folder, DISPATCH_FILE);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, dispatchSource(rules, masking));
  return rules;
}

async function rulesOf(staged: Staged, opa: string): Promise<Bundle["rules"]> {
  const { rules, metadata, documents } = await inspectRules(staged, opa);
  const named = (one: ConfigIssue): ConfigIssue => ({ ...one, path: staged.original(one.path) });
  if (metadata.length > 0) throw new ConfigError("METADATA", metadata.map(named));
  if (documents.length > 0) throw new ConfigError("rules", documents.map(named));
  return rules;
}

/**
 * The rules' METADATA, and what is wrong with it and with the rules' documents, by staged path. Throws a UserError
 * (exit 1) with opa's own words where the sources don't parse.
 */
export async function inspectRules(
  staged: Staged,
  opa: string,
): Promise<{ rules: Bundle["rules"]; metadata: RuleIssue[]; documents: ConfigIssue[] }> {
  const result = await runOpa(opa, ["inspect", "--annotations", "--format", "json", "."], { cwd: staged.folder });
  if (result.code !== 0) {
    throw new UserError(`the policy doesn't compile\n${staged.original(errorsOf(result))}`, {
      exitCode: 1,
    });
  }
  const { rules, issues } = ruleMetadata(JSON.parse(result.stdout) as Inspected);
  return { rules, metadata: issues, documents: await ruleDocumentIssues(staged, opa, Object.keys(rules)) };
}

/**
 * What no source names can be left out of the input: parsing it costs about 40 µs a KB. A source that walks
 * the whole input keeps everything.
 */
function unreadParts(sources: string): UnreadPart[] {
  if (/\bwalk\(/.test(sources)) return [];
  return (["managedFields", "status"] as const).filter((part) => !new RegExp(`\\b${part}\\b`).test(sources));
}

function text(content: Uint8Array | undefined): string {
  return new TextDecoder().decode(content);
}

function bytes(content: string): Uint8Array {
  return new TextEncoder().encode(content);
}
