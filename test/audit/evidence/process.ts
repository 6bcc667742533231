import { generateKeyPairSync, sign } from "node:crypto";
import { mkdirSync } from "node:fs";
import type { EventRow } from "../../../audit/event.ts";
import { CHECKPOINT_SESSION, type TreeHead } from "../../../audit/evidence/checkpoint.ts";
import { Checkpointer } from "../../../audit/evidence/checkpointer.ts";
import { readState } from "../../../audit/evidence/state.ts";
import { WitnessQueue } from "../../../audit/evidence/witness-queue.ts";
import { Chains } from "../../../audit/recorder/chain.ts";
import { canonicalJson } from "../../../base/canonical-json.ts";
import { uuid7 } from "../../../base/uuid7.ts";
import { draft } from "../rig.ts";

const { publicKey, privateKey } = generateKeyPairSync("ed25519");
export const keys = [publicKey];

/** What a process of the gateway puts on record, with the recorder's own chains and checkpoints, and no store. */
export class Process {
  readonly rows: EventRow[] = [];
  readonly writer = uuid7();
  readonly notes: string[];
  readonly #chains = new Chains({ tenant: "default", writer: this.writer, newWriter: uuid7 });
  readonly #checkpointer: Checkpointer;

  constructor(spool: string, notes: string[] = [], orphans: readonly EventRow[] = []) {
    mkdirSync(spool, { recursive: true });
    this.notes = notes;
    const witness = {
      name: "test",
      append: async (note: string) => void notes.push(note),
      notes: async function* () {},
    };
    this.#checkpointer = new Checkpointer({
      tenant: "default",
      writer: this.writer,
      folder: spool,
      state: readState(spool),
      signer: { publicKey, sign: async (bytes) => sign(null, bytes, privateKey) },
      everySeconds: 3600,
      chains: this.#chains,
      record: (checkpoint) => {
        this.#add(CHECKPOINT_SESSION, "checkpoint", canonicalJson(checkpoint));
        return this.#chains.head(CHECKPOINT_SESSION);
      },
      commit: () => this.#checkpointer.synced(),
      orphans: async () => orphans.map(({ session_id, writer, seq, hash }) => ({ session_id, writer, seq, hash })),
      witnesses: new WitnessQueue([witness], () => {}),
      log: () => {},
    });
    this.#checkpointer.start();
  }

  event(session_id: string, kind: EventRow["kind"] = "request.outcome", payload: unknown = {}): void {
    this.#add(session_id, kind, canonicalJson(payload));
  }

  checkpoint(): Promise<TreeHead | undefined> {
    return this.#checkpointer.make();
  }

  close(): Promise<void> {
    return this.#checkpointer.close();
  }

  #add(session_id: string, kind: EventRow["kind"], payload: string): void {
    const input = { draft: draft({ session_id, kind, at_ms: Date.now() }), payload, requestBody: "", responseBody: "" };
    this.rows.push(JSON.parse(this.#chains.next(input).line) as EventRow);
  }
}
