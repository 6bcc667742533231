import { existsSync, statSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { UserError } from "../../base/errors.ts";
import { notesIn } from "./witness.ts";
import { gitWitness } from "./witness-git.ts";

const MAX_FILES = 1_000_000;

/** Notes from what an auditor has: a file, a folder of files (a bucket that was copied), or a git repository. */
export async function* notesAt(place: string): AsyncGenerator<string> {
  if (!existsSync(place)) {
    throw new UserError(`${place}: there is no such file or folder`, {
      exitCode: 2,
      next: "Give the witness's file, a folder with its notes, or its git repository.",
    });
  }
  if (statSync(place).isFile()) yield* notesIn(await readFile(place, "utf8"));
  else if (existsSync(join(place, ".git")) || existsSync(join(place, "HEAD")))
    yield* gitWitness({ path: place }).notes();
  else {
    let files = 0;
    for (const entry of await readdir(place, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      if (++files > MAX_FILES) throw new UserError(`${place}: holds more than ${MAX_FILES} files`, { exitCode: 2 });
      yield* notesIn(await readFile(join(entry.parentPath, entry.name), "utf8"));
    }
  }
}
