import { Refusal } from "../../base/errors.ts";
import { APPROVAL_NAME } from "../exception.ts";
import { Slices } from "../standing/slices.ts";
import type { Approval } from "../types.ts";
import { endRejected } from "./break-glass.ts";
import { expireIfDue, type HomeContext, takeUses } from "./context.ts";
import { regroup } from "./decide.ts";
import { revokeEntry } from "./end.ts";
import { BRANCHES, BREAK_GLASS, type Entry, KILLED, MAIN, REVOKED, readEntries, SETTLED, USED } from "./entry.ts";
import { endKilled, learnKills, type SeenKills } from "./kill.ts";
import { applyUses, countName, newest, usesAt } from "./load.ts";
import { questions } from "./main.ts";
import { ENDED } from "./standing-files.ts";
import { blobId, blobsOf, readTip } from "./tree.ts";

type Refs = Map<string, string>;

/** Above so many it costs less to list the uses of all than to name the approvals. */
const NAMED = 200;

/**
 * Makes memory what the repository is now: what other replicas, and people with git, did to it. `names` are looked at
 * though nothing here knows of them. Called one at a time.
 */
export async function sync(home: HomeContext, seen: SeenKills, names: readonly string[] = []): Promise<void> {
  const { refs, whole } = await lookAtRefs(home);
  const under = (prefix: string): [string, string][] => [...refs].filter(([ref]) => ref.startsWith(prefix));
  await learnKills(home, under(KILLED), seen);
  // A revocation counts whatever became of main; what lets something through waits until main is whole again.
  await readSettlements(home, refs, whole ? [...names, ...(await newOnMain(home))] : [], whole);
  if (whole) {
    await readBranches(home, under(BRANCHES));
    await readUses(home, under(USED));
    await checkFiles(home);
    await endKilled(home);
    for (const entry of [...home.index.byName.values()]) await ofOthers(endRejected(home, entry));
    await expireDue(home);
  }
  home.checkedAt = home.clock.now();
}

/** Every ref that can say something new, and whether main's history is whole. */
async function lookAtRefs(home: HomeContext): Promise<{ refs: Refs; whole: boolean }> {
  for (;;) {
    const before = home.guard.lastGood;
    const live = liveEntries(home).map(({ approval }) => `${USED}${approval.name}/`);
    const kept = home.guard.kept("refs/");
    const patterns = [MAIN, BRANCHES, REVOKED, KILLED, BREAK_GLASS];
    patterns.push(...(live.length + kept.length > NAMED ? [USED, ENDED] : [...live, ...kept]));
    const refs = new Map(await home.repository.refs(...new Set(patterns)));
    // What was read before main went on by what we did ourselves is no step backwards.
    if (home.guard.lastGood !== before) continue;
    return { refs, whole: await home.guard.look(refs.get(MAIN), questions(home), { refs, kept }) };
  }
}

/** Approved, or used and still to be reviewed: what another replica may change. */
function liveEntries(home: HomeContext): Entry[] {
  return [...home.index.byName.values()].filter(
    ({ approval: { state, breakGlass } }) =>
      state === "approved" || (breakGlass !== undefined && breakGlass.review === undefined),
  );
}

async function readSettlements(home: HomeContext, refs: Refs, names: readonly string[], whole: boolean): Promise<void> {
  const asked = new Set(names);
  for (const ref of refs.keys()) if (ref.startsWith(BREAK_GLASS)) asked.add(ref.slice(BREAK_GLASS.length));
  for (const { approval, branch } of home.index.byName.values()) {
    const { name, state, proposal } = approval;
    const moved = state === "pending" && refs.get(BRANCHES + proposal.digest) !== branch;
    if (moved || refs.has(REVOKED + name)) asked.add(name);
  }
  for (const { approval } of liveEntries(home)) asked.add(approval.name);
  const wanted = [...asked].filter(
    (name) => APPROVAL_NAME.test(name) && home.index.byName.get(name)?.approval.state !== "revoked",
  );
  const settled = await home.repository.resolve(wanted.map((name) => SETTLED + name));
  const heads = wanted.map((name, i) => {
    const known = home.index.byName.get(name)?.settled;
    return [settled[i], refs.get(REVOKED + name)].filter((head) => head !== undefined && head !== known) as string[];
  });
  const unread = [...new Set(heads.flat())];
  const read = await readEntries(home.repository, home.publicKeys, unread);
  const byHead = new Map(unread.map((head, i) => [head, read[i]]));
  const all = wanted.flatMap(
    (name, i) =>
      newest(
        name,
        (heads[i] ?? []).map((head) => byHead.get(head)),
      ) ?? [],
  );
  // Of what is over nobody asks again how it was used.
  const uses = await usesOfAll(home, all);
  for (const fresh of all) {
    const { name, state } = fresh.approval;
    if (whole || state === "revoked") absorb(home, fresh, uses.get(name) ?? []);
  }
}

