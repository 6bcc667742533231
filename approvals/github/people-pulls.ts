import { ConfigError } from "../../base/config/issues.ts";
import { errorMessage } from "../../base/errors.ts";
import { APPROVAL_NAME } from "../exception.ts";
import { renderMalformed } from "../pull-request/outcome.ts";
import { parseStanding } from "../standing/exception.ts";
import { meaningIssues } from "../standing/meaning.ts";
import { clip } from "../text.ts";
import { listing } from "../voters.ts";
import type { HubContext } from "./context.ts";
import { blobAt } from "./main.ts";
import { commentsOf } from "./outcome.ts";
import { hiddenRecord, readRecord } from "./records.ts";
import { anyShape, changedFileShape, type Pull } from "./wire.ts";

/** A pull request of more files than that is nobody's exception, and is left to its workflow. */
const MOST_FILES = 300;

/**
 * A pull request by a person that touches exceptions/: says in a comment which of its files would stand for nothing,
 * once for each head, before it is merged and after.
 */
export async function checkPull(home: HubContext, pull: Pull): Promise<void> {
  const files = await home.client.list(
    "GET /repos/{owner}/{repo}/pulls/{pull_number}/files",
    { pull_number: pull.number },
    changedFileShape,
  );
  const problems: { name: string; error: string }[] = [];
  for (const { filename, status, sha } of files.slice(0, MOST_FILES)) {
    const name = /^exceptions\/([^/]+)\.yaml$/.exec(filename)?.[1];
    if (name === undefined || status === "removed" || sha == null) continue;
    const error = await problemOf(home, name, sha);
    if (error !== undefined) problems.push({ name: clip(filename, 200), error: clip(error, 1000) });
  }
  if (problems.length === 0) return;
  const head = pull.head.sha;
  const said = (await commentsOf(home, pull.number)).some(
    ({ body }) => readRecord(home.keys, "checked", body ?? "")?.head === head,
  );
  if (said) return;
  const body = renderMalformed(problems.slice(0, 30)) + hiddenRecord(home.keys, { kind: "checked", head });
  await home.client.send(
    "comment",
    "POST /repos/{owner}/{repo}/issues/{issue_number}/comments",
    { issue_number: pull.number, body },
    anyShape,
  );
}

async function problemOf(home: HubContext, name: string, sha: string): Promise<string | undefined> {
  if (APPROVAL_NAME.test(name)) return "has the name of an approval of one request, which only a hold makes";
  const bytes = await blobAt(home.client, sha);
  try {
    const exception = parseStanding(name, bytes.toString("utf8"));
    if (exception === undefined) return "is for one request, and those are made by holds";
    const listed = listing(home.people);
    const [issue] = meaningIssues(exception, { limits: home.exceptionLimits(), listed, now: home.clock.now() });
    return issue === undefined ? undefined : `${issue.path}: ${issue.message}`;
  } catch (error) {
    return error instanceof ConfigError
      ? error.issues
          .slice(0, 10)
          .map(({ path, message }) => `${path}: ${message}`)
          .join("; ")
      : errorMessage(error);
  }
}
