import { watch } from "node:fs";
import { dirname, relative, sep } from "node:path";
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

/** An editor writes a file in several steps, and a branch that is checked out writes many files. */
const SETTLE_MS = 60;

/**
 * Runs all tests, and then, each time that something changes, what the change touches: a rule's own tests and cases,
 * and those of all that refers to it. Prints each report (with JSON, one object a line); resolves when it is ended.
 */
export async function watchTests(rules: readonly string[], options: WatchOptions): Promise<undefined> {
  const { folders, own } = await wholeOf(rules);
  const cases = options.cases ?? (await caseFolders(rules));
  const write = options.write ?? ((text: string) => void process.stdout.write(text));
  const changed = new Set<string>();
  let wake: () => void = () => undefined;
  let ended = false;
  let last = 0;
  const watchers = [...new Set([...folders, ...cases])].map((folder) =>
    watch(folder, { recursive: true }, (_, name) => {
      if (name === null || !/\.(rego|ya?ml|json)$/.test(name)) return;
      changed.add(dirname(name.split(sep).join("/")) + (name.endsWith(".rego") ? "" : `/${caseName(name)}`));
      last = Date.now();
      wake();
    }),
  );
  const end = (): void => {
    ended = true;
    wake();
  };
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
    await once(options.run === undefined ? own : named(options.run));
    while (!ended) {
      if (changed.size === 0) await new Promise<void>((resolve) => (wake = resolve));
      while (!ended && Date.now() - last < SETTLE_MS) await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
      if (ended) break;
      const touched = new Set(changed);
      changed.clear();
      if (options.output === "text") write(`\n${[...touched].map((one) => relative(".", one)).join(", ")} changed\n`);
      await once((staged) => touchedBy(touched, staged));
    }
  } finally {
    for (const watcher of watchers) watcher.close();
    process.off("SIGINT", end);
  }
  return undefined;
}

function caseName(file: string): string {
  return (file.split(sep).at(-1) ?? "").replace(/\.(ya?ml|json)$/, "");
}

/** What refers to the decision is everything, and a case's body may be any file: those run all. */
function touchedBy(touched: ReadonlySet<string>, staged: Staged): Selection {
  const known = new Set(staged.files.map(({ path }) => dirname(path)));
  const folders = new Set([...touched].filter((one) => known.has(one)));
  if (folders.size < touched.size || [...folders].some((one) => one.startsWith("sallyport/"))) return EVERYTHING;
  return ofFolders(affectedFolders(staged, folders), staged);
}
