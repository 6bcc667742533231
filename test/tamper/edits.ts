import type { EventRow } from "../../audit/event.ts";
import { CHECKPOINT_SESSION, parseCheckpoint, WRITER_ENDED } from "../../audit/evidence/checkpoint.ts";
import type { Finding, Tampering } from "../../audit/evidence/verify/finding.ts";
import { canonicalJson } from "../../base/canonical-json.ts";
import { sha256 } from "../../base/digest.ts";
import { cover, EFFORTS, type Effort, forge, hashOf } from "./editor.ts";
import type { Random } from "./random.ts";
import type { Bodies, Rows } from "./record.ts";

export const KINDS = [
  "alter",
  "remove",
  "add",
  "reorder",
  "truncate",
  "drop session",
  "swap body",
  "fork checkpoint",
] as const;
export type Kind = (typeof KINDS)[number];

export interface Edited {
  kind: Kind;
  effort: Effort;
  rows: Rows;
  bodies: Bodies;
  /** What was done, for a person who looks into a miss. */
  said: string;
  /** Whether a finding names the place. */
  located(finding: Finding): boolean;
  /** What it may rightly be called; with every later number and hash computed anew some cannot be told apart. */
  names: readonly Tampering[];
}

/** Of the whole record of `rows` (in the order of chains), one edit of the kind. */
export function edit(kind: Kind, rows: Rows, bodies: Bodies, rng: Random, home: "export" | "store"): Edited {
  const events = rows.filter(({ session_id }) => session_id !== CHECKPOINT_SESSION);
  switch (kind) {
    case "alter":
    case "remove":
    case "add":
    case "reorder":
    case "truncate":
      return editChain(kind, rows, bodies, { target: rng.pick(events), rng, home });
    case "drop session":
      return dropSession(rows, bodies, rng.pick(events), rng);
    case "swap body":
      return swapBody(rows, bodies, rng);
    case "fork checkpoint":
      return forkCheckpoint(rows, bodies, rng);
  }
}

type Named = Pick<Edited, "names" | "located">;

function editChain(
  kind: "alter" | "remove" | "add" | "reorder" | "truncate",
  rows: Rows,
  bodies: Bodies,
  { target, rng, home }: { target: EventRow; rng: Random; home: "export" | "store" },
): Edited {
  const effort = rng.pick(EFFORTS);
  const inChain = (row: EventRow): boolean => row.session_id === target.session_id && row.writer === target.writer;
  const chain = rows.filter(inChain);
  let seq = target.seq;
  let edited: Rows;
  switch (kind) {
    case "alter":
      edited = rows.map((row) => (row === target ? altered(row, rng) : row));
      break;
    case "remove":
      // The last one of a chain would be a cut.
      if (chain.length > 1 && seq === chain.length) seq--;
      edited = rows.filter((row) => !inChain(row) || row.seq !== seq);
      break;
    case "add": {
      const copy = { ...target, name: `${target.name}-added`, exchange_id: "00000000-0000-7000-8000-0000000000ff" };
      edited = rows.flatMap((row) => (row === target ? [row, { ...copy, seq: seq + 1, prev_hash: row.hash }] : row));
      edited = edited.map((row) => (row.name === copy.name ? { ...row, hash: hashOf(row) } : row));
      seq++;
      break;
    }
    case "reorder": {
      if (chain.length === 1) return editChain("alter", rows, bodies, { target, rng, home });
      const first = Math.min(seq, chain.length - 1);
      const [a, b] = [chain[first - 1] ?? target, chain[first] ?? target];
      // They change places, with their numbers (which a store would sort again) or without.
      const renumber = rng.int(2) === 0 || home === "store";
      const [earlier, later] = renumber
        ? [
            { ...b, seq: a.seq },
            { ...a, seq: b.seq },
          ]
        : [b, a];
      edited = rows.map((row) => (row === a ? earlier : row === b ? later : row));
      seq = first;
      break;
    }
    case "truncate":
      edited = rows.filter((row) => !inChain(row) || row.seq < seq);
      break;
  }
  const covered = cover(edited, { ...target, seq }, effort);
  return {
    kind,
    effort,
    rows: covered,
    bodies,
    said: `${kind} ${target.session_id} ${target.writer} ${seq}`,
    ...naming(rows, target, seq),
  };
}

/** A finding of that chain over that event; or of a checkpoint that signed the chain, where that was edited too. */
function naming(rows: Rows, { session_id, writer }: EventRow, seq: number): Named {
  const signed = new Set<string>();
  const sizes = new Set<string>();
  for (const row of rows) {
    if (row.kind !== "checkpoint") continue;
    const { log, size, leaves } = parseCheckpoint(row.payload);
    // A checkpoint that signs it, the one that says that nothing comes after it, or one that came after such a one.
    const covers = leaves.some(
      (leaf) =>
        leaf.writer === writer && (leaf.hash === WRITER_ENDED || (leaf.session_id === session_id && leaf.seq >= seq)),
    );
    if (covers || sizes.has(log)) sizes.add(log).add(`${log} ${size}`);
    if (covers) signed.add(`${row.writer} ${row.seq}`);
  }
  return {
    names: [
      "altered",
      "removed",
      "added",
      "reordered",
      "truncated",
      "dropped-session",
      "altered-checkpoint",
      "missing-checkpoint",
    ],
    located(finding) {
      if (finding.session_id === session_id && finding.writer === writer) {
        return finding.seq !== undefined && finding.seq[0] <= seq && seq <= finding.seq[1];
      }
      if (finding.what === "altered-checkpoint") return signed.has(`${finding.writer} ${finding.seq?.[0]}`);
      return finding.what === "missing-checkpoint" && sizes.has(`${finding.log} ${finding.size}`);
    },
  };
}

