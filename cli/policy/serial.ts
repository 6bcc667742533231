import { execFile } from "node:child_process";
import { resolve } from "node:path";
import { promisify } from "node:util";
import { UserError } from "../../base/errors.ts";

const run = promisify(execFile);

export interface Serial {
  serial: number;
  /** Where it is from; the last two make it another one at the next build. */
  from: "option" | "commit" | "SOURCE_DATE_EPOCH" | "now";
}

/**
 * What orders bundles in time: seconds since the epoch of the last commit that touched the folders, so that the same
 * commit gives the same bundle; else SOURCE_DATE_EPOCH (reproducible-builds.org), else now.
 */
export async function serialOf(folders: readonly string[], option: string | undefined): Promise<Serial> {
  if (option !== undefined) return { serial: whole(option, "--serial"), from: "option" };
  const commits = await Promise.all(folders.map(committedAt));
  const known = commits.filter((time) => time !== undefined);
  if (known.length > 0 && known.length === folders.length) return { serial: Math.max(...known), from: "commit" };
  const { SOURCE_DATE_EPOCH } = process.env;
  if (SOURCE_DATE_EPOCH !== undefined)
    return { serial: whole(SOURCE_DATE_EPOCH, "SOURCE_DATE_EPOCH"), from: "SOURCE_DATE_EPOCH" };
  return { serial: Math.floor(Date.now() / 1000), from: "now" };
}

/** When the folder was last committed to, or undefined where its content is that of no commit. */
async function committedAt(folder: string): Promise<number | undefined> {
  const git = async (...args: string[]): Promise<string> =>
    (await run("git", ["-C", resolve(folder), ...args], { timeout: 20_000 })).stdout.trim();
  try {
    if ((await git("status", "--porcelain", "--", ".")) !== "") return undefined;
    const time = await git("log", "-1", "--format=%ct", "--", ".");
    return time === "" ? undefined : Number(time);
  } catch {
    // No repository, or no git: its time is told by other means.
    return undefined;
  }
}

function whole(text: string, name: string): number {
  const serial = Number(text);
  if (Number.isSafeInteger(serial) && serial > 0) return serial;
  throw new UserError(`${name} ${text}: must be a whole number above 0`, { exitCode: 2 });
}
