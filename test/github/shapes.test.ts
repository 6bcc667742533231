import { beforeAll, describe, expect, test } from "vitest";
import type { Exchange } from "./dispatch.ts";
import { type GitHubDouble, GUARDED, startGitHub } from "./double.ts";
import { PublishedShapes } from "./openapi.ts";
import { asApp, call, hold } from "./rig.ts";

/** Every endpoint of the double once, and the refusals that a gateway must understand. */
const exchanges: Exchange[] = [];
let double: GitHubDouble;
let published: PublishedShapes;

async function everything(): Promise<void> {
  const app = asApp(double);
  const { token: jwt } = (await app.auth({ type: "app" })) as { token: string };
  const { token } = (await app.auth({ type: "installation" })) as { token: string };
  const alice = double.token("alice");
  const as = (who: string) => async (asked: string, body?: unknown) => (await call(double, who, asked, body)).body;
  const [a, i, p] = [as(jwt), as(token), as(alice)];

  await a("GET /app");
  await a("GET /app/installations/5678");
  await a("GET /repos/R/installation");
  await p("GET /user");
  await i("GET /user");
  await i("GET /users/alice");
  await i("GET /rate_limit");
  double.team("acme/oncall", ["alice"]);
  for (const login of ["alice", "mallory"]) await i(`GET /orgs/acme/teams/oncall/memberships/${login}`);
  await i("GET /orgs/acme/teams/oncall/members");
  await i("GET /repos/R/collaborators/alice/permission");

  await i("GET /repos/R");
  await p("PATCH /repos/R", { delete_branch_on_merge: true });
  await i("GET /repos/R/branches");
  const open = { ...GUARDED, bypass: true, forcePushes: true, deletions: true };
  for (const protection of [undefined, GUARDED, open, { ...open, by: "ruleset" as const }]) {
    double.protection = protection;
    for (const path of ["branches/main", "branches/main/protection", "rules/branches/main", "rulesets/1"])
      await i(`GET /repos/R/${path}`);
  }
  await p("PUT /repos/R/contents/direct.txt", { message: "past the rules", content: "" });
  double.protection = undefined;

  const blob = await i("POST /repos/R/git/blobs", { content: "text" });
  await i(`GET /repos/R/git/blobs/${blob.sha}`);
  const { number, sha } = await hold(app, "d1");
  const parent = await double.state.git.ref("refs/heads/main");
  const branch = "refs/heads/sallyport/d1";
  await i("POST /repos/R/git/refs", { ref: branch, sha });
  await i("POST /repos/R/git/refs", { ref: "refs/sallyport/used/a-1/1", sha });
  await i("PATCH /repos/R/git/refs/sallyport/used/a-1/1", { sha: parent, force: true });
  await i("PATCH /repos/R/git/refs/sallyport/used/a-1/1", { sha });
  await i("PATCH /repos/R/git/refs/sallyport/used/a-1/1", { sha: parent });
  await i("DELETE /repos/R/git/refs/sallyport/used/a-1/1");
  await i("GET /repos/R/git/ref/heads/main");
  await i("GET /repos/R/git/ref/heads/none");
  await i("GET /repos/R/git/matching-refs/heads/sallyport/");
  await i(`GET /repos/R/git/commits/${sha}`);
  await i(`GET /repos/R/git/trees/${sha}?recursive=1`);
  await i("GET /repos/R/compare/main...sallyport/d1");
  await i("GET /repos/R/commits?sha=sallyport/d1");
  await i(`GET /repos/R/commits/${sha}`);
  await i(`GET /repos/R/commits/${sha}/pulls`);

  const pull = `/repos/R/pulls/${number}`;
  const issue = `/repos/R/issues/${number}`;
  await i("POST /repos/R/pulls", { title: "twice", head: "sallyport/d1", base: "main" });
  await i("GET /repos/R/pulls?state=all&sort=updated&direction=desc");
  await p(`PATCH ${pull}`, { title: "Another title" });
  for (const of of ["", "/files", "/commits", "/reviews", "/merge"]) await i(`GET ${pull}${of}`);
  await i("GET /repos/R/pulls/999");
  await i(`POST ${pull}/reviews`, { event: "APPROVE" });
  const review = await p(`POST ${pull}/reviews`, { event: "APPROVE", commit_id: sha });
  await p(`PUT ${pull}/reviews/${review.id}/dismissals`, { message: "changed my mind" });
  await i(`GET ${pull}/reviews`);
  await i(`POST ${issue}/comments`, { body: "a comment" });
  await i(`GET ${issue}/comments`);
  await i(`POST ${issue}/labels`, { labels: ["sallyport", "prod"] });
  await i(`GET ${issue}/labels`);
  await i(`PUT ${issue}/labels`, { labels: ["sallyport", "prod"] });
  await i(`DELETE ${issue}/labels/prod`);
  await p(`PATCH ${issue}`, { state: "closed" });
  await i(`GET ${issue}`);
  await i(`GET ${issue}/events`);
  await p(`PATCH ${pull}`, { state: "open" });
  await p(`PUT ${pull}/merge`, { sha: "0".repeat(40) });
  await p(`PUT ${pull}/merge`, { sha });
  await p(`PUT ${pull}/merge`, { sha });
  await i(`GET ${pull}`);
  await i(`GET ${pull}/merge`);

  await i("GET /repos/R/contents");
  await i("GET /repos/R/contents/exceptions");
  const file = await i("GET /repos/R/contents/exceptions/d1.yaml");
  await i("GET /repos/R/contents/none");
  await p("PUT /repos/R/contents/new.txt", { message: "new", content: Buffer.from("a").toString("base64") });
  await p("DELETE /repos/R/contents/exceptions/d1.yaml", { message: "revert", sha: file.sha });
  for (const ref of ["", "/main"]) {
    await fetch(`${double.url}/repos/acme/policy-exceptions/tarball${ref}`, {
      redirect: "manual",
      headers: { authorization: `Bearer ${token}` },
    });
  }
  await as("nobody's")("GET /repos/R");
  double.limits.perMinute = 0;
  await i(`POST ${issue}/comments`, { body: "too much" });
}

