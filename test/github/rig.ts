import { readFileSync } from "node:fs";
import { createAppAuth } from "@octokit/auth-app";
import { Octokit } from "@octokit/core";
import { onTestFinished } from "vitest";
import { type GitHubDouble, type GitHubOptions, startGitHub } from "./double.ts";

export const REPO = { owner: "acme", repo: "policy-exceptions" };

/** A double that ends with the test. */
export async function github(options: GitHubOptions = {}): Promise<GitHubDouble> {
  const double = await startGitHub(options);
  onTestFinished(() => double.close());
  return double;
}

/** Octokit as the app's installation. */
export function asApp({ url, app }: GitHubDouble): Octokit {
  const { appId, installationId, privateKeyFile } = app;
  const auth = { appId, installationId, privateKey: readFileSync(privateKeyFile, "utf8") };
  return new Octokit({ baseUrl: url, authStrategy: createAppAuth, auth });
}

/** One request, as it is on the wire. */
export async function call(
  double: Pick<GitHubDouble, "url">,
  token: string,
  asked: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<{ status: number; headers: Headers; body: Record<string, unknown> }> {
  const [method = "GET", path = ""] = asked.split(" ");
  const response = await fetch(double.url + path.replace("/repos/R", `/repos/${REPO.owner}/${REPO.repo}`), {
    method,
    headers: { authorization: `Bearer ${token}`, ...headers },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  const json = text !== "" && response.headers.get("content-type")?.includes("json");
  return { status: response.status, headers: response.headers, body: json ? JSON.parse(text) : {} };
}

/** What a hold does: a tree, a commit, a branch and a pull request. Resolves to its number and head. */
export async function hold(
  octokit: Octokit,
  branch: string,
  path = `exceptions/${branch}.yaml`,
  content = "kind: x\n",
): Promise<{ number: number; sha: string }> {
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
