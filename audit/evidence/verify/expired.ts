import type { EventRow } from "../../event.ts";
import { CHECKPOINT_SESSION } from "../checkpoint.ts";
import type { ChainWalk } from "./chain-walk.ts";
import { chainKey, type SignedHead } from "./signed-heads.ts";

interface Said {
  lastSeq: number;
  lastHash: string;
  /** The event that says so. */
  session_id: string;
  writer: string;
  seq: number;
}

/**
 * Chains that were let go when their time was over (`audit.retention`): events of kind `record.expired` name them before
 * they are removed. Such an event excuses a chain once it is signed itself; before that anybody could have added it.
 */
export class Expired {
  readonly #said = new Map<string, Said>();

  take({ kind, session_id, writer, seq, payload }: EventRow): void {
    if (kind !== "record.expired") return;
    for (const chain of chainsIn(payload)) {
      const { last_seq: lastSeq, last_hash: lastHash } = chain;
      this.#said.set(chainKey(chain.session_id, chain.writer), {
        lastSeq,
        lastHash,
        session_id,
        writer,
        seq: Number(seq),
      });
    }
  }

  /** Whether a chain that is not here was let go: all of it that was signed, and nothing else. */
  excuses(signed: readonly SignedHead[], walk: ChainWalk): boolean {
    const newest = signed.at(-1);
    const said = newest && this.#said.get(chainKey(newest.session_id, newest.writer));
    if (newest === undefined || said === undefined || !walk.proves(said)) return false;
    return newest.seq < said.lastSeq || (newest.seq === said.lastSeq && newest.hash === said.lastHash);
  }

  /** Whether the checkpoints of a process were let go: what they signed cannot be told any more. */
  log(writer: string, walk: ChainWalk): boolean {
    const said = this.#said.get(chainKey(CHECKPOINT_SESSION, writer));
    return said !== undefined && walk.proves(said);
  }
}

function chainsIn(payload: string): { session_id: string; writer: string; last_seq: number; last_hash: string }[] {
  try {
    const { chains } = JSON.parse(payload) as { chains?: unknown };
    return Array.isArray(chains)
      ? chains.filter((one) => typeof one?.session_id === "string" && typeof one.writer === "string")
      : [];
  } catch {
    return []; // what cannot be read excuses nothing
  }
}
