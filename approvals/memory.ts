import { errorMessage } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { Approval } from "./types.ts";

/** Settled approvals kept in memory and listed; older ones are read when they are asked for by name. */
export const KEPT = 2000;
const SETTLED_FOR_GOOD = new Set(["consumed", "denied", "expired", "cancelled", "revoked"]);

/**
 * What a home's repository says of each approval, in memory, and who waits for it to change. `E` is what the home keeps
 * beside an approval to make the next change of it.
 */
export class ApprovalIndex<E extends { approval: Approval }> {
  readonly byName = new Map<string, E>();
  private readonly byDigest = new Map<string, Set<E>>();
  private readonly waiters = new Map<string, Set<() => void>>();
  private readonly listeners = new Set<(approval: Approval) => void>();
  private readonly log: Log;

  constructor(log: Log) {
    this.log = log;
  }

  /** One more, or another reading of one of the same name. */
  add(entry: E): void {
    const known = this.byName.get(entry.approval.name);
    if (known !== undefined) this.remove(known);
    this.byName.set(entry.approval.name, entry);
    const { digest } = entry.approval.proposal;
    this.byDigest.set(digest, (this.byDigest.get(digest) ?? new Set()).add(entry));
    if (this.byName.size > KEPT * 2) this.dropOldest();
  }

  /** Entries of a digest, the newest last. */
  of(digest: string): E[] {
    return [...(this.byDigest.get(digest) ?? [])];
  }

  remove(entry: E): void {
    this.byName.delete(entry.approval.name);
    const same = this.byDigest.get(entry.approval.proposal.digest);
    same?.delete(entry);
    if (same?.size === 0) this.byDigest.delete(entry.approval.proposal.digest);
  }

  private dropOldest(): void {
    // Insertion order is the order of opening.
    for (const entry of [...this.byName.values()].slice(0, KEPT)) {
      if (SETTLED_FOR_GOOD.has(entry.approval.state)) this.remove(entry);
    }
  }

  /** Says that a state changed: whoever waits goes on, and listeners are told, once each. */
  changed(entry: E): void {
    for (const wake of this.waiters.get(entry.approval.name) ?? []) wake();
    this.waiters.delete(entry.approval.name);
    for (const listener of [...this.listeners]) {
      try {
        listener(snapshot(entry));
      } catch (error) {
        this.log.error("a listener of approvals failed", { approval: entry.approval.name, error: errorMessage(error) });
      }
    }
  }

  /** Resolves at the next change of this approval's state, or when the signal fires. */
  async nextChange(name: string, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const wake = (): void => resolve();
    const waiting = this.waiters.get(name) ?? new Set();
    this.waiters.set(name, waiting.add(wake));
    signal.addEventListener("abort", wake, { once: true });
    await promise;
    signal.removeEventListener("abort", wake);
    waiting.delete(wake);
    if (waiting.size === 0 && this.waiters.get(name) === waiting) this.waiters.delete(name);
  }

  onChange(listener: (approval: Approval) => void): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  /** Wakes everybody, since nothing will change any more. */
  wakeAll(): void {
    for (const waiting of this.waiters.values()) for (const wake of waiting) wake();
    this.waiters.clear();
  }
}

/** A copy for the outside: later changes of state don't show in it. */
export function snapshot({ approval }: { approval: Approval }): Approval {
  return {
    ...approval,
    approvals: [...approval.approvals],
    uses: approval.uses.map((use) => ({ ...use })),
    ...(approval.breakGlass === undefined ? {} : { breakGlass: { ...approval.breakGlass } }),
    ...(approval.batch === undefined ? {} : { batch: [...approval.batch] }),
  };
}
