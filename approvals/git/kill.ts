import { sessionRef } from "../kills.ts";
import { clip } from "../text.ts";
import type { Kill } from "../types.ts";
import { readSignedCommit } from "./commits.ts";
import { type HomeContext, isRefConflict, writeCommit } from "./context.ts";
import { cancel, revokeEntry } from "./end.ts";
import { KILLED } from "./entry.ts";
import { EMPTY_TREE, RefConflict } from "./repository.ts";

/** Ends a session on every replica: the ref first, since it is what outlasts a crash. */
export async function kill(home: HomeContext, { session, by, reason, at, until }: Kill): Promise<void> {
  const said = { session, by, reason: clip(reason, 1024), at, until };
  const ref = KILLED + sessionRef(session);
  // Of no branch, so that a rewritten main stops no kill.
  const to = await writeCommit(home, EMPTY_TREE, [], { kind: "kill", ...said });
  for (;;) {
    const [before] = await readKills(home, [[ref, (await home.repository.ref(ref)) ?? ""]]);
    // Another replica's word of it is as good as ours, unless it ends too soon.
    if (before?.kill !== undefined && before.kill.until >= until) break;
    try {
      await home.repository.swap([{ ref, from: before?.oid ?? "", to }]);
      break;
    } catch (error) {
      if (!(error instanceof RefConflict)) throw error;
    }
  }
  home.guard.keep(ref, until);
  home.kills.add(said);
  await endKilled(home);
}

/** Reads refs of kills; `kill` is absent where no merge key signed it. An id "" is no ref. */
async function readKills(
  home: HomeContext,
  refs: readonly (readonly [ref: string, oid: string])[],
): Promise<{ ref: string; oid: string; kill?: Kill }[]> {
  const there = refs.filter(([, oid]) => oid !== "");
  const texts = await home.repository.read(there.map(([, oid]) => oid));
  return there.map(([ref, oid], i) => {
    const record = readSignedCommit(home.publicKeys, oid, texts[i] ?? "")?.record;
    if (record?.kind !== "kill" || ref !== KILLED + sessionRef(record.session)) return { ref, oid };
    const { session, by, reason, at, until } = record;
    return { ref, oid, kill: { session, by, reason, at, until } };
  });
}

/** Commits of kills that were read: what was signed once, was signed. */
export type SeenKills = Set<string>;

/** Takes notice of the kills that are in the repository and not known here. */
export async function learnKills(
  home: HomeContext,
  refs: readonly (readonly [ref: string, oid: string])[],
  seen: SeenKills,
): Promise<void> {
  const unread = refs.filter(([, oid]) => !seen.has(oid));
  for (const { ref, oid, kill: one } of await readKills(home, unread)) {
    seen.add(oid);
    if (one === undefined) home.log.warn("a kill that no merge key signed ends nothing", { ref });
    else {
      home.guard.keep(ref, one.until);
      home.kills.add(one);
    }
  }
}

/** Cancels what killed sessions asked for, and takes back what they were given and have not used. */
export async function endKilled(home: HomeContext): Promise<void> {
  for (const entry of [...home.index.byName.values()]) {
    const { state, name, proposal } = entry.approval;
    const one = home.kills.get(proposal.requester.session);
    if (one === undefined || (state !== "pending" && state !== "approved")) continue;
    const reason = `the session was killed: ${one.reason}`;
    try {
      if (state === "pending") await cancel(home, name, one.by, reason);
      else await revokeEntry(home, entry, one.by, reason);
    } catch (error) {
      // Another replica, which knows of the kill as well, was faster.
      if (!isRefConflict(error) && (home.index.byName.get(name)?.approval.state ?? "") === state) throw error;
    }
  }
}
