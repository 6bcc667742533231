import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { GUARDED } from "./double.ts";
import { asApp, call, github, hold, REPO } from "./rig.ts";
import { walk } from "./trees.ts";

describe("the double of GitHub", () => {
  test.each([{ memory: false }, { memory: true }])("takes a hold, its review and its merge (%o)", async (options) => {
    const double = await github(options);
    const octokit = asApp(double);
    const { number, sha } = await hold(octokit, "d1");
    await double.as("alice").review(number, { state: "APPROVED" });
    const merge = await double.as("alice").merge(number);
    const { data: pull } = await octokit.request("GET /repos/{owner}/{repo}/pulls/{pull_number}", {
      ...REPO,
      pull_number: number,
    });
    expect(pull).toMatchObject({ merged: true, merge_commit_sha: merge, user: { login: double.bot }, head: { sha } });
    const { data: file } = await octokit.request("GET /repos/{owner}/{repo}/contents/{path}", {
      ...REPO,
      path: "exceptions/d1.yaml",
    });
    expect(Buffer.from((file as { content: string }).content, "base64").toString()).toBe("kind: x\n");
    expect(await double.state.git.ref("refs/heads/sallyport/d1")).toBeUndefined();
    expect(double.unknown).toEqual([]);
  });

  test("keeps a repository that git reads and writes", async () => {
    const double = await github();
    await hold(asApp(double), "d1");
    const git = (...args: string[]) => execFileSync("git", ["-C", double.path, ...args], { encoding: "utf8" }).trim();
    expect(git("fsck", "--strict")).toBe("");
    expect(git("log", "--format=%s", "sallyport/d1")).toBe("A title\nSet up policy exceptions");
    git("update-ref", "-d", "refs/heads/sallyport/d1");
    const { data } = await asApp(double).request("GET /repos/{owner}/{repo}/pulls", { ...REPO, state: "closed" });
    expect(data.map((pull) => pull.number)).toEqual([1]);
  });

  test("gives a ref to one of two that create it at once", async () => {
    const double = await github();
    const octokit = asApp(double);
    const { sha } = await hold(octokit, "d1");
    const create = () =>
      octokit.request("POST /repos/{owner}/{repo}/git/refs", { ...REPO, ref: "refs/sallyport/used/a-1/1", sha });
    const results = await Promise.allSettled([create(), create()]);
    expect(results.map((result) => (result.status === "fulfilled" ? 201 : result.reason.status)).sort()).toEqual([
      201, 422,
    ]);
  });

  test("answers 304 to who has it already, which costs nothing of the rate limit", async () => {
    const double = await github({ memory: true });
    const token = double.token("alice");
    const first = await call(double, token, "GET /repos/R/pulls?state=all");
    const etag = first.headers.get("etag") ?? "";
    const again = await call(double, token, "GET /repos/R/pulls?state=all", undefined, { "if-none-match": etag });
    expect([first.status, again.status]).toEqual([200, 304]);
    expect(again.headers.get("x-ratelimit-used")).toBe("1");
    await hold(asApp(double), "d1");
    const changed = await call(double, token, "GET /repos/R/pulls?state=all", undefined, { "if-none-match": etag });
    expect(changed.status).toBe(200);
  });

  test("answers a list by pages, whose links name the repository by its number", async () => {
    const double = await github({ memory: true, limits: "none" });
    const token = double.token("alice");
    for (let i = 0; i < 3; i += 1) await hold(asApp(double), `d${i}`);
    const path = "/repos/R/git/matching-refs/heads/sallyport/?per_page=2";
    const first = await call(double, token, `GET ${path}`);
    const [, next = ""] = /<([^>]+)>; rel="next"/.exec(first.headers.get("link") ?? "") ?? [];
    expect(next).toContain("/repositories/1/git/matching-refs/heads/sallyport/?per_page=2&page=2");
    const second = await call(double, token, `GET ${next.slice(double.url.length)}`);
    expect((second.body as unknown as { ref: string }[]).map(({ ref }) => ref)).toEqual(["refs/heads/sallyport/d2"]);
    expect(second.headers.get("link")).not.toContain('rel="next"');
  });

  test("refuses what creates content beyond the limits, and says when it may be asked again", async () => {
    const double = await github({ memory: true, limits: { perMinute: 2 } });
    const token = double.token("alice");
    const blob = () => call(double, token, "POST /repos/R/git/blobs", { content: "a" });
    await Promise.all([blob(), blob()]);
    const third = await blob();
    expect(third).toMatchObject({ status: 403, body: { message: expect.stringContaining("secondary rate limit") } });
    expect(Number(third.headers.get("retry-after"))).toBeGreaterThan(50);
    expect((await call(double, token, "GET /repos/R")).status).toBe(200);
    double.limits.primary = 3;
    const spent = await call(double, token, "GET /repos/R");
    expect([spent.status, spent.headers.get("retry-after")]).toEqual([403, null]);
  });

  test("delivers signed webhooks, and does not try again by itself", async () => {
    const double = await github({ memory: true });
    const seen: { event: unknown; good: boolean }[] = [];
    const receiver = createServer(async (request, response) => {
      const body = Buffer.concat(await request.toArray());
      const good = request.headers["x-hub-signature-256"] === double.webhooks.sign(body);
      seen.push({ event: request.headers["x-github-event"], good });
      response.writeHead(500).end();
    }).listen(0, "127.0.0.1");
    await once(receiver, "listening");
    onTestFinished(() => void receiver.close());
    double.setWebhook(`http://127.0.0.1:${(receiver.address() as AddressInfo).port}/`);
    await hold(asApp(double), "d1");
    await double.webhooks.settled();
    expect(seen.sort((a, b) => (String(a.event) < String(b.event) ? -1 : 1))).toEqual([
      { event: "pull_request", good: true },
      { event: "push", good: true },
    ]);
    expect(double.webhooks.deliveries.map(({ status }) => status)).toEqual([500, 500]);
  });

  test.each([
    { how: "before", error: true, there: false },
    { how: "after", error: true, there: true },
    { how: "500", error: false, there: false },
    { how: "422", error: false, there: false },
  ] as const)("fails once where it is told to: $how", async ({ how, error, there }) => {
    const double = await github({ memory: true });
    const sha = (await double.state.git.ref("refs/heads/main")) ?? "";
    const create = () =>
      call(double, double.token("alice"), "POST /repos/R/git/refs", { ref: "refs/sallyport/used/a-1/1", sha });
    double.fault.next({ method: "POST", path: /\/git\/refs$/ }, how);
    const first = await create().catch(() => undefined);
    expect([first === undefined, (await double.state.git.ref("refs/sallyport/used/a-1/1")) !== undefined]).toEqual([
      error,
      there,
    ]);
    expect((await create()).status).toBe(there ? 422 : 201);
  });

  test("cannot be reached while it is down", async () => {
    const double = await github({ memory: true });
    const token = double.token("alice");
    double.fault.down();
    await expect(call(double, token, "GET /repos/R")).rejects.toThrow();
    double.fault.up();
    expect((await call(double, token, "GET /repos/R")).status).toBe(200);
  });

  test("takes a JWT of the app for tokens and for nothing else", async () => {
    const double = await github({ memory: true });
    const { token: jwt } = (await asApp(double).auth({ type: "app" })) as { token: string };
    expect((await call(double, jwt, "GET /app")).body).toMatchObject({ slug: "sallyport" });
    const forged = `${jwt.slice(0, -4)}AAAA`;
    expect((await call(double, forged, "GET /app")).status).toBe(401);
    expect((await call(double, jwt, "POST /repos/R/git/blobs", { content: "a" })).status).toBe(403);
    const { token } = (await asApp(double).auth({ type: "installation" })) as { token: string };
    expect((await call(double, token, "GET /user")).status).toBe(403);
    double.expireTokens();
    expect((await call(double, token, "GET /repos/R")).status).toBe(401);
  });

  test("serves an Enterprise Server's path", async () => {
    const double = await github({ memory: true, basePath: "/api/v3" });
    expect((await hold(asApp(double), "d1")).number).toBe(1);
    expect(double.url).toMatch(/\/api\/v3$/);
  });

  test("guards its branch: no merge without the owners' review, and no push past a pull request", async () => {
    const double = await github({ memory: true });
    const { number } = await hold(asApp(double), "d1");
    await double.codeowners("* @carol\n/exceptions/ @acme/oncall\n");
    double.team("acme/oncall", ["alice"]);
    double.protection = GUARDED;
    const merge = () => double.as("alice").merge(number);
    await expect(merge()).rejects.toThrow("At least 1 approving review");
    await double.as("carol").review(number, { state: "APPROVED" });
    await expect(merge()).rejects.toThrow("code owner");
    await double.as("alice").review(number, { state: "APPROVED" });
    await merge();
    const body = { message: "past it", content: "" };
    const direct = await call(double, double.token("alice"), "PUT /repos/R/contents/a.txt", body);
    expect(direct.status).toBe(409);
  });

  test("lets nobody approve their own pull request", async () => {
    const double = await github({ memory: true });
    const number = await double.as("alice").open({ title: "mine", head: "mine", files: { a: "b" } });
    const body = { event: "APPROVE" };
    const own = await call(double, double.token("Alice"), `POST /repos/R/pulls/${number}/reviews`, body);
    expect(own.body.message).toContain("Can not approve your own pull request");
  });

  test("moves a pull request's head with its branch, and closes it with it", async () => {
    const double = await github({ memory: true });
    const { number, sha } = await hold(asApp(double), "d1");
    const pushed = await double.as("mallory").push("sallyport/d1", { "exceptions/d1.yaml": "changed" });
    const pull = double.state.pull(number);
    expect([pull.headSha, pull.headSha === sha]).toEqual([pushed, false]);
    await double.as("mallory").deleteBranch("sallyport/d1");
    expect(pull).toMatchObject({ state: "closed", closedBy: { login: "mallory" } });
  });

  test("counts a head that was pushed to the base as merged", async () => {
    const double = await github({ memory: true });
    const { number, sha } = await hold(asApp(double), "d1");
    await double.as("mallory").forcePush("main", sha);
    expect(double.state.pull(number)).toMatchObject({ mergedBy: { login: "mallory" }, mergeCommit: sha });
  });

  test.each(["merge", "squash", "rebase"])("merges by %s what applies to a base that has moved on", async (method) => {
    const double = await github({ memory: true });
    const { number, sha } = await hold(asApp(double), "d1");
    await double.as("alice").push("main", { "other.txt": "meanwhile" });
    const merged = await double.state.git.commit(await double.as("alice").merge(number, { method }));
    const paths = (await walk(double.state.git, merged?.tree ?? "")).map(({ path }) => path);
    expect(paths.sort()).toEqual(["README.md", "exceptions/d1.yaml", "other.txt"]);
    expect(merged?.parents.includes(sha)).toBe(method === "merge");
  });

  test("merges nothing where both sides changed one file", async () => {
    const double = await github({ memory: true });
    const { number } = await hold(asApp(double), "d1");
    await double.as("alice").push("main", { "exceptions/d1.yaml": "another" });
    await expect(double.as("alice").merge(number)).rejects.toThrow("conflicts");
  });
});
