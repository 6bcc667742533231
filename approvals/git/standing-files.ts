import type { KeyObject } from "node:crypto";
import { sha256 } from "../../base/digest.ts";
import { APPROVAL_NAME } from "../exception.ts";
import type { StandingFile } from "../standing/book.ts";
import { Slices } from "../standing/slices.ts";
import { readSignedCommit } from "./commits.ts";
import type { Repository } from "./repository.ts";
import { filesAt } from "./tree.ts";

/** Each standing exception's ref points to the signed commit that brought its file to main. */
export const STANDING = "refs/sallyport/standing/";
/** Objects of one git process: what it says is read in one piece. */
const AT_ONCE = 250;

/** What each commit that a merge key signed brought: the hash of each file, by name; nothing for one that none signed. */
export type SignedFiles = Map<string, ReadonlyMap<string, string>>;

/** A file of main: `hash` is what a merge key signed of it, "" where none did. */
export interface ListedFile {
  /** Of the signed commit and the bytes: neither can change under it. */
  id: string;
  blob: string;
  hash: string;
}

/**
 * The files of main for more than one request, by name. Whoever takes a file off main revokes it, and what no merge key
 * signed is listed as such.
 */
export async function listStanding(
  repository: Repository,
  keys: readonly KeyObject[],
  main: string,
  verified: SignedFiles,
): Promise<Map<string, ListedFile>> {
  const slices = new Slices();
  const pairs = await repository.refs(STANDING);
  await slices.turn();
  const refs = new Map<string, string>();
  const commits = new Set<string>();
  for (const [ref, commit] of pairs) {
    if (slices.over) await slices.turn();
    refs.set(ref, commit);
    commits.add(commit);
  }
  await verify(repository, keys, commits, verified);
  const listed = new Map<string, ListedFile>();
  const lines = await filesAt(repository, main);
  await slices.turn();
  for (const line of lines) {
    if (slices.over) await slices.turn();
    const name = /\t(.*)\.yaml$/.exec(line)?.[1];
    if (name === undefined || APPROVAL_NAME.test(name)) continue;
    const blob = line.split(/[ \t]/, 3)[2] ?? "";
    const commit = refs.get(STANDING + name) ?? "";
    listed.set(name, { id: `${commit} ${blob}`, blob, hash: verified.get(commit)?.get(name) ?? "" });
  }
  return listed;
}

/** The texts of these names, each only where it is, byte for byte, what was signed. */
export async function readTexts(
  repository: Repository,
  listed: ReadonlyMap<string, ListedFile>,
  names: readonly string[],
): Promise<Map<string, StandingFile>> {
  const slices = new Slices();
  const files = new Map<string, StandingFile>();
  const signed: { name: string; blob: string; hash: string }[] = [];
  for (const name of names) {
    const { blob = "", hash = "" } = listed.get(name) ?? {};
    if (hash === "") files.set(name, { error: "no merge key signed it" });
    else signed.push({ name, blob, hash });
  }
  for (let i = 0; i < signed.length; i += AT_ONCE) {
    const part = signed.slice(i, i + AT_ONCE);
    const texts = await repository.read(part.map(({ blob }) => blob));
    for (const [j, { name, hash }] of part.entries()) {
      if (slices.over) await slices.turn();
      const text = texts[j] ?? "";
      files.set(name, sha256(text) === hash ? { text } : { error: "is not on main as it was signed" });
    }
  }
  return files;
}

/** Adds the commits that are not among the verified yet, and forgets those that nothing points to any more. */
async function verify(
  repository: Repository,
  keys: readonly KeyObject[],
  oids: ReadonlySet<string>,
  verified: SignedFiles,
): Promise<void> {
  const slices = new Slices();
  for (const oid of verified.keys()) if (!oids.has(oid)) verified.delete(oid);
  const unknown = [...oids].filter((oid) => !verified.has(oid));
  for (let i = 0; i < unknown.length; i += AT_ONCE) {
    const part = unknown.slice(i, i + AT_ONCE);
    const texts = await repository.read(part);
    for (const [j, oid] of part.entries()) {
      if (slices.over) await slices.turn();
      const commit = readSignedCommit(keys, oid, texts[j] ?? "");
      verified.set(oid, new Map(commit?.record.kind === "standing" ? Object.entries(commit.record.files) : []));
    }
  }
}
