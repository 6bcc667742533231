import { clip } from "../text.ts";
import type { Kill } from "../types.ts";
import type { HubContext } from "./context.ts";
import { commitAt, createRef, refAt, refsBelow, writeCommit } from "./git.ts";
import { close, endWith } from "./outcome.ts";
import { readRecord, recordMessage } from "./records.ts";
import { KILLED, sessionRefOf } from "./refs.ts";
import { anyShape } from "./wire.ts";

/** Puts a kill on record as a ref, and ends what it ends. */
export async function kill(home: HubContext, wanted: Kill): Promise<void> {
  const said: Kill = { ...wanted, reason: clip(wanted.reason, 1024) };
  const message = recordMessage(home.keys, "Kill a session", { kind: "kill", ...said });
  const sha = await writeCommit(home, "use", message, home.main.tree, []);
  const ref = sessionRefOf(said.session);
  if (!(await createRef(home, "use", ref, sha))) await replace(home, ref, sha, said.until);
  home.guard.keep(`refs/${ref}`, said.until);
  add(home, said);
}

/** A ref that no key of ours made, or that ends sooner, is in the way: the other gateways would never hear of the kill. */
async function replace(home: HubContext, ref: string, sha: string, until: number): Promise<void> {
  const there = await refAt(home, ref);
  if (there === sha) return;
  const record = there === undefined ? undefined : readRecord(home.keys, "kill", (await commitAt(home, there)).message);
  if (record !== undefined && sessionRefOf(record.session) === ref && record.until >= until) return;
  const route = "PATCH /repos/{owner}/{repo}/git/refs/{ref}";
  await home.client.send("use", route, { ref, sha, force: true }, anyShape);
}

/** Reads kills by other gateways. Resolves to the refs that there are. */
export async function lookAtKills(home: HubContext, read: Set<string>): Promise<string[]> {
  const refs = await refsBelow(home, KILLED);
  for (const [session, sha] of refs) {
    if (read.has(`${session} ${sha}`)) continue;
    const record = readRecord(home.keys, "kill", (await commitAt(home, sha)).message);
    read.add(`${session} ${sha}`);
    if (record === undefined || sessionRefOf(record.session) !== KILLED + session) {
      home.log.warn("a kill that no key of the gateway signed ends nothing", { ref: clip(session, 200) });
      continue;
    }
    const { kind: _, ...said } = record;
    home.guard.keep(`refs/${KILLED}${session}`, said.until);
    add(home, said);
  }
  return [...refs.keys()].map((session) => `refs/${KILLED}${session}`);
}

/** What is pending of its session is cancelled, and what was not used is taken back. */
function add(home: HubContext, { session, by, reason: why, ...times }: Kill): void {
  if (!home.kills.add({ session, by, reason: why, ...times })) return;
  const at = home.clock.now();
  const reason = `its session was killed: ${why}`;
  for (const entry of [...home.index.byName.values()]) {
    if (entry.approval.proposal.requester.session !== session) continue;
    if (entry.approval.state === "pending") {
      if (entry.pull.ours) home.later("closing a pull request", () => close(home, entry.pull, "use"));
      endWith(home, entry, { kind: "cancelled", at, by, reason });
    } else if (entry.approval.state === "approved") endWith(home, entry, { kind: "revoked", at, by, reason });
  }
}