async function usesOfAll(home: HomeContext, entries: readonly Entry[]): Promise<Map<string, Approval["uses"]>> {
  const used = entries.filter(({ passed }) => passed.includes("approved"));
  if (used.length === 0) return new Map();
  const prefixes = used.length > NAMED ? [USED] : used.map(({ approval }) => `${USED}${approval.name}/`);
  return usesAt(home.repository, await home.repository.refs(...prefixes));
}

/** Takes over what was read of a name, and tells of each state that it went through since. */
function absorb(home: HomeContext, fresh: Entry, uses: Approval["uses"] = []): void {
  const { name, proposal, state } = fresh.approval;
  countName(home.highest, name);
  if (state === "revoked") home.guard.keep(REVOKED + name, proposal.notAfter);
  const known = home.index.byName.get(name);
  if (known === undefined) {
    applyUses(fresh, uses);
    home.index.add(fresh);
    return;
  }
  // A settlement that somebody put back says less than is known.
  if (fresh.passed.length < known.passed.length) return;
  const { uses: before, batch, state: stateBefore } = known.approval;
  const reviewed = known.approval.breakGlass?.review === undefined && fresh.approval.breakGlass?.review !== undefined;
  const since = fresh.passed.slice(known.passed.length);
  const { released } = known;
  Object.assign(known, fresh, { released, adrift: undefined, merged: fresh.merged });
  known.approval = {
    ...fresh.approval,
    uses: before,
    ...(fresh.approval.batch === undefined && batch !== undefined ? { batch } : {}),
  };
  if (reviewed) {
    known.approval.state = stateBefore;
    home.index.changed(known);
  }
  for (const passed of since) {
    known.approval.state = passed;
    home.index.changed(known);
  }
  known.approval.state = state;
  takeUses(home, known, uses.length > before.length ? uses : before, since.at(-1) ?? stateBefore);
  if (since.length > 0) regroup(home, known);
}

/** Proposals that another replica opened, and votes on those that are known. */
async function readBranches(home: HomeContext, branches: readonly [string, string][]): Promise<void> {
  const pending = [...home.index.byName.values()].filter(({ approval }) => approval.state === "pending");
  const byRef = new Map(pending.map((entry) => [BRANCHES + entry.approval.proposal.digest, entry]));
  const unread = branches.filter(([ref, oid]) => byRef.get(ref)?.branch !== oid && byRef.get(ref)?.adrift !== oid);
  const read = await readEntries(
    home.repository,
    home.publicKeys,
    unread.map(([, oid]) => oid),
  );
  for (const [i, [ref, oid]] of unread.entries()) {
    const fresh = read[i];
    const known = byRef.get(ref);
    if (fresh?.approval.state === "pending" && ref === BRANCHES + fresh.approval.proposal.digest) {
      if (known !== undefined && known.approval.name !== fresh.approval.name) known.adrift = "";
      // Settled already, and its branch is on its way out.
      if (home.index.byName.get(fresh.approval.name)?.approval.state === "pending" || !isKnown(home, fresh)) {
        absorb(home, fresh);
        takeVotes(home, fresh);
        regroup(home, fresh);
      }
    } else if (known !== undefined) {
      known.adrift = oid;
      home.log.warn("a proposal's branch has a commit that no merge key signed; it counts for nothing", { ref });
    }
  }
  const there = new Map(branches);
  for (const [ref, entry] of byRef) {
    if (entry.approval.state === "pending" && !there.has(ref)) entry.adrift = "";
  }
}

function isKnown(home: HomeContext, { approval }: Entry): boolean {
  return home.index.byName.has(approval.name);
}

