import { readdir, stat } from "node:fs/promises";
import { dirname, join, sep } from "node:path";
import { setTimeout } from "node:timers/promises";
import { ConfigError } from "../../../base/config/issues.ts";
import { UserError } from "../../../base/errors.ts";
import type { Staged } from "../../../engine/bundle/sources.ts";
import { renderError } from "../../render-error.ts";
import { caseFolders } from "../cases/list-cases.ts";
import { type TestOptions, testPolicy, wholeOf } from "../test.ts";
import { renderReport } from "./render.ts";
import { affectedFolders, EVERYTHING, named, ofFolders, type Selection } from "./selection.ts";

export interface WatchOptions extends TestOptions {
  output: "text" | "json";
  /** Ends the watch; SIGINT where absent. */
  signal?: AbortSignal;
  /** stdout where absent. */
  write?: (text: string) => void;
}

/** Names and times of some 400 files take 5 ms. Events would be cheaper, and are lost where an editor renames a file into place. */
const POLL_MS = 200;
const SETTLE_MS = 50;

/**
 * Runs all tests, and then, each time that something changes, what the change touches: a rule's own tests and cases,
 * and those of all that refers to it. Prints each report (with JSON, one object a line); resolves when it is ended.
 */
export async function watchTests(rules: readonly string[], options: WatchOptions): Promise<undefined> {
  const { folders, own } = await wholeOf(rules);
  const cases = options.cases ?? (await caseFolders(rules));
  const write = options.write ?? ((text: string) => void process.stdout.write(text));
  const watched = [...new Set([...folders, ...cases])];
  const stop = new AbortController();
  const end = (): void => stop.abort();
  if (options.signal === undefined) process.once("SIGINT", end);
  else options.signal.addEventListener("abort", end);

  const once = async (selection: Selection | ((staged: Staged) => Selection)): Promise<void> => {
    const started = performance.now();
    try {
      const report = await testPolicy(folders, selection, { ...options, cases });
      const seconds = ((performance.now() - started) / 1000).toFixed(1);
      write(options.output === "json" ? `${JSON.stringify(report)}\n` : `${renderReport(report)} (${seconds} s)\n`);
    } catch (error) {
      // A rule that is half written: whoever writes it goes on.
      if (!(error instanceof UserError) && !(error instanceof ConfigError)) throw error;
      write(renderError(error, { output: options.output, colour: false }).text);
    }
  };
  try {
    let before = await snapshot(watched);
    await once(options.run === undefined ? own : named(options.run));
    while (!stop.signal.aborted) {
      let now = await snapshot(watched);
      const changed = difference(before, now);
      before = now;
      // An editor writes a file in steps, and a branch that is checked out writes many.
      for (let settling = changed.size > 0; settling; ) {
        await setTimeout(SETTLE_MS);
        now = await snapshot(watched);
        const more = difference(before, now);
        for (const one of more) changed.add(one);
        settling = more.size > 0;
        before = now;
      }
      if (changed.size === 0) {
        // Ended: the loop's condition says so.
        await setTimeout(POLL_MS, undefined, { signal: stop.signal }).catch(() => undefined);
        continue;
      }
      if (options.output === "text") write(`\n${[...changed].join(", ")} changed\n`);
      await once((staged) => touchedBy(changed, staged));
    }
  } finally {
    process.off("SIGINT", end);
  }
  return undefined;
}

/** What each file is about, and a text that changes when it does. */
async function snapshot(folders: readonly string[]): Promise<Map<string, { about: string; state: string }>> {
  const found = new Map<string, { about: string; state: string }>();
  for (const folder of folders) {
    for (const name of await readdir(folder, { recursive: true })) {
      if (!/\.(rego|ya?ml|json)$/.test(name)) continue;
      const path = name.split(sep).join("/");
      const about = path.endsWith(".rego") ? dirname(path) : path.replace(/\.\w+$/, "");
      try {
        const { mtimeNs, size, ino } = await stat(join(folder, name), { bigint: true });
        found.set(join(folder, name), { about, state: `${mtimeNs}:${size}:${ino}` });
      } catch (error) {
        // Between an editor's unlink and rename: a state like any other.
        if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
      }
    }
  }
  return found;
}

function difference(
  before: ReadonlyMap<string, { about: string; state: string }>,
  now: ReadonlyMap<string, { about: string; state: string }>,
): Set<string> {
  const files = new Set([...before.keys(), ...now.keys()]);
  const changed = [...files].filter((file) => before.get(file)?.state !== now.get(file)?.state);
  return new Set(changed.map((file) => (now.get(file) ?? before.get(file))?.about ?? file));
}

/** What refers to the decision is everything, and a case's body may be any file: those run all. */
function touchedBy(touched: ReadonlySet<string>, staged: Staged): Selection {
  const known = new Set(staged.files.map(({ path }) => dirname(path)));
  const folders = new Set([...touched].filter((one) => known.has(one)));
  if (folders.size < touched.size || [...folders].some((one) => one.startsWith("sallyport/"))) return EVERYTHING;
  return ofFolders(affectedFolders(staged, folders), staged);
}
