import type { KeyObject } from "node:crypto";
import { setImmediate } from "node:timers/promises";
import { sha256 } from "../../base/digest.ts";
import { errorMessage, Refusal, UserError } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import { APPROVAL_NAME } from "../exception.ts";
import { parseStanding, type StandingException } from "../standing/exception.ts";
import { clip } from "../text.ts";
import { readSignedCommit } from "./commits.ts";
import { asConflict, type HomeContext, mainTip, writeCommit } from "./context.ts";
import { MAIN } from "./entry.ts";
import type { GitRecord } from "./records.ts";
import type { RefChange, Repository } from "./repository.ts";
import { blobId, filesAt, readTip, treeWithFiles } from "./tree.ts";

/** Each standing exception's ref points to the signed commit that brought its file to main. */
export const STANDING = "refs/sallyport/standing/";
/** Files that are parsed before the event loop gets its turn: 0.3 ms each. */
const AT_ONCE = 20;

/** A standing exception as it was read: the same commit and the same blob need no second reading. */
export interface ReadStanding {
  commit: string;
  blob: string;
  exception: StandingException;
}

/**
 * The standing exceptions that are in force: files at a commit of main that a commit of a merge key brought there, byte
 * for byte. Whoever takes a file off main revokes it. What does not count is logged, and stands for nothing.
 */
export async function readStanding(
  repository: Repository,
  keys: readonly KeyObject[],
  main: string,
  known: ReadonlyMap<string, ReadStanding>,
  verified: SignedFiles,
  log: Log,
): Promise<Map<string, ReadStanding>> {
  const refs = await repository.refs(STANDING);
  if (refs.length === 0) return new Map();
  await verify(
    repository,
    keys,
    refs.map(([, oid]) => oid),
    verified,
  );
  const files = await filesAt(repository, main);
  const blobs = new Map(files.map((line) => [fileName(line), line.split(/[ \t]/, 3)[2] ?? ""]));
  const standing = new Map<string, ReadStanding>();
  const unread: { name: string; commit: string; blob: string; hash: string }[] = [];
  for (const [ref, commit] of refs) {
    const name = ref.slice(STANDING.length);
    const blob = blobs.get(name);
    const hash = verified.get(commit)?.get(name);
    const before = known.get(name);
    if (hash === undefined) log.warn("a standing exception that no merge key signed stands for nothing", { name });
    else if (blob !== undefined && before?.commit === commit && before.blob === blob) standing.set(name, before);
    else if (blob !== undefined) unread.push({ name, commit, blob, hash });
  }
  const texts = await repository.read(unread.map(({ blob }) => blob));
  for (const [i, { name, commit, blob, hash }] of unread.entries()) {
    if (i % AT_ONCE === AT_ONCE - 1) await setImmediate();
    const exception = parsed(name, texts[i] ?? "", hash, log);
    if (exception !== undefined) standing.set(name, { commit, blob, exception });
  }
  return standing;
}

function parsed(name: string, text: string, hash: string, log: Log): StandingException | undefined {
  if (sha256(text) !== hash) {
    log.warn("a standing exception is not on main as it was signed, and stands for nothing", { name });
    return undefined;
  }
  try {
    return parseStanding(name, text);
  } catch (error) {
    log.warn("a standing exception cannot be read, and stands for nothing", { name, error: errorMessage(error) });
    return undefined;
  }
}

/** What each commit that a merge key signed brought: the hash of each file, by name; nothing for one that none signed. */
export type SignedFiles = Map<string, ReadonlyMap<string, string>>;

/** Adds the commits that are not among the verified yet, and forgets those that nothing points to any more. */
async function verify(
  repository: Repository,
  keys: readonly KeyObject[],
  oids: readonly string[],
  verified: SignedFiles,
): Promise<void> {
  const named = new Set(oids);
  for (const oid of verified.keys()) if (!named.has(oid)) verified.delete(oid);
  const unknown = [...named].filter((oid) => !verified.has(oid));
  const texts = await repository.read(unknown);
  for (const [i, oid] of unknown.entries()) {
    if (i % AT_ONCE === AT_ONCE - 1) await setImmediate();
    const commit = readSignedCommit(keys, oid, texts[i] ?? "");
    verified.set(oid, new Map(commit?.record.kind === "standing" ? Object.entries(commit.record.files) : []));
  }
}