/** A vote is no state: it is taken over where there are more of them. */
function takeVotes(home: HomeContext, fresh: Entry): void {
  const known = home.index.byName.get(fresh.approval.name);
  if (known === undefined || known === fresh || fresh.votes.length < known.votes.length) return;
  known.branch = fresh.branch;
  known.adrift = undefined;
  known.votes = fresh.votes;
  known.approval.approvals = fresh.approval.approvals;
}

async function readUses(home: HomeContext, refs: readonly [string, string][]): Promise<void> {
  const live = new Map(liveEntries(home).map((entry) => [entry.approval.name, entry]));
  const nameOf = (ref: string): string => ref.slice(USED.length).split("/")[0] ?? "";
  const counts = new Map<string, number>();
  for (const [ref] of refs) counts.set(nameOf(ref), (counts.get(nameOf(ref)) ?? 0) + 1);
  const more = refs.filter(([ref]) => {
    const entry = live.get(nameOf(ref));
    return entry !== undefined && entry.approval.uses.length < (counts.get(nameOf(ref)) ?? 0);
  });
  for (const [name, uses] of await usesAt(home.repository, more)) {
    const entry = live.get(name);
    if (entry === undefined) continue;
    takeUses(home, entry, uses);
  }
}

/** What came to main since, and was neither proposed nor settled before our eyes: another replica's. */
async function newOnMain(home: HomeContext): Promise<string[]> {
  const main = home.guard.lastGood;
  if (main === undefined || main === home.checkedMain) return [];
  if (home.tip?.commit !== main) home.tip = await readTip(home.repository, main);
  const blobs = await blobsOf(home.tip);
  const slices = new Slices();
  const unknown: string[] = [];
  for (const name of blobs.keys()) {
    if (slices.over) await slices.turn();
    if (APPROVAL_NAME.test(name) && !home.checkedNames.has(name) && !home.index.byName.has(name)) unknown.push(name);
  }
  return unknown;
}

/** A file that is not on main as it was approved is taken back: a revert, or whoever changed it. */
async function checkFiles(home: HomeContext): Promise<void> {
  const main = home.guard.lastGood;
  if (main === undefined || main === home.checkedMain) return;
  if (home.tip?.commit !== main) home.tip = await readTip(home.repository, main);
  const blobs = await blobsOf(home.tip);
  // From here on it goes on with our own changes alone.
  home.checkedMain = main;
  home.checkedNames = blobs;
  for (const entry of [...home.index.byName.values()]) {
    const { state, name, file } = entry.approval;
    if ((state !== "approved" && state !== "consumed") || blobs.get(name) === blobId(file)) continue;
    const why = blobs.has(name) ? "its file was changed on main" : "its file was taken off main";
    await ofOthers(revokeEntry(home, entry, "", why));
  }
}

export async function expireDue(home: HomeContext): Promise<void> {
  const now = home.clock.now();
  for (const entry of [...home.index.byName.values()]) {
    const { state, proposal } = entry.approval;
    if (proposal.notAfter > now || (state !== "pending" && state !== "approved")) continue;
    await ofOthers(expireIfDue(home, entry));
    regroup(home, entry);
  }
}

/** Another replica does the same: where it was faster, the next look shows what it did. */
async function ofOthers(work: Promise<void>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (!(error instanceof Refusal) || error.code !== "conflict") throw error;
  }
}

/**
 * Whether the repository has something of this digest that memory has not: asked before it is said that there is
 * nothing, since another replica may have opened or decided it a moment ago.
 */
export async function unseen(home: HomeContext, digest: string): Promise<string[] | undefined> {
  const prefix = digest.slice(0, 16);
  const next = `${prefix}-${(home.highest.get(prefix) ?? 0) + 1}`;
  const entries = home.index.of(digest);
  const pending = entries.find(({ approval }) => approval.state === "pending");
  const approved = entries.filter(({ approval }) => approval.state === "approved");
  const expected: [string, string | undefined][] = [
    [MAIN, home.checkedMain],
    [BRANCHES + digest, pending === undefined ? undefined : (pending.adrift ?? pending.branch) || undefined],
    [SETTLED + next, undefined],
    ...approved.map(({ approval, settled }): [string, string] => [SETTLED + approval.name, settled]),
  ];
  const now = await home.repository.resolve(expected.map(([ref]) => ref));
  if (expected.every(([, oid], i) => now[i] === oid)) return undefined;
  return now[2] === undefined ? [] : [next];
}