function altered(row: EventRow, rng: Random): EventRow {
  return rng.pick<() => EventRow>([
    () => ({ ...row, verb: "get" }),
    () => ({ ...row, username: "corp:mallory@example.com" }),
    () => ({ ...row, effect: row.effect === "deny" ? "allow" : "deny" }),
    () => ({ ...row, status: 403 }),
    () => ({ ...row, rules: [...row.rules, "workload/host-path"] }),
    () => ({ ...row, at: row.at.replace(/\d$/, (digit) => String((Number(digit) + 1) % 10)) }),
    () => ({ ...row, payload: canonicalJson({ edited: true }) }),
    () => ({ ...row, approval_id: "approved" }),
  ])();
}

function dropSession(rows: Rows, bodies: Bodies, { session_id, writer }: EventRow, rng: Random): Edited {
  const efforts: Effort[] = ["none", "checkpoints", "own key", "cut back"];
  const effort = rng.pick(efforts);
  const dropped = rows.filter((row) => row.session_id !== session_id);
  const covered = cover(dropped, { session_id, writer, seq: 1 }, effort);
  const writers = new Set(rows.filter((row) => row.session_id === session_id).map((row) => row.writer));
  const each = [...writers].map((one) => naming(rows, { session_id, writer: one } as EventRow, 1));
  return {
    kind: "drop session",
    effort,
    rows: covered,
    bodies,
    said: `drop session ${session_id}`,
    names: ["dropped-session", "altered-checkpoint", "missing-checkpoint"],
    located: (finding) => each.some(({ located }) => located(finding)),
  };
}

function swapBody(rows: Rows, bodies: Bodies, rng: Random): Edited {
  const digest = rng.pick([...bodies.keys()]);
  const content = Buffer.from(`{"spec":{"replicas":${rng.int(1_000_000) + 10_000}}}`);
  const user = rows.find(({ request_body }) => request_body === digest);
  const effort = rng.pick<Effort>(["none", "row", "chain", "checkpoints"]);
  if (effort === "none" || user === undefined) {
    return {
      kind: "swap body",
      effort: "none",
      rows,
      bodies: new Map(bodies).set(digest, content),
      said: `content ${digest}`,
      names: ["swapped-body"],
      located: ({ body }) => body === digest,
    };
  }
  // The editor keeps the new content under its own digest, and points the event at it.
  const swapped = new Map(bodies).set(sha256(content), content);
  swapped.delete(digest);
  const edited = rows.map((row) => (row === user ? { ...row, request_body: sha256(content) } : row));
  const names = naming(rows, user, user.seq);
  return {
    kind: "swap body",
    effort,
    rows: cover(edited, user, effort),
    bodies: swapped,
    said: `content ${digest} of ${user.session_id} ${user.seq}`,
    ...names,
  };
}

/** Another checkpoint in the place of one: of the same log, and of no key that counts, or of another size. */
function forkCheckpoint(rows: Rows, bodies: Bodies, rng: Random): Edited {
  const checkpoints = rows.filter(({ kind }) => kind === "checkpoint");
  const target = rng.pick(checkpoints);
  const { log, size, leaves } = parseCheckpoint(target.payload);
  const effort = rng.pick<Effort>(["checkpoints", "own key", "cut back", "row"]);
  let edited: Rows;
  if (effort === "cut back") {
    // The log is taken back to before it, as if it had never been made, and none of its process after it.
    edited = rows.filter(
      (row) => row.session_id !== CHECKPOINT_SESSION || row.writer !== target.writer || row.seq < target.seq,
    );
  } else if (effort === "row") {
    // One that was really signed, of another place, stands where it was.
    const other = rng.pick(checkpoints.filter((row) => row !== target));
    const replaced = { ...target, payload: other.payload };
    replaced.hash = hashOf(replaced);
    edited = rows.map((row) => (row === target ? replaced : row));
  } else {
    const leaf = rng.pick(leaves.filter(({ session_id }) => session_id !== CHECKPOINT_SESSION).concat(leaves));
    const hash = sha256(leaf.hash);
    const others = leaves.map((one) => (one === leaf ? { ...one, hash } : one));
    const forged = forge(target.tenant, parseCheckpoint(target.payload), others, effort);
    edited = cover(
      rows.map((row) => (row === target ? { ...row, payload: canonicalJson(forged) } : row)),
      target,
      "chain",
    );
  }
  return {
    kind: "fork checkpoint",
    effort,
    rows: edited,
    bodies,
    said: `checkpoint ${target.writer} ${target.seq} (${log} at ${size})`,
    names: ["altered-checkpoint", "forked-checkpoint", "missing-checkpoint", "altered", "truncated", "dropped-session"],
    located(finding) {
      if (finding.session_id === CHECKPOINT_SESSION && finding.writer === target.writer) {
        return finding.seq !== undefined && finding.seq[0] <= target.seq && target.seq <= finding.seq[1];
      }
      return finding.log === log && (finding.size ?? 0) >= size - leaves.length;
    },
  };
}
