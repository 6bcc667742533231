import { createHash } from "node:crypto";
import type { GitHubClient } from "./client.ts";
import { blobShape, commitShape, refShape, treeShape } from "./wire.ts";

const FOLDERS = ["exceptions", "break-glass"] as const;
type Folder = (typeof FOLDERS)[number];

/** A commit of main, and the blobs of its files by their names without `.yaml`. */
export interface MainView {
  commit: string;
  tree: string;
  folders: Record<Folder, ReadonlyMap<string, string>>;
  /** The tree of each folder that there is: what has the same is not read again. */
  trees: Partial<Record<Folder, string>>;
}

/** The id that git gives a blob (gitformat-pack). */
export function blobId(content: string | Uint8Array): string {
  return createHash("sha1")
    .update(`blob ${typeof content === "string" ? Buffer.byteLength(content) : content.byteLength}\0`)
    .update(content)
    .digest("hex");
}

/** The tip of a branch. Throws where there is none: the repository is not set up, or somebody took it away. */
export async function tipOf(client: GitHubClient, branch: string): Promise<string> {
  const found = await client.get("GET /repos/{owner}/{repo}/git/ref/{ref}", { ref: `heads/${branch}` }, refShape);
  if (found.ref !== `refs/heads/${branch}`) throw new Error(`GitHub answered ${found.ref} for ${branch}`);
  return found.object.sha;
}

/** What is at a commit. Folders that are as they were in `before` are not read again. */
export async function viewOf(client: GitHubClient, commit: string, before?: MainView): Promise<MainView> {
  if (before?.commit === commit) return before;
  const { tree } = await client.get(
    "GET /repos/{owner}/{repo}/git/commits/{commit_sha}",
    { commit_sha: commit },
    commitShape,
  );
  const root = await treeAt(client, tree.sha);
  const folders: MainView["folders"] = { exceptions: new Map(), "break-glass": new Map() };
  const trees: MainView["trees"] = {};
  for (const folder of FOLDERS) {
    const entry = root.find(({ path, type }) => path === folder && type === "tree");
    if (entry === undefined) continue;
    trees[folder] = entry.sha;
    if (before?.trees[folder] === entry.sha) {
      folders[folder] = before.folders[folder];
      continue;
    }
    const files = await treeAt(client, entry.sha);
    folders[folder] = new Map(
      files
        // A symbolic link is a blob as well, and no file.
        .filter(({ path, type, mode }) => type === "blob" && /^100(644|755)$/.test(mode) && path.endsWith(".yaml"))
        .map(({ path, sha }) => [path.slice(0, -".yaml".length), sha]),
    );
  }
  return { commit, tree: tree.sha, folders, trees };
}

async function treeAt(client: GitHubClient, tree_sha: string) {
  const { truncated, tree } = await client.get(
    "GET /repos/{owner}/{repo}/git/trees/{tree_sha}",
    { tree_sha },
    treeShape,
  );
  // GitHub leaves entries out above 100,000 or 7 MB: what is not listed would count as taken back.
  if (truncated) throw new Error("a folder of the approvals repository is too large to be listed");
  return tree;
}

/** The bytes of a blob. Throws where they are not the ones that its id says. */
export async function blobAt(client: GitHubClient, file_sha: string): Promise<Buffer> {
  const bytes = await client.get("GET /repos/{owner}/{repo}/git/blobs/{file_sha}", { file_sha }, blobShape);
  if (blobId(bytes) !== file_sha) throw new Error(`GitHub answered other bytes than blob ${file_sha} has`);
  return bytes;
}
