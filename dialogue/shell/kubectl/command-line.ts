import { COMMAND_OPTIONS, GLOBAL_OPTIONS, OLDER_OPTIONS, OPTION_GROUPS } from "./option-table.ts";

interface Option {
  name: string;
  /** Whether the next word is its value where it has none behind `=`. */
  takesNext: boolean;
}

interface Options {
  long: ReadonlyMap<string, Option>;
  short: ReadonlyMap<string, Option>;
}

/** A kubectl command line as kubectl's own parser reads it. */
export interface KubectlLine {
  /** `get`, `create deployment`; empty where there is none. */
  command: string;
  /** Every value of every option, by its long name; `true` of one without a value. */
  options: ReadonlyMap<string, readonly string[]>;
  args: readonly string[];
  /** Behind `--`. */
  behind: readonly string[];
  /** Whether there is a `--`. */
  dashed: boolean;
}

export type KubectlRefusal = { unparsed: "plugin" | "flags" };

/** By the name that somebody types: cobra's aliases, which `kubectl COMMAND --help` lists. */
const ALIASES: Readonly<Record<string, string>> = {
  log: "logs",
  "create cm": "create configmap",
  "create cj": "create cronjob",
  "create deploy": "create deployment",
  "create dep": "create deployment",
  "create ing": "create ingress",
  "create ns": "create namespace",
  "create pdb": "create poddisruptionbudget",
  "create pc": "create priorityclass",
  "create resourcequota": "create quota",
  "create svc": "create service",
  "create sa": "create serviceaccount",
  "set sa": "set serviceaccount",
  "top nodes": "top node",
  "top no": "top node",
  "top pods": "top pod",
  "top po": "top pod",
  "config use": "config use-context",
};

const KNOWN = new Set(Object.keys(COMMAND_OPTIONS));
const tables = new Map<string, Options>();
const canonical = (path: string): string => (Object.hasOwn(ALIASES, path) ? (ALIASES[path] ?? path) : path);
const isParent = (path: string): boolean => [...KNOWN].some((known) => known.startsWith(`${path} `));

function optionsOf(command: string): Options {
  const known = tables.get(command);
  if (known !== undefined) return known;
  const own =
    command === "" ? "" : `${COMMAND_OPTIONS[command] ?? ""} ${OLDER_OPTIONS["*"]} ${OLDER_OPTIONS[command] ?? ""}`;
  const text = `${GLOBAL_OPTIONS} h,help? ${own}`.replace(/@\w+/g, (group) => OPTION_GROUPS[group] ?? "");
  const long = new Map<string, Option>();
  const short = new Map<string, Option>();
  for (const entry of text.split(/\s+/)) {
    const [, letter, name = "", mark = ""] = /^(?:(\w),)?([\w-]+)([?~]?)$/.exec(entry) ?? [];
    if (name === "") continue;
    const option = { name, takesNext: mark === "" };
    // A command's own option wins over the global one of that name (pflag's AddFlagSet).
    long.set(name, option);
    if (letter !== undefined) short.set(letter, option);
  }
  const options = { long, short };
  tables.set(command, options);
  return options;
}

/** Reads the words behind `kubectl`. */
export function parseKubectl(words: readonly string[]): KubectlLine | KubectlRefusal {
  let rest = [...words];
  let command = "";
  for (;;) {
    const at = nextCommand(rest, optionsOf(command));
    const word = at === undefined ? undefined : rest[at];
    if (at === undefined || word === undefined) break;
    const path = canonical(command === "" ? word : `${command} ${word}`);
    if (!KNOWN.has(path)) {
      // kubectl looks for kubectl-WORD on PATH, and below create as well.
      if (command === "" && !["help", "options", "__complete", "__completeNoDesc"].includes(word))
        return { unparsed: "plugin" };
      break;
    }
    command = path;
    rest = rest.filter((_, i) => i !== at);
    if (!isParent(command)) break;
  }
  return parseOptions(command, rest);
}

/** As cobra finds the next command: the first word that is no option and, as far as it is known yet, no option's value. */
function nextCommand(words: readonly string[], options: Options): number | undefined {
  for (let i = 0; i < words.length; i++) {
    const word = words[i] ?? "";
    if (word === "--") return undefined;
    if (word.startsWith("--")) {
      if (!word.includes("=") && (options.long.get(word.slice(2))?.takesNext ?? true)) i++;
    } else if (word.startsWith("-")) {
      if (word.length === 2 && (options.short.get(word.slice(1))?.takesNext ?? true)) i++;
    } else if (word !== "") return i;
  }
  return undefined;
}

function parseOptions(command: string, words: readonly string[]): KubectlLine | KubectlRefusal {
  const { long, short } = optionsOf(command);
  const values = new Map<string, string[]>();
  const set = (name: string, value: string): void => {
    const all = values.get(name);
    if (all === undefined) values.set(name, [value]);
    else all.push(value);
  };
  const args: string[] = [];
  for (let i = 0; i < words.length; i++) {
    const word = words[i] ?? "";
    if (word === "--") return { command, options: values, args, behind: words.slice(i + 1), dashed: true };
    if (word.startsWith("--")) {
      const equals = word.indexOf("=");
      const option = long.get(word.slice(2, equals < 0 ? undefined : equals));
      if (option === undefined) return { unparsed: "flags" };
      if (equals >= 0) set(option.name, word.slice(equals + 1));
      else if (!option.takesNext) set(option.name, "true");
      else if (i + 1 >= words.length) return { unparsed: "flags" };
      else set(option.name, words[++i] ?? "");
    } else if (word.startsWith("-") && word.length > 1) {
      for (let j = 1; j < word.length; j++) {
        const option = short.get(word[j] ?? "");
        if (option === undefined) return { unparsed: "flags" };
        const glued = word.slice(j + 1);
        if (glued.startsWith("=")) {
          set(option.name, glued.slice(1));
          break;
        }
        if (!option.takesNext) set(option.name, "true");
        else if (glued !== "") {
          set(option.name, glued);
          break;
        } else if (i + 1 >= words.length) return { unparsed: "flags" };
        else set(option.name, words[++i] ?? "");
      }
    } else args.push(word);
  }
  return { command, options: values, args, behind: [], dashed: false };
}

/** The last value of an option, which is the one that counts where it takes one. */
export function lastOf(line: KubectlLine, name: string): string | undefined {
  return line.options.get(name)?.at(-1);
}

/** The path of a raw request; kubectl takes an empty one for none. */
export const rawPath = (line: KubectlLine): string | undefined => lastOf(line, "raw") || undefined;

/** As Go's strconv.ParseBool. */
export function isSet(line: KubectlLine, name: string): boolean {
  const value = lastOf(line, name);
  return value !== undefined && ["1", "t", "T", "true", "TRUE", "True"].includes(value);
}
