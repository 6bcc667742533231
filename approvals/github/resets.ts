import { Refusal } from "../../base/errors.ts";
import type { HistoryQuestions, Reset } from "../history.ts";
import { clip } from "../text.ts";
import type { Actor } from "../types.ts";
import type { HubContext } from "./context.ts";
import { commitAt, createRef, refsBelow, writeCommit } from "./git.ts";
import { tipOf } from "./main.ts";
import { readRecord, recordMessage } from "./records.ts";
import { RESETS } from "./refs.ts";
import { compareShape } from "./wire.ts";

/** What the guard of the history asks of GitHub. */
export function questions(home: () => HubContext): HistoryQuestions {
  return {
    async isAncestor(from, to) {
      if (from === to) return true;
      const basehead = `${from}...${to}`;
      const route = "GET /repos/{owner}/{repo}/compare/{basehead}";
      // 404: one of them is not in the repository any more.
      const found = await home().client.find(route, { basehead, per_page: 1 }, compareShape);
      return found?.status === "ahead" || found?.status === "identical";
    },
    async resets() {
      const resets: Reset[] = [];
      for (const sha of (await refsBelow(home(), RESETS)).values()) {
        const record = readRecord(home().keys, "reset", (await commitAt(home(), sha)).message);
        if (record !== undefined) resets.push({ from: record.from, to: record.to });
      }
      return resets;
    },
  };
}

/** A person's word that main is right as it is: on record for every replica. Throws Refusal `conflict`. */
export async function reset(home: HubContext, by: Actor, input: { commit: string; reason: string }): Promise<void> {
  const tip = await tipOf(home.client, home.branch);
  if (tip !== input.commit) {
    throw new Refusal("conflict", `the tip of ${home.branch} is ${tip} and not ${clip(input.commit, 64)}`, {
      next: "Look at it as it is now, and reset to that.",
    });
  }
  const record = {
    kind: "reset",
    from: home.guard.lastGood ?? tip,
    to: tip,
    at: home.clock.now(),
    by: by.username,
    reason: clip(input.reason, 1024),
  } as const;
  const { tree } = await commitAt(home, tip);
  const sha = await writeCommit(home, "use", recordMessage(home.keys, "Accept a rewritten history", record), tree, []);
  await createRef(home, "use", `${RESETS}${tip}`, sha);
  home.guard.reset(tip);
  home.log.warn("a person accepted the history of the approvals repository as it is", { by: by.username, to: tip });
}
