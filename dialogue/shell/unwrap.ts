import { around } from "./around.ts";
import { emit } from "./emit.ts";
import { basename, type Layer, reasonOf, text } from "./layer.ts";
import { overridesOf } from "./overrides.ts";
import { type Arg, type Place, type Simple, type Sink, shared } from "./simple.ts";
import { options } from "./wrapper-options.ts";
import { INERT, OTHER_SHELLS, SHELLS, WRAPPERS, type Wrapper } from "./wrappers.ts";

/** Programs that put their input into the arguments of another. */
const FROM_INPUT: Readonly<Record<string, Wrapper>> = {
  xargs: {
    valued: "IiLnPsaEdJR",
    plain: "0rtpxo",
    long: ["max-args", "max-procs", "max-lines", "replace", "arg-file", "delimiter", "max-chars"],
    longPlain: ["null", "no-run-if-empty", "verbose", "interactive", "exit", "open-tty"],
  },
  parallel: {
    valued: "jnNLaICS",
    plain: "0ktuXm",
    long: ["jobs", "arg-file"],
    longPlain: ["keep-order", "dry-run", "halt"],
  },
};
const WATCH: Wrapper = {
  valued: "nq",
  plain: "bcdegprtwx",
  long: ["interval", "equexit"],
  longPlain: [
    "beep",
    "color",
    "differences",
    "errexit",
    "chgexit",
    "precise",
    "no-title",
    "no-wrap",
    "exec",
    "no-rerun",
  ],
};
/** Shells that know braces and `$'…'`; of a user's own shell it is not known. */
const EXTENDED = /^(r?bash|zsh|ksh(93)?|mksh)\b/;
const MAX_LAYERS = 16;

/** Takes off what only starts another program, looks into the shells it starts, and hands over what is left. */
export function unwrap(simple: Simple, reader: Sink): void {
  const { place } = simple;
  let layer: Layer = { args: simple.args, via: place.via, assignments: [...simple.assignments] };
  for (let i = 0; i < MAX_LAYERS; i++) {
    const [first] = layer.args;
    if (first === undefined || "unparsed" in first) break;
    const name = basename(first.value);
    const next = Object.hasOwn(WRAPPERS, name)
      ? peel(layer, name, WRAPPERS[name] ?? {})
      : special(layer, name, simple, reader);
    if (next === undefined) break;
    if (next === "done") return;
    layer = next;
    if (i === MAX_LAYERS - 1) layer.unparsed ??= "too-deep";
  }
  emit(layer, simple, reader);
}

/** The command behind a wrapper's options; undefined where it runs nothing, or leaves open what it runs. */
function peel(layer: Layer, name: string, wrapper: Wrapper): Layer | undefined {
  const behind = options(layer.args.slice(1), wrapper);
  if (behind === "query") return undefined;
  if (typeof behind === "string") {
    layer.unparsed ??= behind;
    return undefined;
  }
  const assignments = [...layer.assignments, ...behind.set];
  const skipped = reasonOf(behind.rest.slice(0, wrapper.skip ?? 0));
  const args = behind.rest.slice(wrapper.skip ?? 0);
  if (args.length === 0) {
    layer.assignments = assignments;
    // sudo -i and -s: a shell that somebody types into.
    if (name === "sudo" && behind.seen.some((option) => ["i", "s", "login", "shell"].includes(option)))
      layer.unparsed ??= "script";
    return undefined;
  }
  return { args, via: [...layer.via, name], assignments, unparsed: layer.unparsed ?? skipped };
}

