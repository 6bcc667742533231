import { kubernetesRequests } from "../../../dialogue/shell/kubernetes-requests.ts";
import { readCommands } from "../../../dialogue/shell/read-commands.ts";
import type { ShellCommand } from "../../../dialogue/shell/types.ts";
import { CONTEXT } from "../../dialogue/shell/shown-request.ts";
import { BashOracle, type Call } from "../bash-oracle.ts";
import { Random } from "../random.ts";
import { shellCase } from "../shell-case.ts";
import { attempt, crash, difference, emptyTally } from "../tally.ts";
import type { FuzzTarget, Tally } from "../target.ts";

/** kubectl's words are known; that it would refuse them is another matter. */
const KNOWN = new Set(["plugin", "flags"]);

/** Texts of a batch that bash runs: it starts a process or more for each. */
const JUDGED = 120;

/** Defect: an escape in `$'…'` is taken as it is written. */
function planted(text: string): ShellCommand[] {
  return readCommands(text.replaceAll("\\102", "\\103"));
}

async function run(bash: BashOracle, subject: typeof planted, cases: number, seed: number): Promise<Tally> {
  const random = new Random(seed);
  const tally = { ...emptyTally(), cases };
  const texts: string[] = [];
  const read: ShellCommand[][] = [];
  for (let i = 0; i < cases; i++) {
    const text = shellCase(random).toWellFormed();
    const outcome = attempt(
      () => {
        const commands = subject(text);
        for (const command of commands) kubernetesRequests(command, CONTEXT);
        return commands;
      },
      () => JSON.stringify(text),
    );
    if ("crash" in outcome) crash(tally, outcome.crash);
    if (!("value" in outcome)) continue;
    if (outcome.value.some(({ unparsed }) => unparsed === "crash")) crash(tally, JSON.stringify(text));
    const open = outcome.value.some(isOpen);
    if (open) tally.refused++;
    else tally.accepted++;
    if (texts.length === JUDGED || (open && !text.includes(" @0"))) continue;
    texts.push(text);
    read.push(outcome.value);
  }
  const calls = await bash.run(texts);
  texts.forEach((text, i) => {
    const commands = (read[i] ?? []).filter(({ argv }) => argv[0] === "kubectl");
    for (const call of calls[i] ?? []) {
      const candidates = candidatesOf(call, read[i] ?? [], commands);
      if (candidates !== undefined && !candidates.some((command) => isOf(call, command))) {
        difference(
          tally,
          `${JSON.stringify(text)}\nkubectl got ${JSON.stringify(call)}\nread: ${JSON.stringify(commands)}`,
        );
      }
    }
  });
  return tally;
}

const isOpen = ({ unparsed }: ShellCommand): boolean => unparsed !== undefined && !KNOWN.has(unparsed);

/** Where something is open, only a use that has a number of its own can be judged, and only where none of its readings is open. */
function candidatesOf(
  { argv: [first = ""] }: Call,
  all: readonly ShellCommand[],
  kubectl: readonly ShellCommand[],
): readonly ShellCommand[] | undefined {
  if (!all.some(isOpen)) return kubectl;
  // Nothing is known of what stands behind the place where reading ended.
  if (all.some(({ argv, unparsed = "" }) => argv.length === 0 && /^(?:timeout|too-\w+)$/.test(unparsed)))
    return undefined;
  const own = kubectl.filter(({ argv }) => /^@\d+$/.test(first) && argv[1] === first);
  return own.length === 0 || own.some(isOpen) ? undefined : own;
}

const isOf = (call: Call, { argv, stdin }: ShellCommand): boolean =>
  argv.length === call.argv.length + 1 &&
  call.argv.every((word, i) => word === argv[i + 1]) &&
  (stdin === undefined || stdin === call.stdin);

/** readCommands beside the machine's bash: what kubectl got is what was read, or the text was said to leave it open. */
const shell: FuzzTarget = {
  name: "shell",
  plant: "an octal escape in $'…' that is read as another character",
  async open(options) {
    const bash = await BashOracle.open();
    return {
      run: (cases, seed) => run(bash, options.planted ? planted : readCommands, cases, seed),
      close: () => bash.close(),
    };
  },
};
export default shell;
