import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RUN_FOLDER } from "./new-store.ts";

/** A folder for the store that the tests of a run copy, gone with the run. */
export default function setup(): () => void {
  const folder = mkdtempSync(join(tmpdir(), "sallyport-stores-"));
  process.env[RUN_FOLDER] = folder;
  return () => rmSync(folder, { recursive: true, force: true });
}
