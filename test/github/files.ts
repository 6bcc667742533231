import type { Shapes } from "./shapes.ts";
import type { State } from "./state.ts";
import type { Change } from "./trees.ts";

const NONE = Buffer.alloc(0);
const lines = (content: Buffer) => (content.length === 0 ? [] : content.toString().replace(/\n$/, "").split("\n"));

/** Changed files as `pulls/{n}/files`, commits and comparisons show them. The patch is of the whole file: one hunk. */
export async function filesOf(state: State, shapes: Shapes, changes: Change[], ref = state.branch) {
  return Promise.all(
    changes.map(async ({ path, from, to }) => {
      const [before, after] = await Promise.all([
        from === undefined ? NONE : state.git.blob(from.oid),
        to === undefined ? NONE : state.git.blob(to.oid),
      ]);
      const [old, now] = [lines(before ?? NONE), lines(after ?? NONE)];
      const patch = [
        `@@ -1,${old.length} +1,${now.length} @@`,
        ...old.map((line) => `-${line}`),
        ...now.map((line) => `+${line}`),
      ];
      return {
        sha: (to ?? from)?.oid ?? null,
        filename: path,
        status: from === undefined ? "added" : to === undefined ? "removed" : "modified",
        additions: now.length,
        deletions: old.length,
        changes: now.length + old.length,
        blob_url: `${shapes.html}/blob/${ref}/${path}`,
        raw_url: `${shapes.html}/raw/${ref}/${path}`,
        contents_url: `${shapes.repo}/contents/${path}?ref=${ref}`,
        patch: patch.join("\n"),
      };
    }),
  );
}
