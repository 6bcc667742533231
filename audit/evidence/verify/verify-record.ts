import type { KeyObject } from "node:crypto";
import type { EventRow } from "../../event.ts";
import type { PackLine } from "../../export/pack-layout.ts";
import { CHECKPOINT_SESSION, type InclusionProof, proofFault, verifyTreeHead } from "../checkpoint.ts";
import { ChainWalk } from "./chain-walk.ts";
import { Expired } from "./expired.ts";
import { type Finding, Findings } from "./finding.ts";
import { Logs } from "./logs.ts";
import { NamedContents } from "./named-contents.ts";
import { SignedHeads } from "./signed-heads.ts";

/** A record as it is given: from the store, or from an export. Nothing in it is trusted. */
export interface RecordSource {
  tenant: string;
  /** What an export says that it is of, and when it was made: a genuine one may be of another session, or an older one. */
  of?: { tenant: string; session?: string; since?: string; until?: string; createdAt?: string };
  /** All of a tenant, one session with proofs of its heads, or what lies within a period. */
  scope: "whole" | "session" | "period";
  /** Where a period ends, as rows say it; not included. */
  until?: string | undefined;
  events(): AsyncIterable<PackLine<EventRow>>;
  checkpoints(): AsyncIterable<PackLine<EventRow>>;
  proofs(): AsyncIterable<PackLine<InclusionProof>>;
  /** What is kept under a digest; undefined where this source has no contents. */
  body: ((sha256: string) => Promise<"whole" | "altered" | "missing">) | undefined;
  /** Whether a content that an event names has passed its time, or was not in the store any more when it was exported. */
  mayBeGone?: (row: EventRow, sha256: string) => boolean;
}

export interface VerifyOptions {
  /** Public halves of all keys that ever signed. */
  keys: readonly KeyObject[];
  /** Notes from places of the operator's choice. */
  witnesses?: readonly AsyncIterable<string>[];
  /** Told now and then how many events were read. */
  progress?(events: number): void;
}

export interface Verdict {
  ok: boolean;
  of?: NonNullable<RecordSource["of"]>;
  findings: Finding[];
  /** All findings, also those past the list's end. */
  found: number;
  events: number;
  chains: number;
  checkpoints: number;
  logs: number;
  bodies: number;
  /** Events that no checkpoint covers yet. */
  unsigned: { events: number; chains: number };
  /** When the newest checkpoint was recorded, or "". */
  signedUntil: string;
  /** What this did not, or could not, prove. */
  limits: string[];
}

/** A process may have recorded for so long before its first checkpoint, its clock set aside. */
const FIRST_CHECKPOINT_MS = 120_000;

/**
 * Checks a record against the heads that were signed: inclusion (each event is the one that was recorded) and
 * completeness (none is missing up to the newest checkpoint). `findings` may hold some already.
 */
export async function verifyRecord(
  source: RecordSource,
  options: VerifyOptions,
  findings: Findings = new Findings(),
): Promise<Verdict> {
  const { tenant, scope } = source;
  const midway = scope === "period";
  const heads = new SignedHeads();
  const logs = new Logs({
    tenant,
    keys: options.keys,
    heads,
    findings,
    midway: scope !== "whole",
    until: source.until,
  });
  const readable = async function* <T>(lines: AsyncIterable<PackLine<T>>, file: string): AsyncGenerator<T> {
    for await (const { line, value, problem } of lines) {
      if (problem === undefined) yield value as T;
      else findings.add({ what: "unreadable", file, line, why: problem });
    }
  };
  for await (const row of readable(source.checkpoints(), "checkpoints")) logs.take(row);
  for await (const proof of readable(source.proofs(), "proofs"))
    takeProof(tenant, proof, options.keys, { heads, logs, findings });

  const walk = new ChainWalk({ tenant, heads, findings, midway });
  const expired = new Expired();
  const bodies = new NamedContents();
  for await (const row of readable(source.events(), "events")) {
    walk.take(row);
    expired.take(row);
    if (source.body !== undefined) {
      const { session_id, writer } = row;
      for (const sha256 of digestsOf(row)) {
        const mayBeGone = source.mayBeGone?.(row, sha256) === true;
        bodies.add({ sha256, session_id, writer, seq: Number(row.seq), mayBeGone });
      }
    }
    if (walk.events % 10_000 === 0) options.progress?.(walk.events);
  }
  const unsigned = walk.end();
  const limits: string[] = [];
  const letGo = (log: string): boolean => expired.log(log, walk);
  logs.link(letGo);
  reportAbsent({ walk, expired }, { scope, findings, limits });
  let bodiesGone = 0;
  for (const { sha256, session_id, writer, seq, mayBeGone } of bodies) {
    const state = await source.body?.(sha256);
    if (state === "missing" && mayBeGone) bodiesGone++;
    if (state === undefined || state === "whole" || (state === "missing" && mayBeGone)) continue;
    const what = state === "altered" ? "swapped-body" : "missing-body";
    const why =
      state === "altered" ? "it is not the content that was recorded" : "an event names it, and it is not here";
    findings.add({ what, session_id, writer, seq: [seq, seq], body: sha256, why });
  }
  if (bodiesGone > 0)
    limits.push(
      `${bodiesGone} contents that events name are gone: by retention, or somebody removed them before the export`,
    );
  if (heads.leaves > 0 && scope === "whole") reportStrangers(walk, { newest: logs.newest, letGo }, findings);
  let witnessed = 0;
  for (const notes of options.witnesses ?? []) {
    for await (const note of notes) {
      witnessed++;
      if (scope === "whole") logs.witnessed(note, letGo);
      else {
        const verdict = verifyTreeHead(tenant, note, options.keys);
        if (verdict.ok) logs.seen(verdict.head);
      }
    }
  }
  logs.witnessesEnd();
  if (heads.leaves === 0) {
    limits.push("nothing here is signed: whoever edited it could have computed every hash anew");
  } else if (unsigned.events > 0) {
    limits.push(
      `${unsigned.events} events in ${unsigned.chains} chains are newer than the last checkpoint of them: their ends could be others`,
    );
  }
  if (options.witnesses === undefined) {
    limits.push(
      "no witness was asked: that the newest checkpoints were removed, with all that they cover, would not be seen",
    );
  } else if (witnessed === 0) {
    findings.add({ what: "missing-checkpoint", why: "the witness that was given holds no note" });
  }
  if (logs.foreignNotes > 0) limits.push(`${logs.foreignNotes} notes of the witness are signed by no key that counts`);
  if (source.body === undefined) limits.push("recorded contents are not here, and were not checked");
  if (scope === "whole" && logs.beginnings > 1) {
    limits.push(`${logs.beginnings} processes follow none before them: there have to be as many spools`);
  }
  return {
    ok: findings.count === 0,
    ...(source.of === undefined ? {} : { of: source.of }),
    findings: findings.list,
    found: findings.count,
    events: walk.events,
    chains: walk.chains,
    checkpoints: logs.checkpoints,
    logs: logs.size,
    bodies: bodies.size,
    unsigned,
    signedUntil: logs.newest,
    limits,
  };
}