/** Shells, and programs whose arguments are commands in a way of their own. */
function special(layer: Layer, name: string, simple: Simple, reader: Sink): Layer | "done" | undefined {
  const rest = layer.args.slice(1);
  if (SHELLS.has(name)) return shell(layer, name, simple, reader);
  if (OTHER_SHELLS.has(name)) layer.unparsed ??= "dialect";
  else if (name === "busybox" || name === "k3s" || name === "microk8s" || name === "toybox") {
    if (rest.length > 0) return { ...layer, args: rest, via: [...layer.via, name] };
  } else if (name === "eval") return nestedText(operands(rest), "eval", " ", layer, simple, reader);
  else if (name === "trap") {
    const [action, ...signals] = operands(rest);
    if (action !== undefined && signals.length > 0 && text(action) !== "-")
      return nestedText([action], "trap", "", layer, simple, reader);
  } else if (name === "set" || name === "shopt") {
    if (changesWords(rest.map(text), name === "shopt")) layer.unparsed ??= "dialect";
  } else if (name === "source" || name === ".") layer.unparsed ??= "source";
  else if (name === "alias") {
    if (rest.some((arg) => text(arg).includes("="))) layer.unparsed ??= "alias";
  } else if (name === "hash" || name === "enable") {
    if (rest.some((arg) => /^-[a-z]*[pf]/.test(text(arg)))) layer.unparsed ??= "redefined";
  } else if (Object.hasOwn(FROM_INPUT, name)) return fromInput(layer, name, FROM_INPUT[name] ?? {});
  else if (name === "watch") return watched(layer, simple, reader);
  else if (name === "su" || name === "runuser" || name === "script" || name === "flock")
    return commandOption(layer, name, simple, reader);
  else if (name === "find") return found(layer, simple, reader);
  return undefined;
}

const operands = (args: readonly Arg[]): readonly Arg[] =>
  args[0] !== undefined && text(args[0]) === "--" ? args.slice(1) : args;

/** `set -k` takes what looks like an assignment off every command, and `set +B` leaves braces as they are. */
function changesWords(words: readonly string[], shopt: boolean): boolean {
  for (const [i, word] of words.entries()) {
    if (word === "--" || word === "-") return false;
    if (/^(keyword|braceexpand)$/.test(word) && (shopt || /^[-+]\w*o/.test(words[i - 1] ?? ""))) return true;
    if (!shopt && (/^-\w*k/.test(word) || /^\+\w*B/.test(word))) return true;
    if (!shopt && !/^[-+]/.test(word) && !/^[-+]\w*o/.test(words[i - 1] ?? "")) return false;
  }
  return false;
}

function nestedText(
  args: readonly Arg[],
  name: string,
  join: string,
  layer: Layer,
  simple: Simple,
  reader: Sink,
): Layer | "done" | undefined {
  const unknown = reasonOf(args);
  if (unknown !== undefined) {
    layer.unparsed ??= name === "eval" ? "eval" : unknown;
    return undefined;
  }
  if (args.length === 0) return undefined;
  look(args.map(text).join(join), name, layer, simple, reader);
  return "done";
}

/** Into a text that another shell is given. What is set for that shell holds for all that it starts. */
function look(script: string, name: string, layer: Layer, simple: Simple, reader: Sink): void {
  const { place } = simple;
  const set = overridesOf([], layer.assignments);
  const told = around([], simple.redirects, undefined, reader.options);
  if (set.overrides.length > 0 || set.environment || told !== undefined || layer.unparsed !== undefined) {
    emit({ ...layer, args: layer.args.slice(0, 1) }, simple, reader);
  }
  const via = [...layer.via, name];
  const same = name === "eval" || name === "trap";
  const stdin = shared(place.stdin ?? { known: "" });
  const posix = same ? place.posix : !EXTENDED.test(name);
  reader.nested(script, { depth: place.depth + 1, via, posix, stdin, variables: place.variables }, same);
}

function shell(layer: Layer, name: string, simple: Simple, reader: Sink): "done" | undefined {
  const rest = layer.args.slice(1);
  let command = false;
  let i = 0;
  for (; i < rest.length; i++) {
    const arg = rest[i] as Arg;
    if ("unparsed" in arg) {
      layer.unparsed ??= arg.unparsed;
      return undefined;
    }
    const word = arg.value;
    if (word === "--" || word === "-") {
      i++;
      break;
    }
    if (!/^[-+]/.test(word)) break;
    if (word === "--version" || word === "--help") return undefined;
    if (word === "--rcfile" || word === "--init-file") {
      layer.unparsed ??= "script";
      return undefined;
    }
    if (word.startsWith("--")) continue;
    if (word.startsWith("-") && word.includes("c")) command = true;
    // An option of this name is looked for behind a word that holds an `o`, wherever in it.
    if (changesWords(/[oO]/.test(word) ? [word, text(rest[i + 1] ?? arg)] : [word], false))
      layer.unparsed ??= "dialect";
    // Shells differ in what they take for its name then.
    if (/[oO].+$/.test(word)) layer.unparsed ??= "dialect";
    // An interactive or a login shell reads files first; what is in them is not known of any shell here.
    i += word.match(/[oO]/g)?.length ?? 0;
  }
  const body = rest[i];
  if (command) {
    if (body === undefined) return undefined;
    if ("unparsed" in body) {
      layer.unparsed ??= body.unparsed;
      return undefined;
    }
    look(body.value, `${name} -c`, layer, simple, reader);
    return "done";
  }
  const { stdin } = simple.place;
  if (body === undefined && stdin !== undefined && "known" in stdin) {
    look(stdin.known, name, layer, simple, reader);
    return "done";
  }
  layer.unparsed ??= stdin !== undefined && "unparsed" in stdin ? stdin.unparsed : "script";
  return undefined;
}

