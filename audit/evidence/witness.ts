import type { TreeHead } from "./checkpoint.ts";

/** Where an operator keeps notes beside the store, in something that is only ever added to. */
export type WitnessLocation =
  | { file: string }
  | { git: { path: string; branch?: string | undefined; push?: string | undefined } }
  | { s3: S3Location };

export interface S3Location {
  /** `https://s3.eu-central-1.amazonaws.com`, or that of another server; the bucket goes into the path. */
  endpoint: string;
  region: string;
  bucket: string;
  /** Put before each object's name. */
  prefix?: string | undefined;
  accessKeyIdFile: string;
  secretAccessKeyFile: string;
  /** Object lock: the bucket refuses to remove or replace an object for so long. */
  retainDays: number;
  mode?: "COMPLIANCE" | "GOVERNANCE" | undefined;
}

export interface Witness {
  /** For log lines and metrics: the kind and the place, with no secret. */
  readonly name: string;
  /** Adds a signed note. Rejects where the place is away; the same note is then given again. */
  append(note: string, head: TreeHead): Promise<void>;
  /**
   * Notes that are kept there, in any order: all, or at least, of each log, the newest that `counts` takes for signed.
   * Whoever may add to the place may have added others.
   */
  notes(counts?: (note: string) => boolean): AsyncIterable<string>;
}

/** Opens a place without touching it: one that is away must not keep the gateway from starting. */
export async function openWitness(location: WitnessLocation): Promise<Witness> {
  if ("file" in location) return (await import("./witness-file.ts")).fileWitness(location.file);
  if ("git" in location) return (await import("./witness-git.ts")).gitWitness(location.git);
  return (await import("./witness-s3.ts")).s3Witness(location.s3);
}

/**
 * Notes in a text that holds many, whatever else lies between them: a torn write, say, or somebody's edits. One with
 * several signatures is given once with each: a bad one by a known key makes the whole note count for nothing
 * (signed-note "Signatures"), and whoever may add to the place could put one behind a note of ours.
 */
export function notesIn(text: string): string[] {
  const notes = text.matchAll(/^(sallyport\/[^\n]+\n\d+\n[A-Za-z0-9+/]{43}=\n\n)((?:— [^\n]+\n)+)/gm);
  return [...notes].flatMap(([, signed = "", lines = ""]) =>
    (lines.match(/— [^\n]+\n/g) ?? []).map((line) => `${signed}${line}`),
  );
}