function takeProof(
  tenant: string,
  proof: InclusionProof,
  keys: readonly KeyObject[],
  to: { heads: SignedHeads; logs: Logs; findings: Findings },
): void {
  const { session_id, writer, seq, hash } = proof;
  const why = proofFault(tenant, proof, keys);
  if (why !== undefined) {
    to.findings.add({
      what: "altered-checkpoint",
      session_id,
      writer,
      seq: [seq, seq],
      log: proof.log,
      size: proof.size,
      why,
    });
    return;
  }
  to.heads.add({ session_id, writer, seq, hash, required: true });
  const verdict = verifyTreeHead(tenant, proof.note, keys);
  if (verdict.ok) to.logs.seen(verdict.head);
}

/** Chains with a signed head of which nothing is here. */
function reportAbsent(
  { walk, expired }: { walk: ChainWalk; expired: Expired },
  { scope, findings, limits }: { scope: RecordSource["scope"]; findings: Findings; limits: string[] },
): void {
  const gone = { compared: 0, uncompared: 0 };
  let outside = 0;
  for (const newest of walk.absent()) {
    const { session_id, writer, seq } = newest;
    const excuse = expired.excuses(newest, walk);
    if (excuse !== undefined) gone[excuse]++;
    else if (scope === "period") outside++;
    else {
      const what = session_id === CHECKPOINT_SESSION ? "missing-checkpoint" : "dropped-session";
      const why = `${seq} events were signed, and none of them is here`;
      findings.add({ what, session_id, writer, seq: [1, seq], why });
    }
  }
  const letGo = gone.compared + gone.uncompared;
  if (letGo > 0) limits.push(`${letGo} chains were let go when their time was over (audit.retention)`);
  if (gone.uncompared > 0) limits.push(`of ${gone.uncompared} of them nothing says that they were whole by then`);
  if (outside > 0) limits.push(`${outside} chains that were signed within the period have no event in it`);
}

function reportStrangers(
  walk: ChainWalk,
  { newest, letGo }: { newest: string; letGo(log: string): boolean },
  findings: Findings,
): void {
  const signedAt = Date.parse(`${newest.replace(" ", "T")}Z`);
  for (const { session_id, writer, seq } of walk.strangers()) {
    // RFC 9562 §5.7: the first 48 bits are milliseconds since the epoch.
    const began = /^[0-9a-f]{8}-[0-9a-f]{4}-7/.test(writer)
      ? Number.parseInt(writer.slice(0, 13).replace("-", ""), 16)
      : 0;
    if (began >= signedAt - FIRST_CHECKPOINT_MS || letGo(writer)) continue;
    findings.add({
      what: "added",
      session_id,
      writer,
      seq,
      why: "no checkpoint knows its writer, and later ones were signed",
    });
  }
}

/** Contents that an event names. A payload that cannot be read names none: its hash tells what was done to it. */
function digestsOf(row: EventRow): string[] {
  const facts = /"facts":"([0-9a-f]{64})"/.exec(row.payload)?.[1] ?? "";
  return [row.request_body, row.response_body, facts].filter((digest) => /^[0-9a-f]{64}$/.test(digest));
}
