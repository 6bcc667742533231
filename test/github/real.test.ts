import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { type Server, wireBehaviours } from "./behaviours.ts";

const { SALLYPORT_GITHUB_TOKEN: token = "", SALLYPORT_GITHUB_REPOSITORY: repository = "" } = process.env;
const { SALLYPORT_GITHUB_URL: baseUrl = "https://api.github.com" } = process.env;

/**
 * A repository on GitHub itself, with a branch main, made for this: pull requests, branches and refs stay in it. The
 * token needs contents, pull requests and issues, to write.
 */
async function real(): Promise<Server> {
  const folder = mkdtempSync(join(tmpdir(), "sallyport-real-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const tokenFile = join(folder, "token");
  writeFileSync(tokenFile, token, { mode: 0o600 });
  return {
    home: { repository, credential: { tokenFile }, baseUrl },
    async get(path) {
      const headers = { authorization: `Bearer ${token}`, accept: "application/vnd.github+json" };
      const response = await fetch(`${baseUrl}/repos/${repository}${path}`, { headers });
      if (response.status === 404) return undefined;
      if (!response.ok) throw new Error(`GitHub answered ${response.status} for ${path}`);
      return response.json();
    },
  };
}

wireBehaviours("a real repository", real, { skip: token === "" || repository === "" });
