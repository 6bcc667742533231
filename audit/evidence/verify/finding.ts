/** What was done to a record, as far as what is left of it can tell. */
export type Tampering =
  /** An event is not what was recorded; or events were added or removed before it, and all after them numbered anew. */
  | "altered"
  | "removed"
  | "added"
  | "reordered"
  /** The end of a chain is missing. */
  | "truncated"
  /** A whole chain is missing, and with it a session, or a process's part of one. */
  | "dropped-session"
  | "swapped-body"
  | "missing-body"
  /** A checkpoint was edited, or was never signed. */
  | "altered-checkpoint"
  | "missing-checkpoint"
  /** Two histories were signed, or the one here is not the one that a witness saw. */
  | "forked-checkpoint"
  | "unreadable"
  /** A file of a pack is not the one that its manifest names, or the manifest is not signed. */
  | "altered-pack";

/** Where it was done, as closely as can be told. */
export interface Finding {
  what: Tampering;
  session_id?: string;
  writer?: string;
  /** The first and the last event that it can be. */
  seq?: [number, number];
  /** The log (its first writer) and the size of the checkpoint. */
  log?: string;
  size?: number;
  /** Sessions whose heads it claims to sign, some of them: what it says of them counts for nothing. */
  covers?: string[];
  /** SHA-256 of a content. */
  body?: string;
  file?: string;
  line?: number;
  why: string;
}

/** Most that are listed; the rest is counted. */
export const MAX_FINDINGS = 1_000;

/** Findings in the order in which they were made. */
export class Findings {
  readonly list: Finding[] = [];
  count = 0;

  add(finding: Finding): Finding {
    this.count++;
    if (this.list.length < MAX_FINDINGS) this.list.push(finding);
    return finding;
  }
}
