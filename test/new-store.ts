import { cpSync, existsSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { openStore } from "../audit/store/open.ts";

/** Where `test/new-store.setup.ts` has the run's folder. */
export const RUN_FOLDER = "SALLYPORT_TEST_STORES";

let made: Promise<string> | undefined;

/**
 * Puts an embedded store at `path` as the first opening leaves it, by copying the one that the run has made: to run
 * all migrations takes half of a store's start. Leaves alone what is there; outside of a run it does nothing, and the
 * store is made when it is opened. test/audit/store/homes.test.ts and `serve` in test/e2e/ open theirs with no such help.
 */
export async function newStore(path: string): Promise<void> {
  const folder = process.env[RUN_FOLDER];
  if (folder === undefined || existsSync(path)) return;
  made ??= make(folder);
  cpSync(await made, path, { recursive: true });
}

/** Whichever worker is first makes the one that all copy. */
async function make(folder: string): Promise<string> {
  const whole = join(folder, "store");
  if (existsSync(whole)) return whole;
  const own = join(mkdtempSync(join(folder, "making-")), "store");
  await (await openStore({ embedded: own }, "default")).close();
  try {
    renameSync(own, whole);
  } catch (error) {
    if (!existsSync(whole)) throw error;
    rmSync(own, { recursive: true });
  }
  return whole;
}
