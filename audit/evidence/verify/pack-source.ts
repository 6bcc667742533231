import { createHash, type KeyObject } from "node:crypto";
import type { EventRow } from "../../event.ts";
import { type OpenPack, PACK, type PackLine, type PackManifest } from "../../export/pack-layout.ts";
import { manifestFault } from "../../export/pack-note.ts";
import { CHECKPOINT_SESSION, type InclusionProof } from "../checkpoint.ts";
import type { Findings } from "./finding.ts";
import type { RecordSource } from "./verify-record.ts";

const MAX_NOTE = 16 * 1024;
const MAX_MANIFEST = 64 * 1024 * 1024;

/**
 * An export as a source: a pack (folder or zip), or NDJSON alone. Findings of the pack itself (its manifest is not
 * signed, a file is not the one that the manifest names) are added to `findings` first.
 */
export async function packSource(
  pack: OpenPack,
  options: {
    keys: readonly KeyObject[];
    tenant: string | undefined;
    findings: Findings;
    /** Of NDJSON, which does not say so itself: it is of a period, and chains may begin before it. */
    period?: boolean | undefined;
  },
): Promise<RecordSource> {
  const manifest = await pack.manifest();
  const tenant = options.tenant ?? manifest?.tenant ?? (await firstTenant(pack));
  const before = options.findings.count;
  if (manifest !== undefined) await checkPack(pack, manifest, tenant, options);
  else if (pack.form !== "ndjson") {
    // Taken away, it would take with it what the pack is of, which files it has, and its contents from what is checked.
    options.findings.add({ what: "altered-pack", file: PACK.manifest, why: "it is not here" });
  }
  const listed = new Set(manifest?.files.map(({ path }) => path));
  // A pack that is as it was signed lacks what the store had let go by then; its report says so.
  const intact = options.findings.count === before;
  const own = pack.files.has(PACK.checkpoints);
  return {
    tenant,
    of: ofWhat(tenant, manifest),
    scope: manifest === undefined && options.period === true ? "period" : scopeOf(manifest),
    until: manifest?.until?.replace("T", " ").replace("Z", "000"),
    events: () => (own ? both(pack.events(), pack.checkpoints()) : pack.events()),
    checkpoints: () => (own ? pack.checkpoints() : onlyCheckpoints(pack.events())),
    proofs: () => (pack.files.has(PACK.proofs) ? pack.proofs() : none<InclusionProof>()),
    mayBeGone: (_, sha256) => intact && !listed.has(`${PACK.bodies}${sha256}`),
    body: manifest === undefined ? undefined : (sha256) => bodyIn(pack, sha256),
  };
}

function scopeOf(manifest: PackManifest | undefined): RecordSource["scope"] {
  if (manifest?.session !== undefined) return "session";
  return manifest?.since === undefined && manifest?.until === undefined ? "whole" : "period";
}

function ofWhat(tenant: string, manifest: PackManifest | undefined): RecordSource["of"] {
  if (manifest === undefined) return { tenant };
  const { session, since, until, createdAt } = manifest;
  return {
    tenant,
    ...(session === undefined ? {} : { session }),
    ...(since === undefined ? {} : { since }),
    ...(until === undefined ? {} : { until }),
    createdAt,
  };
}

/** Checkpoints stand in a file of their own, and are chains like others. */
async function* both<T>(...lines: AsyncIterable<T>[]): AsyncGenerator<T> {
  for (const some of lines) yield* some;
}

async function* none<T>(): AsyncGenerator<PackLine<T>> {}

async function* onlyCheckpoints(lines: AsyncIterable<PackLine<EventRow>>): AsyncGenerator<PackLine<EventRow>> {
  // What cannot be read is found when all events are.
  for await (const line of lines) if (line.value?.session_id === CHECKPOINT_SESSION) yield line;
}

async function firstTenant(pack: OpenPack): Promise<string> {
  for await (const { value } of pack.events()) if (value !== undefined) return value.tenant;
  return "default";
}

async function checkPack(
  pack: OpenPack,
  manifest: PackManifest,
  tenant: string,
  { keys, findings }: { keys: readonly KeyObject[]; findings: Findings },
): Promise<void> {
  const bytes = await pack.small(PACK.manifest, MAX_MANIFEST);
  const note = await pack.small(PACK.note, MAX_NOTE);
  const fault =
    bytes === undefined || note === undefined
      ? "it has no note that signs it"
      : manifestFault(tenant, bytes, note.toString("utf8"), keys);
  if (fault !== undefined) findings.add({ what: "altered-pack", file: PACK.manifest, why: fault });
  const listed = new Set<string>([PACK.manifest, PACK.note]);
  for (const { path, sha256 } of manifest.files) {
    listed.add(path);
    if (!pack.files.has(path))
      findings.add({ what: "altered-pack", file: path, why: "the manifest names it, and it is not here" });
    else if (!path.startsWith(PACK.bodies) && (await digestOf(pack, path)) !== sha256) {
      findings.add({ what: "altered-pack", file: path, why: "it is not the file that the manifest names" });
    }
  }
  for (const path of pack.files.keys()) {
    if (!listed.has(path)) findings.add({ what: "altered-pack", file: path, why: "the manifest does not name it" });
  }
}

async function digestOf(pack: OpenPack, path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of pack.read(path)) hash.update(chunk);
  return hash.digest("hex");
}

async function bodyIn(pack: OpenPack, sha256: string): Promise<"whole" | "altered" | "missing"> {
  const path = `${PACK.bodies}${sha256}`;
  if (!pack.files.has(path)) return "missing";
  return (await digestOf(pack, path)) === sha256 ? "whole" : "altered";
}
