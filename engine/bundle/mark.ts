import { mkdir, open, readFile, rename } from "node:fs/promises";
import { dirname, join } from "node:path";
import { z } from "zod";
import { errorMessage, UserError } from "../../base/errors.ts";
import { type Bundle, serialSchema } from "./bundle.ts";

/**
 * The newest bundle that was ever in force here: whoever can replay an old bundle, well signed, would otherwise bring
 * back the rules of the day when it was built. Kept on disk beside the record, over restarts, where no agent reaches.
 */
export interface Mark {
  serial: number;
  /** What had this serial. Absent once an operator lowered the mark: then anything of that serial or a later one. */
  content?: string;
  revision: string;
  /** The commit that it came from, of a git source. */
  commit?: string;
}

const markSchema = z.strictObject({
  serial: serialSchema,
  content: z.string().optional(),
  revision: z.string(),
  commit: z
    .string()
    .regex(/^[0-9a-f]{40}([0-9a-f]{24})?$/)
    .optional(),
});

const LOWER =
  "If it is what you want, say so on the gateway's host: `sallyport policy rollback --config F --serial N`.";

/** The file within `policy.state`. */
export function markFile(state: string): string {
  return join(state, "newest.json");
}

/** The mark, or undefined where nothing was ever in force. One that cannot be read refuses: it may have been anything. */
export async function readMark(state: string): Promise<Mark | undefined> {
  const file = markFile(state);
  try {
    return markSchema.parse(JSON.parse(await readFile(file, "utf8")));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw new UserError(`${file}, which says what the newest policy was, cannot be read: ${errorMessage(error)}`, {
      next: "Set it: `sallyport policy rollback --config F --serial N`.",
      cause: error,
    });
  }
}

/** Durable when it resolves, and never half a file: a crash must not forget what the newest was. */
export async function writeMark(state: string, mark: Mark): Promise<void> {
  const text = `${JSON.stringify(markSchema.parse(mark))}\n`;
  try {
    await writeDurably(markFile(state), text);
  } catch (error) {
    throw new UserError(`which policy is the newest cannot be kept in ${state}: ${errorMessage(error)}`, {
      next: "Make policy.state a folder that the gateway may write.",
      cause: error,
    });
  }
}

async function writeDurably(file: string, text: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const half = `${file}.${process.pid}.new`;
  const handle = await open(half, "w", 0o600);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(half, file);
  const folder = await open(dirname(file));
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/**
 * Throws a UserError (exit 1) where this bundle is older than the mark. `verified`: it must have a serial at all,
 * since without one an old bundle looks like a new one.
 */
export function refuseOlder(bundle: Bundle, mark: Mark | undefined, name: string, verified: boolean): void {
  const refuse = (why: string, next = LOWER): UserError =>
    new UserError(`${name} (revision ${bundle.revision}) ${why}`, { exitCode: 1, next });
  const { serial } = bundle;
  if (serial === undefined) {
    if (!verified) return;
    throw refuse(
      "has no serial, and could be older than what was in force",
      "Build it with `sallyport policy build`, which gives it one.",
    );
  }
  if (mark === undefined || serial > mark.serial) return;
  if (serial < mark.serial) {
    throw refuse(
      `is older than what was in force: serial ${serial}, and ${mark.serial} (revision ${mark.revision}) was`,
    );
  }
  if (mark.content !== undefined && mark.content !== bundle.content) {
    throw refuse(
      `has the serial ${serial} of the bundle that was in force (revision ${mark.revision}), and is another one`,
      "Build it with a higher --serial.",
    );
  }
}
