import { canonicalJson } from "../base/canonical-json.ts";
import { sha256 } from "../base/digest.ts";
import type { Approval, ApprovalHome } from "./types.ts";

/**
 * What `seen` must be (contracts §5): the SHA-256 of the file that was shown, and of a batch's files all together, so
 * that a request that joined since is not decided unseen.
 */
export function seenDigest(members: readonly Pick<Approval, "name" | "file">[]): string {
  const [only] = members;
  if (only !== undefined && members.length === 1) return sha256(only.file);
  return sha256(canonicalJson(Object.fromEntries(members.map(({ name, file }) => [name, sha256(file)]))));
}

/** All that is decided together with an approval, itself among them, in order of their names. */
export async function membersOf(home: Pick<ApprovalHome, "get">, approval: Approval): Promise<Approval[]> {
  const others = (approval.batch ?? []).filter((name) => name !== approval.name);
  const found = await Promise.all(others.map((name) => home.get(name)));
  return inOrder([approval, ...found.filter((one) => one !== undefined)]);
}

/** By name. */
export function inOrder<A extends { name: string }>(members: readonly A[]): A[] {
  return members.toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

/** Whether two pending proposals are decided together: those of one session that guardrails say so of. */
export function together(a: Approval, b: Approval): boolean {
  const [one, other] = [a.proposal, b.proposal];
  return (
    a.state === "pending" &&
    b.state === "pending" &&
    one.batch === true &&
    other.batch === true &&
    one.connection === other.connection &&
    one.requester.issuer === other.requester.issuer &&
    one.requester.username === other.requester.username &&
    one.requester.session === other.requester.session
  );
}
