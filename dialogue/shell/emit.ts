import { around } from "./around.ts";
import { awkStarts } from "./awk.ts";
import { gitStarts, hiddenIn } from "./hidden.ts";
import { basename, type Layer, reasonOf, text } from "./layer.ts";
import { overridesOf } from "./overrides.ts";
import { sedStarts } from "./sed.ts";
import { type Simple, type Sink, viaOf } from "./simple.ts";
import type { ShellCommand, UnparsedReason } from "./types.ts";
import { INERT, isInterpreter } from "./wrappers.ts";

/** What is left runs as it stands. */
export function emit(layer: Layer, simple: Simple, reader: Sink): void {
  const { stdin } = simple.place;
  const argv = layer.args.map(text);
  const [first] = layer.args;
  const name = first === undefined ? "" : basename(text(first));
  const carried = KUBERNETES.has(name) ? simple.place.variables.switches() : [];
  const assignments = [
    ...(reader.options.assignments ?? []),
    ...carried.filter((one) => !layer.assignments.some(({ name }) => name === one.name)),
    ...layer.assignments,
  ];
  const { overrides, environment } = overridesOf(argv, assignments);
  const hidden = hiddenIn(argv, layer.assignments);
  const known = stdin !== undefined && "known" in stdin ? stdin.known : undefined;
  const goesAround = around(argv, simple.redirects, known, reader.options);
  // A list of assignments runs nothing.
  if (argv.length === 0 && overrides.length === 0 && !environment && !hidden && goesAround === undefined) return;
  let unparsed = reasonOf(layer.args) ?? layer.unparsed;
  if (environment) unparsed ??= "environment";
  if (hidden) unparsed ??= "substitution";
  if (first !== undefined && "value" in first && /[^\x20-\x7e]/.test(first.value)) unparsed ??= "characters";
  // A document that is not known is one of the things that the command is given.
  if (stdin !== undefined && "unparsed" in stdin && stdin.unparsed !== "script" && !INERT.has(name))
    unparsed ??= stdin.unparsed;
  unparsed ??= inlineProgram(name, argv, stdin !== undefined) ?? mentions(name, argv);
  const command: ShellCommand = { argv, text: simple.text };
  if (unparsed !== undefined) command.unparsed = unparsed;
  if (known !== undefined) command.stdin = known;
  if (assignments.length > 0) command.assignments = assignments;
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
  const words = argv.slice(1);
  if (/^[gmn]?awk$/.test(name)) return awkStarts(words) ? "interpreter" : undefined;
  if (/^g?sed$/.test(name)) return sedStarts(words) ? "interpreter" : undefined;
  return isFile(argv[0] ?? "") ? "script" : undefined;
}

/** Where programs are installed; what stands elsewhere is a file that the text does not show. */
const INSTALLED = /(?:^|\/)\.?(?:s?bin|libexec)\/[^/]+$/;
const isFile = (word: string): boolean =>
  word.includes("/") && !INSTALLED.test(word) && !/\/(?:kubectl|helm)(?:-[^/]*)?$/.test(word);

const NAMES = /(^|[\s/'"=;&|`(])(kubectl|helm|oc|kubeadm|k9s)($|[\s'"=;&|)])/;
const KUBERNETES = new Set(["kubectl", "helm"]);

/** Another program that is given the name of one that asks a cluster: ssh, docker run, tmux send-keys, make. */
function mentions(name: string, argv: readonly string[]): UnparsedReason | undefined {
  if (name === "git" && gitStarts(argv.slice(1), NAMES)) return "indirect";
  if (
    KUBERNETES.has(name) ||
    INERT.has(name) ||
    ["command", "complete", "export", "find", "git", "man", "type", "unalias", "brew", "apt", "apt-get"].includes(name)
  )
    return undefined;
  return argv.slice(1).some((word) => NAMES.test(word)) ? "indirect" : undefined;
}