/** Endpoints that the description does not have under their own name, and what they are there. */
const ALIASES: Record<string, string> = {
  "GET /repos/{owner}/{repo}/contents": "/repos/{owner}/{repo}/contents/{path}",
  "GET /repos/{owner}/{repo}/tarball": "/repos/{owner}/{repo}/tarball/{ref}",
};
const patternOf = ({ method, pattern = "" }: Exchange) => ALIASES[`${method} ${pattern}`] ?? pattern;

beforeAll(async () => {
  double = await startGitHub({ memory: true, onExchange: (exchange) => exchanges.push(exchange) });
  published = new PublishedShapes();
  await everything();
  return () => double.close();
});

describe("the double of GitHub and the published description of its API", () => {
  test("agree on every answer", () => {
    const wrong = exchanges.flatMap((one) =>
      published
        .answer(one.method, patternOf(one), one.status, one.body)
        .map((text) => `${one.method} ${one.pattern} ${one.status}: ${text}`),
    );
    expect([...new Set(wrong)]).toEqual([]);
  });

  test("agree on what is sent", () => {
    const wrong = exchanges
      .filter(({ status }) => status < 400)
      .flatMap((one) =>
        published.request(one.method, patternOf(one), one.sent).map((text) => `${one.pattern}: ${text}`),
      );
    expect([...new Set(wrong)]).toEqual([]);
  });

  test("were compared at each of its endpoints, with an answer that is no refusal", () => {
    const answered = new Set(
      exchanges.filter(({ status }) => status < 400).map((one) => `${one.method} ${one.pattern}`),
    );
    const all = double.routes.map(({ method, pattern }) => `${method} ${pattern}`);
    expect(all.filter((route) => !answered.has(route))).toEqual([]);
    expect(double.unknown).toEqual([]);
  });
});
