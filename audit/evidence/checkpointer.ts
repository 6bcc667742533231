import { setTimeout as sleep } from "node:timers/promises";
import { errorMessage } from "../../base/errors.ts";
import {
  CHECKPOINT_SESSION,
  type Checkpoint,
  hashLeaf,
  type Leaf,
  signTreeHead,
  type TreeHead,
  WRITER_ENDED,
} from "./checkpoint.ts";
import { grow, type Hash, rootOf } from "./merkle.ts";
import type { Signer } from "./signer.ts";
import { type CheckpointState, writeState } from "./state.ts";
import type { WitnessQueue } from "./witness-queue.ts";

/** A payload of the spool is cut off at 8 Mi characters; a leaf takes some 200, and a session's id is not ours alone. */
const MAX_LEAVES = 5_000;
const MAX_CHARS = 4 * 1024 * 1024;

/** How long an end waits for what earlier processes left to be known. */
const ADOPT_MS = 2_000;

export interface CheckpointerOptions {
  tenant: string;
  /** The first writer of this process: it names its log. */
  writer: string;
  /** The spool's folder. */
  folder: string;
  /** What the processes before left, from `readState`. */
  state: CheckpointState;
  signer: Signer;
  everySeconds: number;
  /** Heads of this process's chains. */
  chains: {
    /** Those that moved since `signed` was last told of them. */
    moved(): Leaf[];
    signed(leaves: readonly Leaf[]): void;
  };
  /** Hands an event of kind `checkpoint` to the spool; returns where its chain stands then. */
  record(checkpoint: Checkpoint): Leaf;
  /** Asks for what was recorded to be on disk; `synced` is called when it is. */
  commit(): void;
  /** Heads in the store of chains whose writers ended without a last checkpoint, once all that they left is there. */
  orphans(writers: readonly string[]): Promise<Leaf[]>;
  witnesses: WitnessQueue;
  log(level: "info" | "error", message: string, fields: Record<string, unknown>): void;
}

/**
 * Signs, every so often, where each chain stands. One log a process: RFC 6962 leaves are the heads that moved since the
 * checkpoint before. What cannot be signed now (a key service that is away) is signed with the next one; the record
 * itself goes on, and the log and a metric say that it is not signed.
 */
export class Checkpointer {
  readonly #options: CheckpointerOptions;
  #peaks: Hash[] = [];
  #size = 0;
  /** Leaves of processes before this one, that the next checkpoint takes. */
  #inherited: Leaf[] = [];
  #unsealed: string[];
  #writers: string[];
  #state: CheckpointState;
  #unsynced: { head: Leaf; last: TreeHead; note: string }[] = [];
  #under: Promise<TreeHead | undefined> | undefined;
  #adopting: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #failing: string | undefined;

  constructor(options: CheckpointerOptions) {
    this.#options = options;
    this.#state = options.state;
    this.#unsealed = options.state.writers;
    this.#writers = [...options.state.writers, options.writer];
    if (options.state.head !== undefined) this.#inherited.push(options.state.head);
    this.#save();
  }

  /** Why the last attempt to sign failed, until one succeeds. */
  get failing(): string | undefined {
    return this.#failing;
  }

  start(): void {
    this.#timer = setInterval(() => {
      this.make().catch(() => {}); // said by #attempt
    }, this.#options.everySeconds * 1000).unref();
    if (this.#unsealed.length > 0) this.#adopting = this.#adopt();
  }

  /** The process goes on under another writer; chains of the one before have ended. */
  writer(writer: string): void {
    this.#writers.push(writer);
    this.#save();
  }

