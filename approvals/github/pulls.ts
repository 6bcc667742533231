import { sha256 } from "../../base/digest.ts";
import { whole } from "../pull-request/limits.ts";
import { renderPullRequest } from "../pull-request/pull-request.ts";
import type { Approval } from "../types.ts";
import type { HubContext } from "./context.ts";
import { isAmbiguous, statusOf } from "./failures.ts";
import { hiddenRecord, readRecord } from "./records.ts";
import { anyShape, type Pull, pullShape } from "./wire.ts";

/** All pull requests that there ever were from a digest's branch, ours or not. */
export function pullsOf(home: HubContext, digest: string): Promise<Pull[]> {
  const { owner } = home.client;
  const parameters = { head: `${owner}:sallyport/${digest}`, state: "all" };
  return home.client.list("GET /repos/{owner}/{repo}/pulls", parameters, pullShape);
}

/** Opens a pull request, or finds the one that is open from its branch, where that is ours. */
export async function createPull(
  home: HubContext,
  wanted: { title: string; body: string; head: string; base: string },
  priority: "use" | "hold" = "hold",
): Promise<Pull> {
  try {
    return await home.client.send(priority, "POST /repos/{owner}/{repo}/pulls", wanted, pullShape);
  } catch (error) {
    // It may be open: by us, where the answer was lost, or by another gateway.
    if (statusOf(error) !== 422 && !isAmbiguous(error)) throw error;
    const parameters = { head: `${home.client.owner}:${wanted.head}`, state: "open" };
    const [open] = await home.client.list("GET /repos/{owner}/{repo}/pulls", parameters, pullShape);
    if (open === undefined || open.user?.login.toLowerCase() !== home.client.login.toLowerCase()) throw error;
    return open;
  }
}

/** Labels are for filtering: a pull request counts without them. */
export function labelLater(home: HubContext, issue_number: number, labels: string[]): void {
  home.later("labelling a pull request", () =>
    home.client.send(
      "comment",
      "POST /repos/{owner}/{repo}/issues/{issue_number}/labels",
      { issue_number, labels },
      anyShape,
    ),
  );
}

/** Title, body and labels of one request's pull request. Throws Refusal `body-too-large`. */
export function pullText(home: HubContext, approval: Approval): { title: string; body: string; labels: string[] } {
  const { title, body, labels } = renderPullRequest(approval, {
    url: home.url(approval.name),
    ...(home.docsUrl === undefined ? {} : { docsUrl: home.docsUrl }),
  });
  return { title, body: whole(body + stub(home, [approval], { title, body })), labels };
}

/** At the end of a body: when it is over for good, so that a start need not read it, and what the gateway wrote above. */
export function stub(home: HubContext, approvals: readonly Approval[], text: { title: string; body: string }): string {
  const notAfter = Math.max(...approvals.map(({ proposal }) => proposal.notAfter));
  const names = approvals.map(({ name }) => name);
  return hiddenRecord(home.keys, { kind: "pull", names, notAfter, shown: shownDigest(text.title, text.body) });
}

/** GitHub's own form ends lines in CRLF. */
function shownDigest(title: string, body: string): string {
  return sha256(`${title.trim()}\n${body.replaceAll("\r\n", "\n").trim()}`);
}

const STUB = /<!--\r?\nSallyport-Record: [^\r\n]*\r?\nSallyport-Mac: [0-9a-f]*\r?\n-->\s*$/;

/**
 * Names of the approvals that a pull request shows, where all of its title and body is as a gateway wrote it; else none:
 * whoever can write the repository can edit both, and people decide by what they read.
 */
export function shownIn(home: HubContext, { title, body }: Pick<Pull, "title" | "body">): readonly string[] {
  const text = body ?? "";
  const at = STUB.exec(text)?.index;
  const record = at === undefined ? undefined : readRecord(home.keys, "pull", text.slice(at));
  return record !== undefined && record.shown === shownDigest(title, text.slice(0, at)) ? record.names : [];
}
