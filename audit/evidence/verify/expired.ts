import type { EventRow } from "../../event.ts";
import { CHECKPOINT_SESSION } from "../checkpoint.ts";
import type { ChainWalk } from "./chain-walk.ts";
import { chainKey, type SignedHead } from "./signed-heads.ts";

interface Named {
  session_id: string;
  writer: string;
  last_seq?: unknown;
  last_hash?: unknown;
  signed_seq?: unknown;
  signed_hash?: unknown;
}

interface Said extends Named {
  /** False where it says that the chain stayed. */
  gone: boolean;
  /** The event that says so. */
  by: { session_id: string; writer: string; seq: number };
}

/**
 * Chains that were let go when their time was over (`audit.retention`): events of kind `record.expired` name them before
 * they are removed. Such an event excuses a chain once it is signed itself; before that anybody could have added it. A
 * later one of the same writer takes it back for a chain that stayed.
 */
export class Expired {
  /** By chain, then by who says so. */
  readonly #said = new Map<string, Map<string, Said>>();

  take({ kind, session_id, writer, seq, payload }: EventRow): void {
    if (kind !== "record.expired") return;
    const { chains, kept } = read(payload);
    const by = { session_id, writer, seq: Number(seq) };
    for (const chain of chains) this.#say({ ...chain, gone: true, by });
    for (const chain of kept) this.#say({ ...chain, gone: false, by });
  }

  /**
   * Whether a chain that is not here was let go, by its newest signed head: all of it that was signed, and nothing else. "uncompared" where its end
   * was not signed, and nobody compared the rest before it went: a record from before chains were.
   */
  excuses(newest: SignedHead, walk: ChainWalk): "compared" | "uncompared" | undefined {
    const { session_id, writer, seq, hash } = newest;
    let uncompared = false;
    for (const said of this.#of(session_id, writer, walk)) {
      if (seq === said.last_seq && hash === said.last_hash) return "compared";
      if (seq === said.signed_seq && hash === said.signed_hash) return "compared";
      uncompared ||= said.signed_seq === undefined && seq < Number(said.last_seq);
    }
    return uncompared ? "uncompared" : undefined;
  }

  /** Whether the checkpoints of a process were let go: what they signed cannot be told any more. */
  log(writer: string, walk: ChainWalk): boolean {
    return this.#of(CHECKPOINT_SESSION, writer, walk).length > 0;
  }

  #say(said: Said): void {
    const key = chainKey(said.session_id, said.writer);
    const known = this.#said.get(key) ?? new Map<string, Said>();
    this.#said.set(key, known);
    if ((known.get(said.by.writer)?.by.seq ?? 0) < said.by.seq) known.set(said.by.writer, said);
  }

  #of(session_id: string, writer: string, walk: ChainWalk): Said[] {
    const said = this.#said.get(chainKey(session_id, writer));
    return [...(said?.values() ?? [])].filter(({ gone, by }) => gone && walk.proves(by));
  }
}

function read(payload: string): { chains: Named[]; kept: Named[] } {
  try {
    const { chains, kept } = JSON.parse(payload) as { chains?: unknown; kept?: unknown };
    return { chains: named(chains), kept: named(kept) };
  } catch {
    return { chains: [], kept: [] }; // what cannot be read excuses nothing
  }
}

function named(list: unknown): Named[] {
  return Array.isArray(list)
    ? list.filter((one) => typeof one?.session_id === "string" && typeof one.writer === "string")
    : [];
}
