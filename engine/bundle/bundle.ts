import { z } from "zod";
import { canonicalJson } from "../../base/canonical-json.ts";
import { sha256 } from "../../base/digest.ts";
import { UserError } from "../../base/errors.ts";
import type { BundleFiles } from "./archive.ts";
import { type RuleMetadata, ruleCustomSchema } from "./metadata.ts";
import type { PolicyReads, Reads } from "./reads/reads.ts";
import { listFiles } from "./sign.ts";

export const ENTRYPOINT = "sallyport/decision";

/** A compiled policy, without guardrails: what `createPolicy` instantiates. */
export interface Bundle {
  /** From `.manifest`: the first 16 hex of the SHA-256 of the sources, unless the build named one. */
  revision: string;
  /** From `.manifest` metadata: grows with each build. A gateway never goes back to a smaller one (engine/bundle/mark.ts). */
  serial?: number;
  /** SHA-256 over the names and hashes of all its files: what its signature signs. */
  content: string;
  wasm: Uint8Array<ArrayBuffer>;
  /** `data.rules`: METADATA by rule id. */
  rules: Record<string, RuleMetadata>;
  /** SHA-256 of the WASM: the key under which its compiled module is kept. */
  digest: string;
  /** Parts of an object that no rule names, and that input therefore leaves out. */
  unread: UnreadPart[];
  /** What of the input the compiled policy reads; all of it where the bundle does not say. */
  reads?: PolicyReads;
}

export type UnreadPart = "managedFields" | "status";

/** Seconds since the epoch where nobody chose one. */
export const serialSchema = z.int().min(1).max(Number.MAX_SAFE_INTEGER);

// As `Reads` has it. Written by our own build and signed with the bundle, so that a look at its outside is enough.
const readsSchema = z.custom<Reads>((value) => value === 1 || (typeof value === "object" && value !== null));

const manifestSchema = z.looseObject({
  revision: z.string().min(1),
  wasm: z.array(z.looseObject({ entrypoint: z.string(), module: z.string() })),
  metadata: z
    .looseObject({
      unread: z.array(z.enum(["managedFields", "status"])).default([]),
      serial: serialSchema.optional(),
      reads: z.strictObject({ decision: readsSchema, rules: z.record(z.string(), readsSchema) }).optional(),
    })
    .default({ unread: [] }),
});
// Loose, where the build is strict: a bundle of a later version may say more than this one reads.
const rulesSchema = z.record(
  z.string(),
  z.looseObject({ ...ruleCustomSchema.shape, title: z.string(), description: z.string() }),
);

/** Reads a bundle's files; throws a UserError (exit 1) where the entrypoint, the manifest or the rules are missing. */
export function openBundle(files: BundleFiles, name: string): Bundle {
  const bad = (why: string): UserError =>
    new UserError(`${name} is no policy bundle: ${why}`, {
      exitCode: 1,
      next: "Build it with `sallyport policy build`.",
    });
  const json = (path: string): unknown => {
    const bytes = files.get(path);
    if (bytes === undefined) throw bad(`it has no ${path}`);
    try {
      return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    } catch {
      throw bad(`${path} is not JSON`);
    }
  };
  const manifest = manifestSchema.safeParse(json(".manifest"));
  if (!manifest.success) throw bad(`.manifest: ${manifest.error.issues[0]?.message}`);
  const entry = manifest.data.wasm.find((one) => one.entrypoint === ENTRYPOINT);
  if (entry === undefined) throw bad(`it has no entrypoint ${ENTRYPOINT}`);
  const wasm = files.get(entry.module.replace(/^\//, ""));
  if (wasm === undefined) throw bad(`it has no ${entry.module}`);
  const data = json("data.json");
  const rules = rulesSchema.safeParse((data as { rules?: unknown }).rules);
  if (!rules.success) throw bad(`data.json: rules: ${rules.error.issues[0]?.message}`);
  const copy = new Uint8Array(wasm);
  const { serial } = manifest.data.metadata;
  return {
    revision: manifest.data.revision,
    ...(serial === undefined ? {} : { serial }),
    content: sha256(canonicalJson(listFiles(files))),
    wasm: copy,
    rules: rules.data,
    digest: sha256(copy),
    unread: manifest.data.metadata.unread,
    ...(manifest.data.metadata.reads === undefined ? {} : { reads: manifest.data.metadata.reads }),
  };
}
