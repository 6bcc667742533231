import { errorMessage } from "../../base/errors.ts";
import { clip } from "../text.ts";
import type { Kill } from "../types.ts";
import type { HubContext } from "./context.ts";
import { commitAt, createRef, refsBelow, writeCommit } from "./git.ts";
import { close, endWith } from "./outcome.ts";
import { readRecord, recordMessage } from "./records.ts";
import { KILLED, sessionRef } from "./refs.ts";

/** Sessions that were ended for good, and who wants to know. */
export class Kills {
  readonly #home: HubContext;
  readonly #listeners = new Set<(kill: Kill) => void>();
  /** Refs that are read, or that say nothing. */
  readonly #read = new Set<string>();

  constructor(home: HubContext) {
    this.#home = home;
  }

  onKill(listener: (kill: Kill) => void): () => void {
    this.#listeners.add(listener);
    for (const kill of this.#home.kills.values()) this.#tell(listener, kill);
    return () => void this.#listeners.delete(listener);
  }

  async kill(kill: Kill): Promise<void> {
    const home = this.#home;
    const said: Kill = { ...kill, reason: clip(kill.reason, 1024) };
    const message = recordMessage(home.keys, "Kill a session", { kind: "kill", ...said });
    const sha = await writeCommit(home, "use", message, home.main.tree, []);
    const ref = sessionRef(kill.session);
    await createRef(home, "use", ref, sha);
    home.guard.keep(`refs/${ref}`, kill.until);
    this.#add(said);
  }

  /** Resolves to the refs that there are. A ref that no key of ours made ends no session: it is logged once. */
  async look(): Promise<string[]> {
    const home = this.#home;
    const refs = await refsBelow(home, KILLED);
    for (const [session, sha] of refs) {
      if (this.#read.has(`${session} ${sha}`)) continue;
      const kill = readRecord(home.keys, "kill", (await commitAt(home, sha)).message);
      this.#read.add(`${session} ${sha}`);
      if (kill === undefined || sessionRef(kill.session) !== KILLED + session) {
        home.log.warn("a kill that no key of the gateway's signed ends nothing", { ref: clip(session, 200) });
        continue;
      }
      const { kind: _, ...said } = kill;
      home.guard.keep(`refs/${KILLED}${session}`, said.until);
      this.#add(said);
    }
    return [...refs.keys()].map((session) => `refs/${KILLED}${session}`);
  }

  #add(kill: Kill): void {
    const home = this.#home;
    if (home.kills.has(kill.session) || kill.until <= home.clock.now()) return;
    home.kills.set(kill.session, kill);
    this.end(kill);
    for (const listener of [...this.#listeners]) this.#tell(listener, kill);
  }

  /** What was pending is cancelled, and what was not used is taken back. */
  end({ session, by, reason: why }: Kill): void {
    const home = this.#home;
    const at = home.clock.now();
    const reason = `its session was killed: ${why}`;
    for (const entry of [...home.index.byName.values()]) {
      if (entry.approval.proposal.requester.session !== session) continue;
      if (entry.approval.state === "pending") {
        if (entry.pull.ours) home.later("closing a pull request", () => close(home, entry.pull, "use"));
        endWith(home, entry, { kind: "cancelled", at, by, reason });
      } else if (entry.approval.state === "approved") endWith(home, entry, { kind: "revoked", at, by, reason });
    }
  }

  #tell(listener: (kill: Kill) => void, kill: Kill): void {
    try {
      listener(kill);
    } catch (error) {
      this.#home.log.error("a listener of kills failed", { error: errorMessage(error) });
    }
  }
}
