import {
  closeSync,
  fdatasync,
  fdatasyncSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { errorMessage } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";

/** A reply that was asked for, and what it may come to. */
const openedSchema = z.strictObject({
  id: z.string().max(64),
  /** Milliseconds since the epoch. */
  at: z.number(),
  session: z.string().max(256),
  /** HMAC of issuer and username: the file must not keep whom `audit forget` forgets. */
  identity: z.string().max(64),
  connection: z.string().max(64),
  tokens: z.number().min(0),
  /** Absent where no price is known. */
  cost: z.number().min(0).optional(),
});
/** What it came to; `none` where the provider refused it. */
const settledSchema = z.union([
  z.strictObject({ id: z.string().max(64), tokens: z.number().min(0), cost: z.number().min(0).optional() }),
  z.strictObject({ id: z.string().max(64), none: z.literal(true) }),
]);

export type OpenedReply = z.output<typeof openedSchema>;
export type SettledReply = z.output<typeof settledSchema>;

const SYNC_MS = 1_000;
const DAY = /^\d{4}-\d\d-\d\d$/;

/**
 * What was spent, in a file for each day (UTC) beside the spool: a restart forgets nothing of it. A reply is written when
 * it is asked for and when it is over, so that what a gateway had open when it was killed counts with all that it might
 * have come to. A killed gateway loses none of it; a machine that loses its power, what was written in the last second or so.
 */
export class BudgetsFile {
  readonly #folder: string;
  readonly #keepMs: number;
  readonly #log: Log;
  #day = "";
  #file: number | undefined;
  #sync: NodeJS.Timeout | undefined;

  /** `keepMs`: how far back anything counts. Throws where the folder cannot be written. */
  constructor(folder: string, { keepMs, log }: { keepMs: number; log: Log }) {
    this.#folder = folder;
    this.#keepMs = keepMs;
    this.#log = log;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  }

  /** Calls `each` with everything that still counts, once; `settled` is undefined for what was open when its gateway ended. */
  read(now: number, each: (opened: OpenedReply, settled: SettledReply | undefined) => void): void {
    this.#forget(now);
    const open = new Map<string, OpenedReply>();
    const tell = (opened: OpenedReply, settled?: SettledReply): void => {
      open.delete(opened.id);
      if (opened.at > now - this.#keepMs) each(opened, settled);
    };
    for (const day of this.#days()) {
      let unread = 0;
      for (const line of readFileSync(join(this.#folder, day), "utf8").split("\n")) {
        if (line === "") continue;
        const entry = parse(line);
        if (entry === undefined) unread += 1;
        else if ("at" in entry) open.set(entry.id, entry);
        else {
          const opened = open.get(entry.id);
          if (opened !== undefined) tell(opened, entry);
        }
      }
      // A line that was being written when the process was killed.
      if (unread > 0) this.#log.warn("lines of what was spent cannot be read, and count for nothing", { day, unread });
    }
    for (const opened of [...open.values()]) tell(opened);
  }

  /** Throws where it cannot be written. */
  write(entry: OpenedReply | SettledReply, now: number): void {
    const day = new Date(now).toISOString().slice(0, 10);
    if (day !== this.#day || this.#file === undefined) this.#open(day, now);
    if (this.#file === undefined) return;
    writeSync(this.#file, `${JSON.stringify(entry)}\n`);
    this.#sync ??= setTimeout(() => this.#syncNow(), SYNC_MS).unref();
  }

  close(): void {
    clearTimeout(this.#sync);
    this.#sync = undefined;
    if (this.#file === undefined) return;
    try {
      fdatasyncSync(this.#file);
    } catch (error) {
      this.#mayBeLost(error);
    }
    closeSync(this.#file);
    this.#file = undefined;
  }

  #syncNow(): void {
    this.#sync = undefined;
    const file = this.#file;
    if (file === undefined) return;
    fdatasync(file, (error) => {
      // What was closed meanwhile was synced then.
      if (error !== null && file === this.#file) this.#mayBeLost(error);
    });
  }

  #mayBeLost(error: unknown): void {
    this.#log.error("what was spent may be forgotten if the machine loses its power", { error: errorMessage(error) });
  }

  #open(day: string, now: number): void {
    this.close();
    this.#forget(now);
    this.#file = openSync(join(this.#folder, day), "a", 0o600);
    this.#day = day;
    // What a killed process began to write ends here.
    writeSync(this.#file, "\n");
    syncFolder(this.#folder);
  }

  #forget(now: number): void {
    const oldest = new Date(now - this.#keepMs).toISOString().slice(0, 10);
    for (const day of this.#days()) if (day < oldest) rmSync(join(this.#folder, day), { force: true });
  }

  #days(): string[] {
    return readdirSync(this.#folder)
      .filter((name) => DAY.test(name))
      .sort();
  }
}

/** Else a machine that loses its power may lose the file's name, whatever is in it. */
function syncFolder(path: string): void {
  const folder = openSync(path, "r");
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

function parse(line: string): OpenedReply | SettledReply | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return openedSchema.safeParse(value).data ?? settledSchema.safeParse(value).data;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw new Error(`what was spent cannot be read: ${errorMessage(error)}`, { cause: error });
  }
}
