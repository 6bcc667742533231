import { execFileSync } from "node:child_process";
import { describe, expect, test } from "vitest";
import { asApp, github, hold, REPO } from "./rig.ts";

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
