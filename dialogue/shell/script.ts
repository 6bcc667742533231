import { type Command, forEachChild, type ParsedScript, parse, type Redirected, type SyntaxNode } from "unbash";
import { assignedIn } from "./assigned.ts";
import { runControl } from "./control.ts";
import { hiddenInSource, isComposed, mayCompose } from "./hidden.ts";
import { finish } from "./judge.ts";
import { MAX_COMMANDS, MAX_DEPTH, MAX_MS, MAX_NESTED, MAX_OPENERS } from "./limits.ts";
import { settle } from "./settle.ts";
import {
  argsOf,
  assigned,
  type Place,
  redirectsOf,
  type Simple,
  type Sink,
  Stop,
  shared,
  viaOf,
  wordsInRedirects,
} from "./simple.ts";
import { knownOutput, stdinOf } from "./stdin.ts";
import type { ReadOptions, ShellCommand } from "./types.ts";
import { unwrap } from "./unwrap.ts";
import { Variables } from "./variables.ts";

/** Walks one text and what it runs. */
export class Reader implements Sink {
  readonly options: ReadOptions;
  readonly #found: ShellCommand[] = [];
  readonly #functions = new Set<string>();
  readonly #started = performance.now();
  #composes = false;
  #openers = 0;
  #nested = 0;
  /** Characters that were read once more, for another word of their loop. */
  repeated = 0;

  constructor(options: ReadOptions) {
    this.options = options;
  }

  push(command: ShellCommand): void {
    this.#found.push(command);
  }

  finished(): ShellCommand[] {
    return finish(this.#found, this.#functions);
  }

  /** The text that a tool was given. */
  whole(source: string): void {
    this.#composes = mayCompose(source);
    const script = parse(source);
    this.script(script, source, { depth: 0, via: [], stdin: undefined, variables: Variables.of(script, source) });
  }

  /** A text that a shell would be given, inside another. */
  nested(text: string, place: Omit<Place, "source">, same: boolean): void {
    this.#openers += text.split(/[$<>]\(|`/).length - 1;
    this.#nested += text.length;
    if (place.depth > MAX_DEPTH) throw new Stop("too-deep");
    if (this.#openers > MAX_OPENERS || this.#nested > MAX_NESTED) throw new Stop("too-many");
    const script = parse(text);
    const variables = same ? place.variables.evaluating(script) : place.variables.started(script, text);
    this.script(script, text, { ...place, variables });
  }

  script(script: ParsedScript, outer: string, place: Omit<Place, "source">): void {
    const source = script.source ?? outer;
    // bash runs what stands before the mistake.
    if (script.errors !== undefined) {
      this.push({ argv: [], text: source.slice(0, 500), unparsed: "syntax", ...viaOf(place.via) });
    }
    for (const statement of script.commands) this.visit(statement, { ...place, source });
  }

  visit(node: SyntaxNode, place: Place): void {
    if (node.type === "Command") this.#command(node, place);
    else if (node.type === "Pipeline") this.#pipeline(node.commands, place);
    else if (node.type === "Redirected") this.#redirected(node, place);
    else if (node.type === "Script") {
      if (place.depth >= MAX_DEPTH) throw new Stop("too-deep");
      this.script(node, place.source, { ...place, depth: place.depth + 1 });
    } else if (node.type === "CommandExpansion" || node.type === "ArithmeticCommandExpansion") {
      this.#substituted(node, "$(…)", place);
    } else if (node.type === "ProcessSubstitution") this.#substituted(node, `${node.operator}(…)`, place);
    else if (node.type === "Function") {
      this.#functions.add(node.name.value);
      this.children(node, { ...place, stdin: undefined, variables: place.variables.called() });
      place.variables.forget(assignedIn(node.body));
    } else if (!runControl(node, place, this)) {
      if (node.type === "TestCommand" || node.type === "ArithmeticCommand") this.#hidden(node, place);
      if (node.type === "ArithmeticFor") this.#hidden({ pos: node.pos, end: node.body.pos }, place);
      this.children(node, place);
    }
  }

  children(node: SyntaxNode, place: Place): void {
    forEachChild(node, (child) => this.visit(child, place));
  }

  /** In a shell of its own. */
  #substituted(node: SyntaxNode, via: string, place: Place): void {
    const variables = place.variables.fork();
    this.children(node, { ...place, via: [...place.via, via], stdin: undefined, variables });
  }

  #hidden({ pos, end }: { pos: number; end: number }, place: Place): void {
    const text = place.source.slice(pos, end);
    // Behind the brackets of its own.
    if (hiddenInSource(text.slice(2))) this.push({ argv: [], text, unparsed: "substitution", ...viaOf(place.via) });
  }

  #redirected(node: Redirected, place: Place): void {
    const known = place.variables.lookup;
    for (const one of node.redirects) this.visit(one, place);
    const redirects = redirectsOf(node.redirects, known);
    const args = wordsInRedirects(node.redirects);
    unwrap({ args, text: place.source.slice(node.pos, node.end), assignments: [], redirects, place }, this);
    this.visit(node.command, { ...place, stdin: shared(stdinOf(node.redirects, place.stdin, known)) });
    // A file that is not there keeps it from running.
    place.variables.forget(assignedIn(node));
  }

  #pipeline(commands: readonly SyntaxNode[], place: Place): void {
    let stdin = place.stdin;
    for (const command of commands) {
      const variables = place.variables.fork();
      this.visit(command, { ...place, stdin: command.type === "Command" ? stdin : shared(stdin), variables });
      stdin = knownOutput(command, stdin, place.posix, place.variables.lookup);
    }
    // zsh runs the last of them itself.
    for (const command of commands) place.variables.forget(assignedIn(command));
  }

  #command(node: Command, place: Place): void {
    if (this.#found.length >= MAX_COMMANDS) throw new Stop("too-many");
    if (performance.now() - this.#started > MAX_MS) throw new Stop("timeout");
    const { variables } = place;
    const prefix = node.prefix.filter((one) => one.type === "Assignment");
    const words = [...(node.name === undefined ? [] : [node.name]), ...node.args];
    // What the words substitute runs first.
    for (const word of words) this.visit(word, place);
    const args = [...argsOf(node, place.posix, variables.lookup), ...wordsInRedirects(node.redirects)];
    // What is set for a command may be read by what is set behind it.
    const open = words.length > 0 ? variables.fork() : variables;
    const assignments = prefix.map((one) => {
      this.visit(one, { ...place, variables: open });
      const set = assigned(one, open.lookup);
      open.set(set.name, words.length > 0 || one.append === true || node.redirects.length > 0 ? null : set.value);
      return set;
    });
    for (const one of node.redirects) this.visit(one, { ...place, variables: open });
    const stdin = stdinOf(node.redirects, place.stdin, open.lookup);
    const redirects = redirectsOf(node.redirects, open.lookup);
    const source = place.source.slice(node.pos, node.end);
    const simple: Simple = { args, text: source, assignments, redirects, place: { ...place, stdin } };
    if (this.#composes && [...prefix, ...node.args].some((one) => one.type === "Assignment" && isComposed(one)))
      this.push({ argv: [], text: source, unparsed: "substitution", ...viaOf(place.via) });
    unwrap(simple, this);
    settle(node, simple, this.#functions);
  }
}
