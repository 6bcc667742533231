import type { Approval } from "../../../approvals/types.ts";
import type { StoredObject } from "../../gateway/cluster.ts";
import { doneBy, isHeld, shownBy } from "./requests.ts";
import type { Applied } from "./upstream.ts";
import type { Gate } from "./world.ts";

/** A client's request, as its sender knows it. */
export interface Sent {
  id: string;
  command: string;
  gate: Gate;
  /** Of the history, and of the clock. */
  at: number;
  ms: number;
  status?: number;
  text?: string;
  leave: () => void;
}

/** What a person did about an approval; `open`: it was never answered, so it may have counted or not. */
interface Act {
  verb: "approve" | "deny" | "revoke";
  outcome: "open" | "done" | "refused";
  begun: number;
  ended: number;
}

/** One approval as people know it: what they were shown, and what they did. */
export interface Grant {
  approval: Approval;
  command: string;
  shown: string;
  acts: Act[];
}

/** Something that must never be: what, and the story that led to it. */
export class Violation extends Error {
  constructor(what: string) {
    super(what);
    this.name = "Violation";
  }
}

/**
 * What happened, as people, clients and the upstream saw it: nothing in it comes from the gateways' own idea of it.
 * Each write that the upstream applied is looked at when it arrives.
 */
export class History {
  readonly grants = new Map<string, Grant>();
  readonly sent = new Map<string, Sent>();
  /** Writes that were held, of each command. */
  readonly #writes = new Map<string, { sent: Sent; done: string; at: number }[]>();
  readonly violations: string[] = [];
  #at = 0;
  readonly #revokesAtOnce: boolean;

  constructor(revokesAtOnce: boolean) {
    this.#revokesAtOnce = revokesAtOnce;
  }

  /** The next moment. */
  tick(): number {
    return ++this.#at;
  }

  /** What a person is shown, once. */
  grant(approval: Approval): Grant {
    const known = this.grants.get(approval.name);
    if (known !== undefined) {
      if (known.approval.file !== approval.file) this.violations.push(`${approval.name} is shown as two files`);
      return known;
    }
    const grant: Grant = {
      approval,
      command: approval.proposal.summary.command,
      shown: shownBy(approval),
      acts: [],
    };
    this.grants.set(approval.name, grant);
    return grant;
  }

  /** A person begins to act; `done` says what came of it. */
  begin({ acts }: Grant, verb: Act["verb"]): (outcome: "done" | "refused") => void {
    const act: Act = { verb, outcome: "open", begun: this.tick(), ended: Number.POSITIVE_INFINITY };
    acts.push(act);
    return (outcome) => {
      act.outcome = outcome;
      act.ended = this.tick();
    };
  }

  /** The upstream applied a write. */
  applied({ request, before, after }: Applied): void {
    const sent = this.sent.get(request);
    if (sent === undefined) {
      this.violations.push(`the upstream saw a write of nobody's: ${request}`);
      return;
    }
    if (isHeld(before, after)) this.#check(sent, before, after);
  }

  /** The upstream did not apply a create that was forwarded: what let it through is spent, by this request. */
  refused(request: string, object: StoredObject): void {
    const sent = this.sent.get(request);
    if (sent !== undefined && isHeld(undefined, object)) this.#check(sent, undefined, object);
  }

  #check(sent: Sent, before: StoredObject | undefined, after: StoredObject): void {
    const writes = this.#writes.get(sent.command) ?? [];
    this.#writes.set(sent.command, writes);
    // One exchange may try again on its use where the upstream definitely did not apply it.
    if (before === undefined && writes.some((write) => write.sent === sent)) return;
    writes.push({ sent, done: doneBy(before, after), at: this.tick() });
    if (this.#covered(sent.command, ({ approval }) => approval.proposal.maxUses)) return;
    const grants = [...this.grants.values()].filter(({ command }) => command === sent.command);
    const all = grants.map((grant) => `${grant.approval.name} (${told(grant)})`).join(", ");
    this.violations.push(
      `${sent.id}, «${sent.command}», was forwarded, and no standing approval of what it did is left for it; ` +
        `${writes.length} writes, approvals: ${all || "none"}`,
    );
  }

  /** At the end: each write that was held is one of the uses on record. `uses`: how many each approval has. */
  checkUses(uses: (grant: Grant) => number): void {
    for (const [command, writes] of this.#writes) {
      if (this.#covered(command, uses)) continue;
      const grants = [...this.grants.values()].filter((grant) => grant.command === command);
      const all = grants.map((grant) => `${grant.approval.name} has ${uses(grant)} uses`).join(", ");
      this.violations.push(`«${command}» was forwarded ${writes.length} times, and ${all || "was never approved"}`);
    }
  }

  /** Whether each write of a command has an approval of its own that let it through; each lets through so many. */
  #covered(command: string, times: (grant: Grant) => number): boolean {
    const grants = [...this.grants.values()].filter((grant) => grant.command === command);
    const places = grants.flatMap((grant) => Array.from({ length: times(grant) }, () => grant));
    return matches(this.#writes.get(command) ?? [], places, (write, grant) => this.#lets(grant, write));
  }

  /** Whether this approval may have let that write through. */
  #lets(grant: Grant, { sent, done, at }: { sent: Sent; done: string; at: number }): boolean {
    const { acts, shown, approval } = grant;
    if (shown !== done || sent.ms >= approval.proposal.notAfter) return false;
    const approved = acts.some(({ verb, outcome, begun }) => verb === "approve" && outcome !== "refused" && begun < at);
    const over = acts.some(
      ({ verb, outcome, ended }) =>
        verb !== "approve" && outcome === "done" && this.#known(sent, ended) && sent.at > ended,
    );
    return approved && !over;
  }

  /** Whether the gateway of a request must have known, when it came, what had ended by that moment. */
  #known({ gate, at }: Sent, ended: number): boolean {
    return this.#revokesAtOnce || gate.looked.some(({ begun, done }) => begun > ended && done < at);
  }
}

function told({ acts }: Grant): string {
  return acts.map(({ verb, outcome }) => `${verb} ${outcome}`).join(", ") || "nobody decided";
}

/** Whether each item can have a place of its own that fits (Kuhn's algorithm). */
function matches<I, P>(items: readonly I[], places: readonly P[], fits: (item: I, place: P) => boolean): boolean {
  const taken = new Map<number, number>();
  const place = (item: number, tried: Set<number>): boolean =>
    places.some((one, i) => {
      if (tried.has(i) || !fits(items[item] as I, one)) return false;
      tried.add(i);
      const other = taken.get(i);
      if (other !== undefined && !place(other, tried)) return false;
      taken.set(i, item);
      return true;
    });
  return items.every((_, i) => place(i, new Set()));
}
