import { z } from "zod";
import { errorMessage } from "../../base/errors.ts";
import { isPackPath } from "./pack-files.ts";
import { PACK, PACK_API_VERSION, PACK_KIND, type PackManifest, packProblem } from "./pack-layout.ts";

const hex = z.string().regex(/^[0-9a-f]{64}$/);
const count = z.int().min(0);
const time = z.iso.datetime();

const fileSchema = z.strictObject({
  path: z.string().refine((path) => isPackPath(path) && path !== PACK.manifest && path !== PACK.note),
  sha256: hex,
  bytes: count,
});

const manifestSchema = z.strictObject({
  apiVersion: z.literal(PACK_API_VERSION),
  kind: z.literal(PACK_KIND),
  tenant: z.string(),
  session: z.string().optional(),
  since: time.optional(),
  until: time.optional(),
  createdAt: time,
  gateway: z.string().max(200),
  files: z.array(fileSchema),
});

/** `text` as a manifest. Throws a UserError (exit 1) that says which field is wrong, or which path stands twice. */
export function parseManifest(text: string, where: string): PackManifest {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw packProblem(`${where} is not JSON: ${errorMessage(error)}`, error);
  }
  const problem = problemOf(manifestSchema, value);
  if (problem !== undefined) throw packProblem(`${where} is no manifest of a pack: ${problem}`);
  const manifest = value as PackManifest;
  const paths = new Set<string>();
  for (const { path } of manifest.files) {
    if (paths.has(path)) throw packProblem(`${where} names ${path} twice`);
    paths.add(path);
  }
  return manifest;
}

function problemOf<T>(schema: z.ZodType<T>, value: unknown): string | undefined {
  const result = schema.safeParse(value);
  const [issue] = result.error?.issues ?? [];
  return issue === undefined ? undefined : `${issue.path.join(".") || "it"}: ${issue.message}`;
}
