import { errorMessage } from "../../base/errors.ts";
import type { Present } from "../history.ts";
import { noteBehind, showBehind } from "./batch.ts";
import { judgeReview } from "./break-glass.ts";
import { lookAtBreakGlass } from "./broken.ts";
import { due, type HubContext, type HubPull, logFailure, move } from "./context.ts";
import { refAt, refsBelow } from "./git.ts";
import { endEdited, judgePull, recount } from "./judge.ts";
import { lookAtKills } from "./kills.ts";
import { isLongOver, learn } from "./learn.ts";
import { holderOf } from "./lock.ts";
import { endWith, tidyLater } from "./outcome.ts";
import { checkPull } from "./people-pulls.ts";
import { addMember, forgetOld, isOwn, readPull } from "./proposals.ts";
import { pullsOf } from "./pulls.ts";
import { BRANCH, PROPOSAL_BRANCH, REVIEW_OF, REVOKED, USED, WITHDRAWN } from "./refs.ts";
import { endRevoked, keepRevoked } from "./revocations.ts";
import type { HubStanding } from "./standing.ts";
import { applyUses, standsOnMain, usesOf } from "./use.ts";
import { type Pull, pullShape } from "./wire.ts";

/** How far back a start looks for approvals that are not used yet. */
const WINDOW_MS = 7 * 86_400_000;
/** How long a review may be overdue until nobody is told of it any more. */
const REVIEWS_MS = 90 * 86_400_000;
/** A list may be behind: what changed a moment before the newest that it shows may be missing still. */
const OVERLAP_MS = 60_000;
/** Approvals that wait for their use, whose reviews are counted again at each poll; the others when they are used. */
const RECOUNTED = 50;

/** Looks at the repository, again and again. Whatever a webhook says, this is what counts. */
export class Poll {
  readonly #home: HubContext;
  readonly #standing: HubStanding;
  /** `updated_at` of the newest pull request that was seen: what is older has not changed since. */
  #watermark = "";
  /** Pull requests that are none of ours, or long over, as they were when they were looked at. */
  #ignored = new Map<number, string>();
  readonly #brokenRead = new Set<string>();
  readonly #killsRead = new Set<string>();
  /** All refs of ours that there are, as far as they were looked at: for the guard. */
  #present: Present = { refs: new Set(), kept: [] };
  /** `<name>/<blob>` of standing exceptions that were taken back. */
  #withdrawn: ReadonlySet<string> = new Set();
  #started = false;

  constructor(home: HubContext, standing: HubStanding) {
    this.#home = home;
    this.#standing = standing;
  }

