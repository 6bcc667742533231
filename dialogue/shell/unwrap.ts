import { around } from "./around.ts";
import { overridesOf } from "./overrides.ts";
import { type Arg, type Place, type Simple, type Sink, shared, viaOf } from "./simple.ts";
import type { ShellCommand, UnparsedReason } from "./types.ts";
import { INERT, isInterpreter, OTHER_SHELLS, SHELLS, WRAPPERS, type Wrapper } from "./wrappers.ts";

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

const text = (arg: Arg): string => ("value" in arg ? arg.value : arg.text);
const reasonOf = (args: readonly Arg[]): UnparsedReason | undefined => {
  for (const arg of args) if ("unparsed" in arg) return arg.unparsed;
  return undefined;
};
const basename = (path: string): string => path.slice(path.lastIndexOf("/") + 1);

/** A simple command on its way to what it runs in the end. */
interface Layer {
  args: Arg[];
  via: readonly string[];
  assignments: Simple["assignments"];
  unparsed?: UnparsedReason | undefined;
}

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

function options(
  args: readonly Arg[],
  wrapper: Wrapper,
): { rest: Arg[]; set: Simple["assignments"]; seen: string[] } | "query" | UnparsedReason {
  const { valued = "", plain = "", long = [], longPlain = [], query = "" } = wrapper;
  const set: Simple["assignments"] = [];
  const seen: string[] = [];
  let i = 0;
  for (; i < args.length; i++) {
    const arg = args[i] as Arg;
    if ("unparsed" in arg) {
      // An option that is not known may swallow the next word; a value or a file may not.
      if (wrapper.assigns && /^[A-Za-z_]\w*=/.test(arg.text)) {
        set.push({ name: arg.text.slice(0, arg.text.indexOf("=")), value: null });
        continue;
      }
      if ((wrapper.skip ?? 0) > 0) break;
      return arg.unparsed;
    }
    const word = arg.value;
    const equals = word.indexOf("=");
    if (wrapper.assigns && /^[A-Za-z_]\w*=/.test(word)) {
      set.push({ name: word.slice(0, equals), value: word.slice(equals + 1) });
    } else if (word === "--") {
      // Behind it sudo and env still take assignments.
      if (wrapper.assigns) continue;
      i++;
      break;
    } else if (word === "-" && wrapper.assigns) {
      set.push({ name: "HOME", value: "" });
    } else if (word.startsWith("--")) {
      const option = word.slice(2, equals < 0 ? undefined : equals);
      if (option === "help" || option === "version") return "query";
      if (option === "ignore-environment") set.push({ name: "HOME", value: "" });
      if (option === "unset")
        set.push({ name: equals < 0 ? text(args[i + 1] ?? arg) : word.slice(equals + 1), value: "" });
      seen.push(option);
      if (long.includes(option)) i += equals < 0 ? 1 : 0;
      else if (!longPlain.includes(option)) return "wrapper";
    } else if (word.startsWith("-") && word.length > 1) {
      for (let j = 1; j < word.length; j++) {
        const letter = word[j] ?? "";
        seen.push(letter);
        if (query.includes(letter)) return "query";
        if (valued.includes(letter)) {
          const value = j === word.length - 1 ? text(args[++i] ?? arg) : word.slice(j + 1);
          if (wrapper.assigns && letter === "u" && wrapper.plain?.includes("i")) set.push({ name: value, value: "" });
          break;
        }
        // env -i leaves nothing, sudo -i and -H take another's.
        if (/[iH]/.test(letter) && wrapper.assigns) set.push({ name: "HOME", value: "" });
        if (!plain.includes(letter)) return "wrapper";
      }
    } else break;
  }
  return { rest: args.slice(i), set, seen };
}

