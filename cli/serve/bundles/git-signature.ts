import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { GitMirror } from "./git.ts";

export interface Signers {
  /** What must be signed: the commit, or the annotated tag that leads to it. */
  signed: "commit" | "tag";
  allowedSignersFile?: string | undefined;
  pgpKeysFile?: string | undefined;
}

/**
 * Throws where the ref's tip is not signed by one of the signers: git's own verification, which knows no key but
 * theirs. A tag's own name must be the ref's too, or an old tag, well signed, could stand under a new one's name.
 */
export async function requireSignature(git: GitMirror, ref: string, tip: string, signers: Signers): Promise<void> {
  const { signed, allowedSignersFile, pgpKeysFile } = signers;
  if (signed === "tag") await requireTag(git, ref, tip);
  const object = signed === "tag" ? tip : await commitOf(git, tip);
  // Which program checks it is the signature's own format: ssh-keygen by the signers, gpg by a keyring of these keys.
  const home = await mkdtemp(join(tmpdir(), "sallyport-gpg-"));
  try {
    const options = { timeout: 20_000, killSignal: "SIGKILL" as const };
    if (pgpKeysFile !== undefined)
      await promisify(execFile)("gpg", ["--homedir", home, "--batch", "--quiet", "--import", pgpKeysFile], options);
    const config: Record<string, string> =
      allowedSignersFile === undefined ? {} : { "gpg.ssh.allowedSignersFile": allowedSignersFile };
    const args = [signed === "tag" ? "verify-tag" : "verify-commit", object];
    const { code, stderr } = await git.attempt(args, { config, env: { GNUPGHOME: home } });
    if (code === 0) return;
    const why = stderr.trim().split("\n").at(-1) || "it has no signature";
    throw git.failure(`the ${signed} ${object.slice(0, 12)} of ${ref} is not signed by a known key: ${why}`, 1);
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}

/** The commit that a ref's tip leads to. */
export async function commitOf(git: GitMirror, tip: string): Promise<string> {
  return (await git.run(["rev-parse", "--verify", "--quiet", "--end-of-options", `${tip}^{commit}`])).toString().trim();
}

async function requireTag(git: GitMirror, ref: string, tip: string): Promise<void> {
  const type = (await git.run(["cat-file", "-t", tip])).toString().trim();
  if (type !== "tag") throw git.failure(`${ref} is no annotated tag, and policy.fetch.signed asks for a signed one`, 1);
  const content = (await git.run(["cat-file", "tag", tip])).toString("utf8");
  const name = /^tag (.*)$/m.exec(content)?.[1] ?? "";
  if (ref !== `refs/tags/${name}`) throw git.failure(`${ref} holds a tag that was signed as ${name}`, 1);
}