  /** One look at everything. Throws where GitHub cannot be asked; what was seen until then counts. */
  async run(): Promise<void> {
    const home = this.#home;
    await this.#lookAtRefs();
    // What is only rewritten still takes back; it puts nothing in force.
    const whole = await home.lookAtMain(this.#present).then(
      () => true,
      (error: unknown) => {
        if (home.guard.frozen === undefined) throw error;
        return false;
      },
    );
    await this.#standing.look(this.#withdrawn);
    // One pull request that cannot be read keeps nobody from the rest.
    const failed = whole ? await this.#lookAtPulls() : [];
    if (whole) await this.#lookAtBroken();
    await this.#lookAtApproved(whole);
    for (const entry of home.index.byName.values()) {
      const used = entry.approval.breakGlass;
      if (whole && used !== undefined && used.review === undefined) await judgeReview(home, entry);
    }
    this.expire();
    if (!this.#started) await this.#adopt();
    this.#started = true;
    forgetOld(home);
    if (failed.length > 0) throw failed[0];
  }

  /** Expires what nobody decided, and what nobody used, by its notAfter. */
  expire(): void {
    const home = this.#home;
    const at = home.clock.now();
    for (const entry of [...home.index.byName.values()]) {
      if (due(entry, at)) endWith(home, entry, { kind: "expired", at });
    }
  }

  async #lookAtRefs(): Promise<void> {
    const home = this.#home;
    const [revoked, withdrawn, kills, broken] = await Promise.all([
      refsBelow(home, REVOKED),
      refsBelow(home, WITHDRAWN),
      lookAtKills(home, this.#killsRead),
      lookAtBreakGlass(home),
    ]);
    for (const [name, sha] of revoked) home.revoked.set(name, sha);
    this.#withdrawn = new Set(withdrawn.keys());
    const named = (prefix: string, names: Iterable<string>): string[] =>
      [...names].map((name) => `refs/${prefix}${name}`);
    const refs = new Set([
      ...kills,
      ...broken,
      ...named(REVOKED, revoked.keys()),
      ...named(WITHDRAWN, withdrawn.keys()),
    ]);
    // What was spent must stay spent: whoever deletes such a ref is noticed.
    const folders = home.guard.kept(`refs/${USED}`).map((ref) => ref.slice("refs/".length, ref.lastIndexOf("/") + 1));
    for (const folder of new Set(folders)) {
      for (const ref of named(folder, (await refsBelow(home, folder)).keys())) refs.add(ref);
    }
    // A list may be a moment behind what was created just now.
    const kept = home.guard.kept("refs/sallyport/");
    for (const ref of kept) {
      if (!refs.has(ref) && (await refAt(home, ref.slice("refs/".length))) !== undefined) refs.add(ref);
    }
    this.#present = { refs, kept };
  }

  /** Resolves to what went wrong with single pull requests, which are looked at again. */
  async #lookAtPulls(): Promise<unknown[]> {
    const home = this.#home;
    const since = this.#watermark === "" ? new Date(home.clock.now() - WINDOW_MS).toISOString() : this.#watermark;
    // Whatever they are to be merged into: one of ours may have been turned to another branch.
    const base = { sort: "updated", direction: "desc" };
    const route = "GET /repos/{owner}/{repo}/pulls";
    const recent = await home.client.list(
      route,
      { ...base, state: "all" },
      pullShape,
      (page) => (page.at(-1)?.updated_at ?? "") >= since,
    );
    const open = this.#watermark === "" ? await home.client.list(route, { ...base, state: "open" }, pullShape) : [];
    const all = new Map([...recent.filter(({ updated_at }) => updated_at >= since), ...open].map((p) => [p.number, p]));
    const failed: unknown[] = [];
    for (const pull of [...all.values()].sort((a, b) => (a.updated_at < b.updated_at ? -1 : 1))) {
      try {
        await this.#lookAt(pull);
      } catch (error) {
        failed.push(error);
        home.log.warn("a pull request could not be looked at", { number: pull.number, error: errorMessage(error) });
      }
    }
    for (const pull of [...home.pulls.values()]) {
      if (!pull.unjudged) continue;
      await judgePull(home, pull).catch((error: unknown) => {
        failed.push(error);
        logFailure(home, `judging pull request ${pull.number}`, error);
      });
    }
    for (const pull of home.pulls.values()) showBehind(home, pull);
    if (failed.length === 0) this.#watermark = before(recent[0]?.updated_at) ?? since;
    return failed;
  }

  /** A break-glass is known until it is reviewed, however long its pull request is over. */
  async #lookAtBroken(): Promise<void> {
    const home = this.#home;
    for (const [name, { proposal, reviewBy }] of home.broken) {
      if (this.#brokenRead.has(name) || reviewBy < home.clock.now() - REVIEWS_MS) continue;
      if (!home.index.byName.has(name))
        for (const pull of await pullsOf(home, proposal.digest)) await learn(home, pull);
      this.#brokenRead.add(name);
    }
  }

