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
/**
 * `<name>/<at>`: what commits of that time (milliseconds since the epoch) and before brought of a name stands no more,
 * wherever somebody puts its ref and its file back to. Whoever made one: it only ever refuses more.
 */
export const ENDED = "refs/sallyport/ended/";
/** Objects of one git process: what it says comes in one piece, and is taken apart in slices. */
const AT_ONCE = 1000;

/** What a commit that a merge key signed brought, and when: the hash of each file, by name; nothing for one that none signed. */
export interface Brought {
  at: number;
  files: ReadonlyMap<string, string>;
}
/** By the commits' ids. */
export type SignedFiles = Map<string, Brought>;

/** A file of main: `hash` is what a merge key signed of it, "" where none did. */
export interface ListedFile {
  /** Of the signed commit and the bytes, neither of which can change under it, and of whether it was taken back. */
  id: string;
  blob: string;
  hash: string;
  at: number;
  ended: boolean;
}

/** Until when what was brought of each name is taken back, by refs of `ENDED`. */
export function endedIn(refs: Iterable<string>): Map<string, number> {
  const ended = new Map<string, number>();
  for (const ref of refs) {
    const [name = "", at = ""] = ref.slice(ENDED.length).split("/");
    const until = /^\d{1,15}$/.test(at) ? Number(at) : Number.POSITIVE_INFINITY;
    ended.set(name, Math.max(until, ended.get(name) ?? 0));
  }
  return ended;
}

/**
 * The files of main for more than one request, by name. Whoever takes a file off main revokes it, and what no merge key
 * signed is listed as such. `kept`: refs of `ENDED` that count whether they are there or not.
 */
export async function listStanding(
  repository: Repository,
  keys: readonly KeyObject[],
  main: string,
  verified: SignedFiles,
  kept: readonly string[] = [],
): Promise<Map<string, ListedFile>> {
  const slices = new Slices();
  const pairs = await repository.refs(STANDING, ENDED);
  await slices.turn();
  const refs = new Map<string, string>();
  const commits = new Set<string>();
  const endings = [...kept];
  for (const [ref, commit] of pairs) {
    if (slices.over) await slices.turn();
    if (ref.startsWith(ENDED)) {
      endings.push(ref);
      continue;
    }
    refs.set(ref, commit);
    commits.add(commit);
  }
  await verify(repository, keys, commits, verified);
  const ended = endedIn(endings);
  const listed = new Map<string, ListedFile>();
  const lines = await filesAt(repository, main);
  await slices.turn();
  for (const line of lines) {
    if (slices.over) await slices.turn();
    const name = /\t(.*)\.yaml$/.exec(line)?.[1];
    if (name === undefined || APPROVAL_NAME.test(name)) continue;
    const blob = line.split(/[ \t]/, 3)[2] ?? "";
    const commit = refs.get(STANDING + name) ?? "";
    const brought = verified.get(commit);
    const at = brought?.at ?? 0;
    const over = at <= (ended.get(name) ?? -1);
    const hash = brought?.files.get(name) ?? "";
    listed.set(name, { id: `${commit} ${blob} ${over}`, blob, hash, at, ended: over });
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
    const { blob = "", hash = "", ended } = listed.get(name) ?? {};
    if (ended === true && hash !== "") files.set(name, { error: "was taken back, and somebody put it on main again" });
    else if (hash === "") files.set(name, { error: "no merge key signed it" });
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
      verified.set(oid, broughtBy(keys, oid, texts[j] ?? "") ?? { at: 0, files: new Map() });
    }
  }
}

/** What a commit brought; undefined where no merge key signed it. */
export function broughtBy(keys: readonly KeyObject[], oid: string, text: string): Brought | undefined {
  const record = readSignedCommit(keys, oid, text)?.record;
  if (record?.kind !== "standing") return undefined;
  return { at: record.at, files: new Map(Object.entries(record.files)) };
}
