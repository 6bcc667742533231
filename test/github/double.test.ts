import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createAppAuth } from "@octokit/auth-app";
import { Octokit } from "@octokit/core";
import { describe, expect, onTestFinished, test } from "vitest";
import { type GitHubDouble, type GitHubOptions, startGitHub } from "./double.ts";

async function github(options: GitHubOptions = {}): Promise<GitHubDouble> {
  const double = await startGitHub(options);
  onTestFinished(() => double.close());
  return double;
}

/** Octokit as the app's installation. */
function asApp({ url, app }: GitHubDouble): Octokit {
  const { appId, installationId, privateKeyFile } = app;
  const auth = { appId, installationId, privateKey: readFileSync(privateKeyFile, "utf8") };
  return new Octokit({ baseUrl: url, authStrategy: createAppAuth, auth });
}
const REPO = { owner: "acme", repo: "policy-exceptions" };

/** What a hold does: a tree, a commit, a branch and a pull request. Resolves to the pull request's number and head. */
async function hold(octokit: Octokit, branch: string, path = `exceptions/${branch}.yaml`, content = "kind: x\n") {
  const main = await octokit.request("GET /repos/{owner}/{repo}/git/ref/{ref}", { ...REPO, ref: "heads/main" });
  const base = main.data.object.sha;
  const file = { path, mode: "100644" as const, type: "blob" as const, content };
  const tree = await octokit.request("POST /repos/{owner}/{repo}/git/trees", {
    ...REPO,
    base_tree: base,
    tree: [file],
  });
  const commit = await octokit.request("POST /repos/{owner}/{repo}/git/commits", {
    ...REPO,
    message: "A title\n\nSallyport-Record: {}",
    tree: tree.data.sha,
    parents: [base],
  });
  const ref = `refs/heads/sallyport/${branch}`;
  await octokit.request("POST /repos/{owner}/{repo}/git/refs", { ...REPO, ref, sha: commit.data.sha });
  const pull = await octokit.request("POST /repos/{owner}/{repo}/pulls", {
    ...REPO,
    title: "A title",
    head: `sallyport/${branch}`,
    base: "main",
  });
  return { number: pull.data.number, sha: commit.data.sha };
}

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
});
