import type { Caps } from "../../../approvals/caps.ts";
import type { Actor, Approval, ApprovalHome } from "../../../approvals/types.ts";
import type { Person } from "../../../approvals/voters.ts";
import { bob, type FakeClock, opened } from "./fixtures.ts";

/** What a gateway may be opened with; the rest is the rig's own. */
export interface HomeOptions {
  people?: readonly Person[];
  limits?: Partial<Caps>;
  /** The file of the last good main (`approvals.state`); each gateway has one of its own where this is absent. */
  state?: string;
  /** How long the repository may take to answer; as long as a busy machine needs where this is absent. */
  deadlineMs?: number;
}

/**
 * One repository and a gateway on it, in either home. The suite is written against this and ApprovalHome alone.
 * `home.refresh()` makes a home look at its repository, and at the clock: it expires what is due.
 */
export interface HomeRig {
  kind: "embedded" | "github";
  clock: FakeClock;
  home: ApprovalHome;
  /** The file of the last good main of `home`. */
  state: string;
  /** Another gateway on the same repository, or the same one once more after `close`. Closed when the test ends. */
  open(options?: HomeOptions): Promise<ApprovalHome>;
  /**
   * As a person approves in this home; resolves when `home` knows. `last`: every requirement is met by it, so it is
   * merged where that is a step of its own (true where absent).
   */
  approve(name: string, by: Actor, options?: { reason?: string; last?: boolean }): Promise<void>;
  /** As a person denies in this home; resolves when `home` knows. */
  deny(name: string, by: Actor, reason: string): Promise<void>;
  /** As a person reviews a break-glass in this home; resolves when `home` knows. */
  review(name: string, by: Actor, verdict: "accepted" | "rejected", reason: string): Promise<void>;
  /** A person brings a standing exception's file to main; resolves when `home` knows. */
  putStanding(name: string, file: string, by: Actor): Promise<void>;
  /** A person takes exceptions/<name>.yaml off main, as a revert does; `home` isn't told. */
  takeOffMain(name: string): Promise<void>;
  /** git on the bare repository; trimmed stdout. */
  git(args: string[], input?: string): string;
  /** The repository cannot be reached from now on: what is asked of it fails. */
  down(): void;
  up(): void;
  /** It hangs from now on: what is asked of it gets no answer. Ended by `up`. */
  hang(): void;
  /** Force-pushes main to a history without its newest `commits` (1 where absent); resolves to the new tip. */
  rewriteMain(commits?: number): Promise<string>;
}

/** Makes a rig; what it opened is closed and deleted when the test ends. */
export type MakeRig = (options?: HomeOptions) => Promise<HomeRig>;

/** Opens a proposal, has bob approve it, and resolves to it as it is then. */
export async function approved(
  rig: HomeRig,
  changes: Partial<Approval["proposal"]> = {},
  home: ApprovalHome = rig.home,
): Promise<Approval> {
  const { name } = await opened(home, changes);
  await rig.approve(name, bob, { reason: "fine" });
  const approval = await rig.home.get(name);
  if (approval === undefined) throw new Error(`${name} is gone`);
  return approval;
}
