import { type FSWatcher, watch } from "node:fs";
import { stat } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { listSources } from "./bundle/sources.ts";

/**
 * A text that changes when a file, or any Rego source in a folder, does. Nanoseconds and inode, since an
 * editor may save twice in a millisecond or rename a new file into place.
 */
export async function fingerprint(paths: readonly string[]): Promise<string> {
  const parts: string[] = [];
  for (const path of paths) {
    try {
      const info = await stat(path, { bigint: true });
      const files = info.isDirectory() ? (await listSources([path])).map((source) => source.file) : [path];
      for (const file of files) {
        const { mtimeNs, ctimeNs, size, ino } = await stat(file, { bigint: true });
        parts.push(`${file}:${mtimeNs}:${ctimeNs}:${size}:${ino}`);
      }
    } catch (error) {
      // Missing for the moment, as between an editor's unlink and rename: a state like any other.
      parts.push(`${path}:${(error as NodeJS.ErrnoException).code ?? "unreadable"}`);
    }
  }
  return parts.join("\n");
}

export interface FilesWatch {
  close(): void;
}

/**
 * Calls `changed` soon after something below these paths may have changed, and at every poll: events are lost
 * on network file systems and on the symbolic links of a mounted ConfigMap, so they are a hint and no more.
 */
export function watchFiles(
  paths: readonly { path: string; folder: boolean }[],
  changed: () => void,
  options: { debounceMs: number; pollMs: number; onError: (error: unknown) => void },
): FilesWatch {
  let timer: NodeJS.Timeout | undefined;
  const hint = (): void => {
    clearTimeout(timer);
    timer = setTimeout(changed, options.debounceMs);
    timer.unref();
  };
  const watchers: FSWatcher[] = [];
  for (const { path, folder } of paths) {
    try {
      // A file is watched through its folder: a rename into place would end a watch on the file itself.
      const watcher = folder
        ? watch(path, { recursive: true, persistent: false }, hint)
        : watch(dirname(path), { persistent: false }, (_, name) => {
            if (name === null || name === basename(path) || name.startsWith("..")) hint();
          });
      watchers.push(watcher.on("error", options.onError));
    } catch (error) {
      options.onError(error);
    }
  }
  const poll = setInterval(changed, options.pollMs);
  poll.unref();
  return {
    close() {
      clearTimeout(timer);
      clearInterval(poll);
      for (const watcher of watchers) watcher.close();
    },
  };
}