const TRIES = 5;
const REFS_AT_ONCE = 1000;

/**
 * Brings standing exceptions that a person wrote to main, in one signed commit. The caller answers for `by`: it holds
 * the merge key, and nobody else can. Throws a ConfigError where a file is no valid standing exception.
 */
export async function mergeStanding(
  home: HomeContext,
  files: ReadonlyMap<string, string>,
  by: { issuer: string; username: string },
  reason: string,
): Promise<void> {
  for (const [name, file] of files) checkFile(name, file);
  await home.repository.writeBlobs([...files.values()]);
  const record: GitRecord = {
    kind: "standing",
    at: home.clock.now(),
    by,
    reason: clip(reason, 1024),
    files: Object.fromEntries([...files].map(([name, file]) => [name, sha256(file)])),
  };
  for (let i = 1; ; i++) {
    const tip = await mainTip(home);
    const merged = await treeWithFiles(
      home.repository,
      tip,
      [...files].map(([name, file]) => [name, blobId(file)]),
    );
    const to = await writeCommit(home, merged.tree, [tip.commit], record);
    const before = new Map(await home.repository.refs(STANDING));
    const changes: RefChange[] = [...files.keys()].map((name) => ({
      ref: STANDING + name,
      from: before.get(STANDING + name) ?? "",
      to,
    }));
    try {
      // Until main has its file a ref stands for nothing; in one go, ten thousand took longer than git is given.
      while (changes.length > REFS_AT_ONCE) await home.repository.swap(changes.splice(0, REFS_AT_ONCE));
      await home.repository.swap([{ ref: MAIN, from: tip.commit, to }, ...changes]);
      home.tip = { ...merged, commit: to };
      return;
    } catch (error) {
      home.tip = await readTip(home.repository);
      if (home.tip.commit === tip.commit || i === TRIES) throw asConflict(error);
    }
  }
}

function checkFile(name: string, file: string): void {
  if (APPROVAL_NAME.test(name)) {
    throw new UserError(`exceptions/${name}.yaml has the name of an approval of one request`, {
      exitCode: 2,
      next: "Give it a name that says what it is for.",
    });
  }
  if (parseStanding(name, file) === undefined) {
    throw new UserError(`exceptions/${name}.yaml is for one request, and those are made by holds`, { exitCode: 2 });
  }
}

/** Takes a standing exception off main. Throws Refusal `not-found` where there is none of that name. */
export async function revokeStanding(
  home: HomeContext,
  name: string,
  by: { issuer: string; username: string },
  reason: string,
): Promise<void> {
  const ref = STANDING + name;
  for (let i = 1; ; i++) {
    const at = await home.repository.ref(ref);
    const tip = await mainTip(home);
    if (at === undefined) throw new Refusal("not-found", `there is no standing exception ${name}`);
    const merged = await treeWithFiles(home.repository, tip, [[name, undefined]]);
    const record: GitRecord = {
      kind: "standing",
      at: home.clock.now(),
      by,
      reason: clip(`${name} is taken back: ${reason}`, 1024),
      files: {},
    };
    const to = await writeCommit(home, merged.tree, [tip.commit], record);
    try {
      await home.repository.swap([
        { ref: MAIN, from: tip.commit, to },
        { ref, from: at, to: "" },
      ]);
      home.tip = { ...merged, commit: to };
      return;
    } catch (error) {
      home.tip = await readTip(home.repository);
      if (home.tip.commit === tip.commit || i === TRIES) throw asConflict(error);
    }
  }
}

function fileName(line: string): string {
  return line.slice(line.indexOf("\t") + 1).replace(/\.yaml$/, "");
}
