import type { KeyObject } from "node:crypto";
import { type GitRecord, parseRecord, recordMessage } from "./records.ts";
import { type MergeKey, signSsh, verifySsh } from "./ssh-signature.ts";

/** A commit that the gateway's merge key signed. */
export interface SignedCommit {
  oid: string;
  tree: string;
  parents: string[];
  record: GitRecord;
}

// Who acted stands in the record. The author of a commit is whatever its writer claims, so it says nothing.
const AUTHOR = "Sallyport <gateway@sallyport.invalid>";

/** The text of a signed commit object, for `git hash-object -t commit`. `at` is in milliseconds. */
export function signedCommit(key: MergeKey, tree: string, parents: string[], at: number, record: GitRecord): string {
  const when = `${AUTHOR} ${Math.floor(at / 1000)} +0000`;
  const headers = [`tree ${tree}`, ...parents.map((p) => `parent ${p}`), `author ${when}`, `committer ${when}`];
  const message = recordMessage(record);
  const signature = signSsh(key, `${headers.join("\n")}\n\n${message}`);
  return `${headers.join("\n")}\ngpgsig ${signature.replaceAll("\n", "\n ")}\n\n${message}`;
}

const HEADERS =
  /^(tree ([0-9a-f]{40})\n((?:parent [0-9a-f]{40}\n){0,2})author [^\n]+\ncommitter [^\n]+)\ngpgsig ((?:[^\n]+\n )*[^\n]+)$/;

/** Reads a commit object; undefined unless one of the keys signed it, whatever stands in it. */
export function readSignedCommit(keys: readonly KeyObject[], oid: string, text: string): SignedCommit | undefined {
  const end = text.indexOf("\n\n");
  const match = HEADERS.exec(text.slice(0, Math.max(end, 0)));
  if (match === null) return undefined;
  const [, headers = "", tree = "", parents = "", gpgsig = ""] = match;
  const message = text.slice(end + 2);
  if (!verifySsh(keys, `${headers}\n\n${message}`, gpgsig.replaceAll("\n ", "\n"))) return undefined;
  const record = parseRecord(message);
  if (record === undefined) return undefined;
  return { oid, tree, parents: parents.match(/[0-9a-f]{40}/g) ?? [], record };
}