  /**
   * Makes a checkpoint now, where anything moved. Resolves with the newest tree head once its event is handed to the
   * spool; undefined where this process has none yet. Rejects where it cannot be signed.
   */
  make(): Promise<TreeHead | undefined> {
    const before = this.#under;
    const next = (
      before === undefined
        ? Promise.resolve()
        : before.then(
            () => {},
            () => {},
          )
    ).then(() => this.#attempt());
    this.#under = next;
    return next;
  }

  /** The last checkpoint: it says that this process's writers have ended. Never rejects; the log says what failed. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#under?.catch(() => {});
    // A store that is away would keep it waiting for good; the next process then does it.
    await Promise.race([this.#adopting, sleep(ADOPT_MS, undefined, { ref: false })]);
    const ended = this.#writers.filter((writer) => !this.#unsealed.includes(writer));
    await this.#attempt(ended).catch(() => {});
  }

  /** What was recorded is on disk: only now may others hear of it. Returns whether a checkpoint was among it. */
  synced(): boolean {
    const any = this.#unsynced.length > 0;
    for (const { head, last, note } of this.#unsynced.splice(0)) {
      this.#state = { ...this.#state, head, last };
      this.#save();
      this.#options.witnesses.add(note, last);
    }
    return any;
  }

  async #attempt(ended: readonly string[] = []): Promise<TreeHead | undefined> {
    try {
      const made = await this.#make(ended);
      const failed = this.#failing !== undefined;
      this.#failing = undefined;
      if (failed) this.#options.log("info", "checkpoints of the record are signed again", {});
      return made;
    } catch (error) {
      this.#failing = errorMessage(error);
      this.#options.log("error", "the record could not be signed; it goes on, and the next checkpoint covers it", {
        reason: this.#failing,
      });
      throw error;
    }
  }

  async #make(ended: readonly string[]): Promise<TreeHead | undefined> {
    const moved = this.#options.chains.moved();
    const inherited = this.#inherited;
    // A checkpoint moves its own chain: that alone is no reason for another one.
    const due =
      ended.length > 0 || inherited.length > 0 || moved.some((leaf) => leaf.session_id !== CHECKPOINT_SESSION);
    if (!due) return this.#size === 0 ? undefined : this.#state.last;
    const ends = ended.map((writer) => ({ session_id: CHECKPOINT_SESSION, writer, seq: 1, hash: WRITER_ENDED }));
    const all = [...inherited, ...moved, ...ends];
    let last: TreeHead | undefined;
    for (let from = 0; from < all.length; ) {
      const leaves = slice(all, from);
      from += leaves.length;
      last = await this.#sign(leaves);
      this.#options.chains.signed(leaves);
      const taken = new Set(leaves);
      this.#inherited = this.#inherited.filter((leaf) => !taken.has(leaf));
    }
    return last;
  }

  async #sign(leaves: Leaf[]): Promise<TreeHead> {
    const { tenant, writer: log, signer } = this.#options;
    const peaks = grow(
      this.#peaks,
      this.#size,
      leaves.map((leaf) => hashLeaf(tenant, leaf)),
    );
    const head = { log, size: this.#size + leaves.length, root: rootOf(peaks).toString("base64") };
    const note = await signTreeHead(tenant, head, signer);
    const first = this.#size === 0 && this.#state.last !== undefined ? { previous: this.#state.last } : {};
    const before = this.#peaks.map((peak) => peak.toString("base64"));
    this.#peaks = peaks;
    this.#size = head.size;
    for (const leaf of leaves) {
      if (leaf.hash !== WRITER_ENDED) continue;
      this.#writers = this.#writers.filter((writer) => writer !== leaf.writer);
      this.#unsealed = this.#unsealed.filter((writer) => writer !== leaf.writer);
    }
    const recorded = this.#options.record({ ...head, note, leaves, peaks: before, ...first });
    this.#unsynced.push({ head: recorded, last: head, note });
    this.#options.commit();
    return head;
  }

  /** What a process that was cut short left unsigned is signed by this one, and its writers are declared ended. */
  async #adopt(): Promise<void> {
    const writers = this.#unsealed;
    try {
      const heads = await this.#options.orphans(writers);
      const ends = writers.map((writer) => ({ session_id: CHECKPOINT_SESSION, writer, seq: 1, hash: WRITER_ENDED }));
      this.#inherited.push(...heads, ...ends);
    } catch (error) {
      this.#options.log("error", "what an earlier process left unsigned stays so until the next start", {
        reason: errorMessage(error),
      });
    }
  }

  #save(): void {
    const { last, head } = this.#state;
    writeState(this.#options.folder, { last, head, writers: this.#writers });
  }
}

function slice(leaves: readonly Leaf[], from: number): Leaf[] {
  const some: Leaf[] = [];
  let chars = 0;
  for (const leaf of leaves.slice(from, from + MAX_LEAVES)) {
    chars += JSON.stringify(leaf).length;
    if (some.length > 0 && chars > MAX_CHARS) break;
    some.push(leaf);
  }
  return some;
}