function fromInput(layer: Layer, name: string, wrapper: Wrapper): Layer | undefined {
  const behind = options(layer.args.slice(1), wrapper);
  if (typeof behind === "string") {
    layer.unparsed ??= behind === "query" ? undefined : behind;
    return undefined;
  }
  if (behind.rest.length === 0) return undefined;
  const [first] = behind.rest;
  const inert = first !== undefined && "value" in first && INERT.has(basename(first.value));
  const unparsed = inert ? layer.unparsed : (layer.unparsed ?? "arguments-from-input");
  return { ...layer, args: behind.rest, via: [...layer.via, name], unparsed };
}

/** watch gives its words, joined by blanks, to `sh -c`; with -x it runs them as they are. */
function watched(layer: Layer, simple: Simple, reader: Sink): Layer | "done" | undefined {
  const behind = options(layer.args.slice(1), WATCH);
  if (typeof behind === "string") {
    layer.unparsed ??= behind === "query" ? undefined : behind;
    return undefined;
  }
  if (behind.rest.length === 0) return undefined;
  if (behind.seen.includes("x") || behind.seen.includes("exec")) {
    return { ...layer, args: behind.rest, via: [...layer.via, "watch"] };
  }
  return nestedText(behind.rest, "watch", " ", layer, simple, reader);
}

/** `su -c 'text'`, `script -c 'text'`, `flock FILE -c 'text'` and `flock FILE command`. */
function commandOption(layer: Layer, name: string, simple: Simple, reader: Sink): Layer | "done" | undefined {
  const rest = layer.args.slice(1);
  const at = rest.findIndex((arg) => /^(-[a-z]*c|--command)$/.test(text(arg)));
  const glued = rest.find((arg) => /^--command=/.test(text(arg)));
  if (glued !== undefined) {
    if ("unparsed" in glued) {
      layer.unparsed ??= glued.unparsed;
      return undefined;
    }
    return nestedText([{ value: glued.value.slice("--command=".length) }], `${name} -c`, "", layer, simple, reader);
  }
  if (at >= 0) return nestedText(rest.slice(at + 1, at + 2), `${name} -c`, "", layer, simple, reader);
  if (name === "flock")
    return peel(layer, name, {
      valued: "wE",
      plain: "sxunoFv",
      long: ["timeout", "wait"],
      longPlain: ["shared", "exclusive", "nonblock"],
      skip: 1,
    });
  // Without one it is a shell that somebody types into.
  if (name !== "runuser") layer.unparsed ??= "script";
  return name === "runuser" ? peel(layer, name, { valued: "ugG", plain: "lmpf" }) : undefined;
}

/** `-exec … ;`: its words are a command's; `{}` stands for what is found. */
function found(layer: Layer, simple: Simple, reader: Sink): undefined {
  const { args } = layer;
  for (let i = 1; i < args.length; i++) {
    if (!/^-(exec|execdir|ok|okdir)$/.test(text(args[i] as Arg))) continue;
    const end = args.findIndex((arg, j) => j > i && (text(arg) === ";" || text(arg) === "+"));
    const inner = args.slice(i + 1, end < 0 ? undefined : end);
    const [first] = inner;
    const inert = first !== undefined && "value" in first && INERT.has(basename(first.value));
    const open = !inert && inner.some((arg) => text(arg).includes("{}"));
    const place: Place = { ...simple.place, via: [...layer.via, "find -exec"], stdin: undefined };
    if (open) {
      const opened = inner.map(
        (arg): Arg => (text(arg).includes("{}") ? { unparsed: "arguments-from-input", text: text(arg) } : arg),
      );
      unwrap({ ...simple, args: opened, place }, reader);
    } else if (inner.length > 0) unwrap({ ...simple, args: inner, place }, reader);
    i = end < 0 ? args.length : end;
  }
  return undefined;
}
