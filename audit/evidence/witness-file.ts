import { existsSync } from "node:fs";
import { open, readFile } from "node:fs/promises";
import { notesIn, type Witness } from "./witness.ts";

/**
 * A file to which each note is added. It is worth what its folder is: on the gateway's own disk, under an account that
 * can write there, it proves nothing that the spool does not; over NFS with `chattr +a` on the other side it does.
 */
export function fileWitness(path: string): Witness {
  return {
    name: `file ${path}`,
    async append(note) {
      const file = await open(path, "a", 0o640);
      try {
        // The empty line before it ends whatever a crash has left half written.
        await file.appendFile(`\n${note}`);
        await file.datasync();
      } finally {
        await file.close();
      }
    },
    async *notes() {
      if (existsSync(path)) yield* notesIn(await readFile(path, "utf8"));
    },
  };
}