  async #lookAt(pull: Pull): Promise<void> {
    const home = this.#home;
    const seen = `${pull.updated_at} ${pull.head.sha} ${pull.state}`;
    if (this.#ignored.get(pull.number) === seen) return;
    const known = home.pulls.get(pull.number);
    if (known !== undefined) return this.#lookAgain(known, pull);
    const own = isOwn(home, pull);
    if (own && !isLongOver(home, pull)) {
      await learn(home, pull);
      const learned = home.pulls.get(pull.number);
      if (learned !== undefined) {
        if (pull.state === "open") endEdited(home, learned, pull);
        noteBehind(home, learned, pull);
        return;
      }
      home.log.warn("a pull request under the gateway's login proposes nothing, since no key of its own signed it", {
        number: pull.number,
      });
    } else if (!own && !REVIEW_OF.test(pull.head.ref) && (pull.state === "open" || pull.merged_at != null)) {
      if (this.#started || pull.state === "open") home.later("checking a pull request", () => checkPull(home, pull));
    }
    this.#ignored.set(pull.number, seen);
    for (const oldest of this.#ignored.keys()) {
      if (this.#ignored.size <= 5000) break;
      this.#ignored.delete(oldest);
    }
  }

  async #lookAgain(known: HubPull, pull: Pull): Promise<void> {
    const home = this.#home;
    if (pull.head.sha !== known.head) await this.#moved(known, pull);
    if (pull.state === "closed" && known.members.some(({ approval }) => approval.state === "pending")) {
      await judgePull(home, known);
    }
    if (pull.state === "closed") return;
    endEdited(home, known, pull);
    noteBehind(home, known, pull);
  }

  /** Another gateway added a request to a batch, or somebody pushed, which counts for nothing. */
  async #moved(known: HubPull, pull: Pull): Promise<void> {
    const home = this.#home;
    const read = await readPull(home, pull);
    if (read === undefined) return;
    const names = new Set(known.members.map(({ approval }) => approval.name));
    if (!known.members.every(({ approval }) => read.members.some((other) => other.approval.name === approval.name)))
      return;
    known.head = read.head;
    known.locks = new Map([...(known.locks ?? []), ...(read.locks ?? [])]);
    for (const { approval } of read.members) {
      if (!names.has(approval.name)) home.index.add(addMember(known, approval));
    }
  }

  async #lookAtApproved(whole: boolean): Promise<void> {
    const home = this.#home;
    const at = home.clock.now();
    let counted = 0;
    for (const entry of [...home.index.byName.values()]) {
      const { approval, pull } = entry;
      const { state, name, proposal } = approval;
      if (state === "revoked") {
        // A use that another gateway began a moment before may still arrive: what it let through is to be known.
        if (proposal.notAfter > at) applyUses(home, entry, await usesOf(home, name, approval.uses));
      } else if (home.revoked.has(name)) await endRevoked(home, entry);
      else if (state !== "approved" && state !== "consumed") continue;
      else if (whole && !standsOnMain(home, entry)) {
        const reason = "its file is not on main any more as it was approved";
        if (move(home, entry, "revoked", { ended: { by: "", at, reason } })) {
          if (state === "approved") home.later(`taking ${name} back`, () => keepRevoked(home, entry, at, reason));
          tidyLater(home, entry, { kind: "revoked", at, reason });
        }
      } else if (state === "approved") {
        applyUses(home, entry, await usesOf(home, name, approval.uses));
        if (counted++ < RECOUNTED) await recount(home, pull);
      }
    }
  }

  /** Branches whose gateway died before it opened their pull request get it now: nobody's hold is lost. */
  async #adopt(): Promise<void> {
    const home = this.#home;
    const known = new Set([...home.pulls.values()].flatMap(({ branch, locks }) => [branch, ...(locks?.keys() ?? [])]));
    for (const name of (await refsBelow(home, BRANCH)).keys()) {
      const digest = PROPOSAL_BRANCH.exec(`sallyport/${name}`)?.[1];
      if (digest === undefined || known.has(`sallyport/${digest}`)) continue;
      if ((await pullsOf(home, digest)).length > 0 && home.index.of(digest).length > 0) continue;
      await holderOf(home, digest);
    }
  }
}

/** As GitHub writes times, so that they compare as text. */
function before(newest: string | undefined): string | undefined {
  const at = Date.parse(newest ?? "") - OVERLAP_MS;
  return Number.isNaN(at) ? undefined : new Date(at).toISOString().replace(/\.\d+Z$/, "Z");
}
