import type { Guardrails } from "../../base/config/guardrails.ts";
import type { Bundle } from "../../engine/bundle/bundle.ts";
import type { Policy } from "../../engine/decision.ts";

/** Options of the commands that judge by a policy of their own. */
export interface CandidateOptions {
  /** A built `.tar.gz`. */
  bundle?: string;
  /** Folders of rules, compiled with the library (or alone where they bring `sallyport/decision`). */
  rules: string[];
  guardrails?: string;
  profile?: string;
}

export interface Candidate {
  policy: Policy;
  bundle: Bundle;
  guardrails: Guardrails;
  /** In words: the bundle and the guardrails. */
  name: string;
}

/** Who approves where the command line names no guardrails: nobody is asked, but a hold has to name somebody. */
const APPROVAL = { approvers: ["group:approvers"] };

/**
 * The policy that a command line names: a bundle, or rules in folders, or the library; with guardrails of a file or
 * of one profile. Compiled sources are kept, so that the next command starts at once. Throws a UserError or a
 * ConfigError that says what is wrong.
 */
export async function openCandidate(options: CandidateOptions): Promise<Candidate> {
  const { createPolicy } = await import("../../engine/policy.ts");
  const [bundle, guardrails] = await Promise.all([bundleOf(options), guardrailsOf(options)]);
  const policy = await createPolicy({ bundle, guardrails });
  const by = options.guardrails ?? `profile ${guardrails.profiles.join(", ")}`;
  return { policy, bundle, guardrails, name: `${bundle.revision}, ${by}` };
}

async function bundleOf({ bundle, rules }: CandidateOptions): Promise<Bundle> {
  if (bundle === undefined) {
    const { cachedBundle } = await import("./bundle-cache.ts");
    return cachedBundle(await withLibrary(rules));
  }
  const { UserError } = await import("../../base/errors.ts");
  if (rules.length > 0) {
    throw new UserError("--bundle and --rules name two policies", {
      exitCode: 2,
      next: "Build one bundle of all folders: `sallyport policy build --out bundle.tar.gz rego ours`.",
    });
  }
  const { readFile } = await import("node:fs/promises");
  const { readInput } = await import("./read-input.ts");
  const { unpackBundle } = await import("../../engine/bundle/archive.ts");
  const { openBundle } = await import("../../engine/bundle/bundle.ts");
  return openBundle(await unpackBundle(await readInput(bundle, (file) => readFile(file)), bundle), bundle);
}

/** Rules of one's own stand beside the library's; folders that bring a decision of their own are whole already. */
export async function withLibrary(folders: readonly string[]): Promise<string[]> {
  const { listSources } = await import("../../engine/bundle/sources.ts");
  const { LIBRARY } = await import("./library.ts");
  if (folders.length === 0) return [LIBRARY];
  const sources = await listSources(folders);
  return sources.some(({ path }) => path.startsWith("sallyport/decision")) ? [...folders] : [LIBRARY, ...folders];
}

async function guardrailsOf({ guardrails, profile }: CandidateOptions): Promise<Guardrails> {
  const { guardrailsSchema, profileSchema } = await import("../../base/config/guardrails.ts");
  const { UserError } = await import("../../base/errors.ts");
  if (guardrails !== undefined && profile !== undefined) {
    throw new UserError("--guardrails and --profile name two sets of guardrails", { exitCode: 2 });
  }
  if (guardrails !== undefined) {
    const { readYaml } = await import("../../base/config/read.ts");
    return readYaml(guardrails, guardrailsSchema);
  }
  const named = profileSchema.safeParse(profile ?? "baseline");
  if (!named.success) {
    const { didYouMean } = await import("../../base/config/issues.ts");
    throw new UserError(`there is no profile "${profile}"; ${didYouMean(profile ?? "", profileSchema.options)}`, {
      exitCode: 2,
    });
  }
  return guardrailsSchema.parse({
    apiVersion: "sallyport.dev/v1alpha1",
    kind: "Guardrails",
    profiles: [named.data],
    defaults: { approval: APPROVAL },
  });
}
