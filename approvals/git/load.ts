import type { KeyObject } from "node:crypto";
import type { Log } from "../../base/log.ts";
import { APPROVAL_NAME } from "../exception.ts";
import { KEPT } from "../memory.ts";
import { Slices } from "../standing/slices.ts";
import { readSignedCommit } from "./commits.ts";
import { BRANCHES, type Entry, REVOKED, readEntries, SETTLED, USED } from "./entry.ts";
import { RefConflict, type Repository } from "./repository.ts";

export interface Loaded {
  entries: Entry[];
  /** The highest n of each digest's first 16 hex digits, of all names ever settled. */
  highest: Map<string, number>;
}

/** The n of a use that is none of ours: it spends whatever is left. */
const ALL = 1_000_000;
// A crash between the ref changes of one transaction can be no older than the newest merges.
const REPAIR = 100;

/** Counts names, so that no name is given twice. */
export function countName(highest: Map<string, number>, name: string): void {
  const [prefix = "", n = "0"] = name.split("-");
  highest.set(prefix, Math.max(highest.get(prefix) ?? 0, Number(n)));
}

/** Reads the uses of approvals: refs `refs/sallyport/used/<name>/<n>`, each a blob with the exchange's id. */
export async function readUses(repository: Repository, prefix = USED): Promise<Map<string, Entry["approval"]["uses"]>> {
  return usesAt(repository, await repository.refs(prefix));
}

/** The same, of refs that are listed already. */
export async function usesAt(
  repository: Repository,
  refs: readonly (readonly [ref: string, oid: string])[],
): Promise<Map<string, Entry["approval"]["uses"]>> {
  const blobs = await repository.read(refs.map(([, oid]) => oid));
  const uses = new Map<string, Entry["approval"]["uses"]>();
  refs.forEach(([ref], i) => {
    const [name = "", n = ""] = ref.slice(USED.length).split("/");
    // Whoever made the ref, and whatever it points to: it is spent.
    const use = { n: /^[1-9]\d{0,5}$/.test(n) ? Number(n) : ALL, exchangeId: (blobs[i] ?? "").slice(0, 64).trim() };
    uses.set(
      name,
      [...(uses.get(name) ?? []), use].toSorted((a, b) => a.n - b.n),
    );
  });
  return uses;
}

/** Reads one settled approval; undefined where there is none, or none that counts. */
export async function readSettled(
  repository: Repository,
  keys: readonly KeyObject[],
  name: string,
): Promise<Entry | undefined> {
  const heads = await repository.resolve([SETTLED + name, REVOKED + name]);
  const read = await readEntries(
    repository,
    keys,
    heads.filter((head) => head !== undefined),
  );
  const entry = newest(name, read);
  if (entry === undefined) return undefined;
  applyUses(entry, (await readUses(repository, `${USED}${name}/`)).get(name) ?? []);
  return entry;
}

/** What a settlement and a revocation say of one name: the revocation, wherever somebody put the settlement back to. */
export function newest(name: string, read: readonly (Entry | undefined)[]): Entry | undefined {
  const own = read.filter((entry) => entry?.approval.name === name && entry.settled !== "");
  return own.find((entry) => entry?.approval.state === "revoked") ?? own[0];
}

export function applyUses({ approval }: Entry, uses: Entry["approval"]["uses"]): void {
  approval.uses = uses;
  // By the highest number: a gap (somebody else made a ref) spends what lies below it.
  if (approval.state === "approved" && (uses.at(-1)?.n ?? 0) >= approval.proposal.maxUses) approval.state = "consumed";
}

/** A merge whose settlement was cut off by a crash: git renames the refs of a transaction one by one. */
async function repair(
  repository: Repository,
  keys: readonly KeyObject[],
  settled: Map<string, string>,
  main: string,
): Promise<void> {
  const oids = await repository.firstParents(main, REPAIR);
  const texts = await repository.read(oids);
  const slices = new Slices();
  for (const [i, oid] of oids.entries()) {
    if (slices.over) await slices.turn();
    const commit = readSignedCommit(keys, oid, texts[i] ?? "");
    if (commit === undefined || !("name" in commit.record)) continue;
    const { kind, name } = commit.record;
    const from = settled.get(name) ?? "";
    // What the commit settles is its second parent: the branch, or what a revocation takes back.
    const cutOff = kind === "revoke" ? from === commit.parents[1] : from === "";
    if (!cutOff || (kind !== "merge" && kind !== "break-glass" && kind !== "revoke")) continue;
    // Another gateway that starts repairs it as well, or goes on from there.
    await repository.swap([{ ref: SETTLED + name, from, to: oid }]).catch(ignoreConflict);
    if (kind === "revoke") await repository.swap([{ ref: REVOKED + name, from: "", to: oid }]).catch(ignoreConflict);
    settled.set(name, (await repository.ref(SETTLED + name)) ?? oid);
  }
}

/** Rebuilds the index from the repository's refs, and main at this commit. What no merge key signed is logged, and counts for nothing. */
export async function load(
  repository: Repository,
  keys: readonly KeyObject[],
  log: Log,
  main: string,
): Promise<Loaded> {
  // git lists them in the order of their names, branches first: what settles meanwhile is among those that settled.
  const refs = await repository.refs("--sort=committerdate", SETTLED, REVOKED, USED, BRANCHES);
  const below = (prefix: string): [string, string][] => refs.filter(([ref]) => ref.startsWith(prefix));
  const settled = new Map<string, string>();
  for (const [ref, oid] of below(SETTLED)) {
    if (APPROVAL_NAME.test(ref.slice(SETTLED.length))) settled.set(ref.slice(SETTLED.length), oid);
  }
  await repair(repository, keys, settled, main);
  const highest = new Map<string, number>();
  for (const name of settled.keys()) countName(highest, name);

  const entries: Entry[] = [];
  const recent = [...settled].slice(-KEPT);
  const revoked = new Map(below(REVOKED));
  const heads = recent.flatMap(([name, oid]) => [oid, revoked.get(REVOKED + name) ?? oid]);
  const read = await readEntries(repository, keys, [...new Set(heads)]);
  const byHead = new Map([...new Set(heads)].map((head, i) => [head, read[i]]));
  const uses = await usesAt(repository, below(USED));
  for (const [i, [name]] of recent.entries()) {
    const entry = newest(
      name,
      heads.slice(i * 2, i * 2 + 2).map((head) => byHead.get(head)),
    );
    if (entry !== undefined) {
      applyUses(entry, uses.get(name) ?? []);
      entries.push(entry);
    } else log.warn("a settlement that no merge key signed approves nothing", { approval: name });
  }

  const branches = below(BRANCHES);
  const pending = await readEntries(
    repository,
    keys,
    branches.map(([, oid]) => oid),
  );
  for (const [i, [ref, oid]] of branches.entries()) {
    const entry = pending[i];
    if (entry?.approval.state !== "pending" || ref !== BRANCHES + entry.approval.proposal.digest) {
      log.warn("a branch that no merge key signed proposes nothing", { ref });
    } else if (settled.has(entry.approval.name)) {
      await repository.swap([{ ref, from: oid, to: "" }]).catch(ignoreConflict);
    } else {
      countName(highest, entry.approval.name);
      entries.push(entry);
    }
  }
  return { entries, highest };
}

/** Somebody else changed the ref meanwhile: what they made of it stands. */
export function ignoreConflict(error: unknown): void {
  if (!(error instanceof RefConflict)) throw error;
}