/** Shells, and programs whose arguments are commands in a way of their own. */
function special(layer: Layer, name: string, simple: Simple, reader: Sink): Layer | "done" | undefined {
  const rest = layer.args.slice(1);
  if (SHELLS.has(name)) return shell(layer, name, simple, reader);
  if (OTHER_SHELLS.has(name)) layer.unparsed ??= "dialect";
  else if (name === "busybox" || name === "k3s" || name === "microk8s" || name === "toybox") {
    if (rest.length > 0) return { ...layer, args: rest, via: [...layer.via, name] };
  } else if (name === "eval") return nestedText(rest, "eval", " ", layer, simple, reader);
  else if (name === "trap") {
    if (rest.length > 1 && text(rest[0] as Arg) !== "-")
      return nestedText(rest.slice(0, 1), "trap", "", layer, simple, reader);
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
  const posix = name === "eval" || name === "trap" ? place.posix : !EXTENDED.test(name);
  reader.nested(script, { depth: place.depth + 1, via, posix, stdin: shared(place.stdin ?? { known: "" }) });
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
    // An interactive or a login shell reads files first; what is in them is not known of any shell here.
    if (/[oO]$/.test(word)) i++;
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

/** What is left runs as it stands. */
function emit(layer: Layer, simple: Simple, reader: Sink): void {
  const { stdin } = simple.place;
  const argv = layer.args.map(text);
  const [first] = layer.args;
  const name = first === undefined ? "" : basename(text(first));
  const { overrides, environment } = overridesOf(argv, layer.assignments);
  const known = stdin !== undefined && "known" in stdin ? stdin.known : undefined;
  const goesAround = around(argv, simple.redirects, known, reader.options);
  // A list of assignments runs nothing.
  if (argv.length === 0 && overrides.length === 0 && !environment && goesAround === undefined) return;
  let unparsed = reasonOf(layer.args) ?? layer.unparsed;
  if (environment) unparsed ??= "environment";
  if (first !== undefined && "value" in first && /[^\x20-\x7e]/.test(first.value)) unparsed ??= "characters";
  // A document that is not known is one of the things that the command is given.
  if (stdin !== undefined && "unparsed" in stdin && stdin.unparsed !== "script" && !INERT.has(name))
    unparsed ??= stdin.unparsed;
  unparsed ??= inlineProgram(name, argv, stdin !== undefined) ?? mentions(name, argv);
  const command: ShellCommand = { argv, text: simple.text };
  if (unparsed !== undefined) command.unparsed = unparsed;
  if (known !== undefined) command.stdin = known;
  if (layer.assignments.length > 0) command.assignments = layer.assignments;
  if (simple.redirects.length > 0) command.redirects = simple.redirects;
  if (overrides.length > 0) command.overrides = overrides;
  if (goesAround !== undefined) command.around = goesAround;
  reader.push({ ...command, ...viaOf(layer.via) });
}

function inlineProgram(name: string, argv: readonly string[], piped: boolean): UnparsedReason | undefined {
  const interpreter = isInterpreter(name);
  if (interpreter !== undefined) {
    const inline = argv.slice(1).some((word) => interpreter.inline.test(word));
    const fromInput = piped && !argv.slice(1).some((word) => !word.startsWith("-"));
    return inline || fromInput || argv.includes("-") ? "interpreter" : undefined;
  }
  // awk and sed can start programs as well.
  if (
    /^[gmn]?awk$/.test(name) &&
    argv.some((word) => /system\s*\(|\|\s*("|getline)|getline|print[^}|]{0,200}\|/.test(word))
  )
    return "interpreter";
  if (
    /^g?sed$/.test(name) &&
    argv.slice(1).some((word) => /^\d*\s*e\b|\/[a-z]*e[a-z]*\s*(;|$)/.test(word) && word.includes("/"))
  )
    return "interpreter";
  return undefined;
}

const NAMES = /(^|[\s/'"=;&|`(])(kubectl|helm|oc|kubeadm|k9s)($|[\s'"=;&|)])/;
const KUBERNETES = new Set(["kubectl", "helm"]);

/** Another program that is given the name of one that asks a cluster: ssh, docker run, tmux send-keys, make. */
function mentions(name: string, argv: readonly string[]): UnparsedReason | undefined {
  if (
    KUBERNETES.has(name) ||
    INERT.has(name) ||
    ["command", "complete", "export", "find", "git", "man", "type", "unalias", "brew", "apt", "apt-get"].includes(name)
  )
    return undefined;
  return argv.slice(1).some((word) => NAMES.test(word)) ? "indirect" : undefined;
}
