import { errorMessage, Refusal } from "../../base/errors.ts";
import type { HistoryQuestions, Reset } from "../history.ts";
import { clip } from "../text.ts";
import type { Actor } from "../types.ts";
import { readSignedCommit } from "./commits.ts";
import { type HomeContext, swapOrConflict, writeCommit } from "./context.ts";
import { MAIN, RESETS } from "./entry.ts";
import type { RefChange } from "./repository.ts";
import { readTip, type Tip } from "./tree.ts";

/** What the history guard asks: only resets that a merge key signed count. */
export function questions({ repository, publicKeys }: HomeContext): HistoryQuestions {
  return {
    isAncestor: (from, to) => repository.isAncestor(from, to),
    resets: async () => {
      const refs = await repository.refs(RESETS);
      const texts = await repository.read(refs.map(([, oid]) => oid));
      return refs.flatMap(([ref, oid], i): Reset[] => {
        const record = readSignedCommit(publicKeys, oid, texts[i] ?? "")?.record;
        return record?.kind === "reset" && ref === RESETS + record.to ? [record] : [];
      });
    },
  };
}

/**
 * The newest commit of main that is no step backwards: its tip, or the last good one while the history is frozen.
 * Undefined where there was never one.
 */
export async function goodMain(home: HomeContext): Promise<string | undefined> {
  for (;;) {
    const before = home.guard.lastGood;
    const tip = await home.repository.ref(MAIN);
    // What was read before main went on by what we did ourselves is no step backwards.
    if (home.guard.lastGood !== before) continue;
    await home.guard.look(tip, questions(home));
    return home.guard.lastGood;
  }
}

/** Reads the tip of main again. Throws Refusal `approvals-unavailable` where its history was rewritten. */
export async function newTip(home: HomeContext): Promise<Tip> {
  const commit = await goodMain(home);
  home.guard.checkWhole();
  if (commit === undefined) throw new Refusal("approvals-unavailable", "the approvals repository has no branch main");
  if (home.tip?.commit !== commit) home.tip = await readTip(home.repository, commit);
  return home.tip;
}

/** The tip of main, from memory unless it is known to be old. */
export async function mainTip(home: HomeContext): Promise<Tip> {
  home.guard.checkWhole();
  return home.tip ?? newTip(home);
}

const TRIES = 5;

/** Changes main and refs together, all or none: `make` is asked again for a newer tip where main moved meanwhile. */
export async function changeMain(
  home: HomeContext,
  make: (tip: Tip) => Promise<{ next: Tip; changes: RefChange[] }>,
): Promise<void> {
  for (let i = 1; ; i++) {
    const tip = await mainTip(home);
    const { next, changes } = await make(tip);
    try {
      await swapOrConflict(home, [{ ref: MAIN, from: tip.commit, to: next.commit }, ...changes]);
      home.tip = next;
      home.guard.advance(next.commit);
      // Our own change takes nothing off main that was not meant.
      if (home.checkedMain === tip.commit) home.checkedMain = next.commit;
      return;
    } catch (error) {
      // main may move under us; what a change is about may not.
      const now = await newTip(home);
      if (!(error instanceof Refusal) || error.code !== "conflict" || now.commit === tip.commit || i === TRIES) {
        throw error;
      }
    }
  }
}

/** A person says that main is right as it is. Throws Refusal `conflict` where it is not as they saw it. */
export async function resetMain(home: HomeContext, by: Actor, to: string, reason: string): Promise<void> {
  const tip = await home.repository.ref(MAIN);
  if (tip === undefined || tip !== to) {
    throw new Refusal("conflict", `main of the approvals repository is at ${tip ?? "nothing"}`, {
      next: "Look at it as it is now, and name that commit.",
    });
  }
  const from = home.guard.lastGood ?? "";
  const { tree } = await readTip(home.repository, to);
  const record = {
    kind: "reset",
    from,
    to,
    by: by.username,
    at: home.clock.now(),
    reason: clip(reason, 1024),
  } as const;
  const commit = await writeCommit(home, tree, [to], record);
  await swapOrConflict(home, [
    { ref: MAIN, from: to, to },
    { ref: RESETS + to, from: (await home.repository.ref(RESETS + to)) ?? "", to: commit },
  ]);
  home.guard.reset(to);
  home.tip = undefined;
  home.log.warn("main of the approvals repository was accepted as it is", { from, to, by: by.username });
}

/** For `status`: why the repository did not answer. */
export function reasonOf(error: unknown): string {
  const cause = error instanceof Refusal ? error.details.cause : undefined;
  return clip(errorMessage(cause ?? error).trim(), 300);
}
