import { type Command, forEachChild, type ParsedScript, parse, type Redirected, type SyntaxNode } from "unbash";
import { hiddenInSource } from "./hidden.ts";
import { finish } from "./judge.ts";
import { MAX_COMMANDS, MAX_DEPTH, MAX_MS, MAX_NESTED, MAX_OPENERS } from "./limits.ts";
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

/** Walks one text and what it runs. */
export class Reader implements Sink {
  readonly options: ReadOptions;
  readonly #found: ShellCommand[] = [];
  readonly #functions = new Set<string>();
  readonly #started = performance.now();
  #openers = 0;
  #nested = 0;

  constructor(options: ReadOptions) {
    this.options = options;
  }

  push(command: ShellCommand): void {
    this.#found.push(command);
  }

  finished(): ShellCommand[] {
    return finish(this.#found, this.#functions);
  }

  /** A text that a shell would be given, inside another. */
  nested(text: string, place: Omit<Place, "source">): void {
    this.#openers += text.split(/[$<>]\(|`/).length - 1;
    this.#nested += text.length;
    if (place.depth > MAX_DEPTH) throw new Stop("too-deep");
    if (this.#openers > MAX_OPENERS || this.#nested > MAX_NESTED) throw new Stop("too-many");
    this.script(parse(text), text, place);
  }

  script(script: ParsedScript, outer: string, place: Omit<Place, "source"> = { depth: 0, via: [], stdin: undefined }) {
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
      this.#children(node, { ...place, via: [...place.via, "$(…)"], stdin: undefined });
    } else if (node.type === "ProcessSubstitution") {
      this.#children(node, { ...place, via: [...place.via, `${node.operator}(…)`], stdin: undefined });
    } else if (node.type === "Function") {
      this.#functions.add(node.name.value);
      this.#children(node, { ...place, stdin: undefined });
    } else {
      if (node.type === "TestCommand" || node.type === "ArithmeticCommand") this.#hidden(node, place);
      if (node.type === "ArithmeticFor") this.#hidden({ pos: node.pos, end: node.body.pos }, place);
      this.#children(node, place);
    }
  }

  #hidden({ pos, end }: { pos: number; end: number }, place: Place): void {
    const text = place.source.slice(pos, end);
    // Behind the brackets of its own.
    if (hiddenInSource(text.slice(2))) this.push({ argv: [], text, unparsed: "substitution", ...viaOf(place.via) });
  }

  #redirected(node: Redirected, place: Place): void {
    for (const one of node.redirects) this.visit(one, place);
    const redirects = redirectsOf(node.redirects);
    const args = wordsInRedirects(node.redirects);
    unwrap({ args, text: place.source.slice(node.pos, node.end), assignments: [], redirects, place }, this);
    this.visit(node.command, { ...place, stdin: shared(stdinOf(node.redirects, place.stdin)) });
  }

  #children(node: SyntaxNode, place: Place): void {
    forEachChild(node, (child) => this.visit(child, place));
  }

  #pipeline(commands: readonly SyntaxNode[], place: Place): void {
    let stdin = place.stdin;
    for (const command of commands) {
      this.visit(command, { ...place, stdin: command.type === "Command" ? stdin : shared(stdin) });
      stdin = knownOutput(command, stdin, place.posix);
    }
  }

  #command(node: Command, place: Place): void {
    if (this.#found.length >= MAX_COMMANDS) throw new Stop("too-many");
    if (performance.now() - this.#started > MAX_MS) throw new Stop("timeout");
    // What the words substitute runs first.
    this.#children(node, place);
    const simple: Simple = {
      args: [...argsOf(node, place.posix), ...wordsInRedirects(node.redirects)],
      text: place.source.slice(node.pos, node.end),
      assignments: node.prefix.filter((one) => one.type === "Assignment").map(assigned),
      redirects: redirectsOf(node.redirects),
      place: { ...place, stdin: stdinOf(node.redirects, place.stdin) },
    };
    unwrap(simple, this);
  }
}
