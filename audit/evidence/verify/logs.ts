import type { KeyObject } from "node:crypto";
import type { EventRow } from "../../event.ts";
import {
  baseOf,
  CHECKPOINT_SESSION,
  checkpointFault,
  parseCheckpoint,
  type TreeHead,
  verifyTreeHead,
} from "../checkpoint.ts";
import type { Findings } from "./finding.ts";
import type { SignedHeads } from "./signed-heads.ts";

interface Signed extends TreeHead {
  base: TreeHead;
  previous: TreeHead | undefined;
  at: string;
}

export interface LogOptions {
  tenant: string;
  keys: readonly KeyObject[];
  heads: SignedHeads;
  findings: Findings;
  /** Logs may begin before what is here. */
  midway: boolean;
  /** `2026-11-22 10:00:00.000000`: what was signed from then on says how chains went on after what is here. */
  until?: string | undefined;
}

const MAX_COVERS = 100;

/** The logs of a record: each checkpoint by itself, one on the other, and one process after the other. */
export class Logs {
  readonly #options: LogOptions;
  readonly #logs = new Map<string, Signed[]>();
  /** The roots that a log here has at a size: one, unless it forked. */
  readonly #roots = new Map<string, Set<string>>();
  /** The same of tree heads that came by another way. They say nothing of what lies between them. */
  readonly #elsewhere = new Map<string, Set<string>>();
  readonly #named = new Set<string>();
  /** By log: the largest tree that a witness saw, and that is not here. */
  readonly #unseen = new Map<string, number>();
  #newest = "";
  checkpoints = 0;
  /** Notes of a witness that nobody of ours signed. */
  foreignNotes = 0;

  constructor(options: LogOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#named.size;
  }

  /** When the newest signed checkpoint was recorded (UTC), or "" where there is none. */
  get newest(): string {
    return this.#newest;
  }

  /** Processes that follow none: one for each spool, if none was ever taken away. */
  get beginnings(): number {
    return [...this.#logs.values()].filter(([first]) => first?.base.size === 0 && first.previous === undefined).length;
  }

  /** Takes a row of kind `checkpoint`; what it says counts where it is signed. */
  take(row: EventRow): void {
    const { tenant, keys, heads, until } = this.#options;
    const place = {
      session_id: CHECKPOINT_SESSION,
      writer: row.writer,
      seq: [Number(row.seq), Number(row.seq)] as [number, number],
    };
    let why: string | undefined;
    let covers: string[] = [];
    try {
      const checkpoint = parseCheckpoint(row.payload);
      why = checkpointFault(tenant, checkpoint, keys);
      covers = [...new Set(checkpoint.leaves.map(({ session_id }) => session_id))].slice(0, MAX_COVERS);
      if (why === undefined) {
        const { log, size, root, previous } = checkpoint;
        const signed = { log, size, root, base: baseOf(checkpoint), previous, at: row.at };
        const known = this.#logs.get(log);
        if (known === undefined) this.#logs.set(log, [signed]);
        else known.push(signed);
        this.#named.add(log);
        rootsIn(this.#roots, signed).add(root);
        heads.take(checkpoint, until === undefined || row.at < until);
        this.checkpoints++;
        if (row.at > this.#newest) this.#newest = row.at;
        return;
      }
    } catch (error) {
      why = error instanceof Error ? error.message : String(error);
    }
    this.#options.findings.add({ what: "altered-checkpoint", ...place, covers, why });
  }

  /**
   * Once all are in: what is missing between them, and what contradicts. `letGo` says which logs passed their time.
   */
  link(letGo: (log: string) => boolean): void {
    const followed = new Map<string, string>();
    for (const [log, list] of this.#logs) {
      list.sort((a, b) => a.size - b.size || a.base.size - b.base.size);
      this.#within(log, list);
      const previous = list[0]?.base.size === 0 ? list[0].previous : undefined;
      if (previous === undefined) continue;
      const other = followed.get(previous.log);
      if (other !== undefined)
        this.#forked(previous, `both ${other} and ${log} follow it: one of them is another history`);
      followed.set(previous.log, log);
      if (!letGo(previous.log)) this.#follows(log, previous);
    }
  }

  /** Once all notes are in: one finding a log, since a witness may have thousands of notes of it. */
  witnessesEnd(): void {
    for (const [log, size] of this.#unseen) {
      const last = this.#logs.get(log)?.at(-1)?.size ?? 0;
      this.#missing({ log, size }, `a witness saw it; what is here of its log ends at ${last} leaves`);
    }
  }

  /** Compares with what a witness saw, note by note. A note that none of our keys signed says nothing. */
  witnessed(note: string, letGo: (log: string) => boolean): void {
    const { tenant, keys } = this.#options;
    const verdict = verifyTreeHead(tenant, note, keys);
    if (!verdict.ok) {
      this.foreignNotes++;
      return;
    }
    const { log, size, root } = verdict.head;
    const same = this.#roots.get(rootKey(verdict.head));
    if (same === undefined) {
      if (!letGo(log)) this.#unseen.set(log, Math.max(size, this.#unseen.get(log) ?? 0));
    } else if (same.size > 1 || !same.has(root)) {
      this.#forked(verdict.head, "a witness saw another tree of that size");
    }
  }

  /** Compares a signed tree head that came by another way (a proof's note) with the one here, if it is here. */
  seen(head: TreeHead): void {
    const elsewhere = rootsIn(this.#elsewhere, head);
    elsewhere.add(head.root);
    const roots = new Set([...elsewhere, ...(this.#roots.get(rootKey(head)) ?? [])]);
    if (roots.size > 1) this.#forked(head, "two trees of that size were signed");
    this.#named.add(head.log);
  }

  #within(log: string, list: readonly Signed[]): void {
    let before: TreeHead = { log, size: 0, root: "" };
    for (const one of list) {
      if (one.size === before.size && one.root === before.root) continue; // doubled: its chain shows that
      if (
        one.base.size < before.size ||
        (one.base.size === before.size && before.size > 0 && one.base.root !== before.root)
      ) {
        this.#forked(one, `it does not go on from the checkpoint of ${before.size} leaves`);
      } else if (one.base.size > before.size && !(this.#options.midway && before.size === 0)) {
        this.#missing(
          { log, size: one.base.size },
          `those of ${before.size + 1} to ${one.base.size} leaves are not here`,
        );
      }
      before = one;
    }
  }

  #follows(log: string, previous: TreeHead): void {
    const last = this.#logs.get(previous.log)?.at(-1);
    if (last === undefined) {
      if (!this.#options.midway) this.#missing(previous, `${log} follows it, and nothing of its log is here`);
    } else if (last.size < previous.size) {
      this.#missing(previous, `${log} follows it, and what is here of its log ends at ${last.size} leaves`);
    } else if (last.size > previous.size || last.root !== previous.root) {
      this.#forked(previous, `${log} follows it, and its log goes on otherwise`);
    }
  }

  #missing({ log, size }: Pick<TreeHead, "log" | "size">, why: string): void {
    this.#options.findings.add({ what: "missing-checkpoint", log, size, why });
  }

  #forked({ log, size }: Pick<TreeHead, "log" | "size">, why: string): void {
    this.#options.findings.add({ what: "forked-checkpoint", log, size, why });
  }
}

function rootKey({ log, size }: Pick<TreeHead, "log" | "size">): string {
  return `${size} ${log}`;
}

function rootsIn(roots: Map<string, Set<string>>, head: TreeHead): Set<string> {
  const key = rootKey(head);
  const known = roots.get(key) ?? new Set();
  roots.set(key, known);
  return known;
}
