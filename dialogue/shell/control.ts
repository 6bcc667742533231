import type { AndOr, Case, For, If, SyntaxNode } from "unbash";
import { assignedIn } from "./assigned.ts";
import { MAX_LOOP, MAX_REPEATED } from "./limits.ts";
import type { Place } from "./simple.ts";
import { differsInPosix, readWord } from "./words.ts";

/** Who reads the parts. */
interface Visitor {
  /** Characters that were read once more, for another word of their loop. */
  repeated: number;
  visit(node: SyntaxNode, place: Place): void;
  children(node: SyntaxNode, place: Place): void;
}

/**
 * What decides which commands run, and how often: what they assign is known behind them only where they run for certain.
 * False where the node is nothing of that kind.
 */
export function runControl(node: SyntaxNode, place: Place, reader: Visitor): boolean {
  const { variables } = place;
  switch (node.type) {
    case "Statement":
      reader.visit(node.command, node.background === true ? { ...place, variables: variables.fork() } : place);
      return true;
    case "Subshell":
    case "Coproc":
      reader.children(node, { ...place, variables: variables.fork() });
      return true;
    case "AndOr":
      andOr(node, place, reader);
      return true;
    case "If":
      branches(node, place, reader);
      return true;
    case "Case":
      cases(node, place, reader);
      return true;
    case "For":
      loop(node, place, reader);
      return true;
    case "ArithmeticFor":
      variables.forget(assignedIn(node));
      return false;
    case "While":
    case "Select":
      // The next round begins with what this one has set.
      variables.forget(assignedIn(node));
      reader.children(node, place);
      variables.forget(assignedIn(node));
      return true;
    default:
      return false;
  }
}

function andOr({ commands, operators }: AndOr, place: Place, reader: Visitor): void {
  for (const [i, command] of commands.entries()) {
    // Behind `||`, of what stands before nobody knows whether it ran; behind `&&` alone, all of it did.
    if (operators.slice(0, i).includes("||")) forgetAll(commands.slice(1, i), place);
    reader.visit(command, place);
  }
  forgetAll(commands.slice(1), place);
}

function forgetAll(nodes: readonly SyntaxNode[], { variables }: Place): void {
  for (const node of nodes) variables.forget(assignedIn(node));
}

function branches(node: If, place: Place, reader: Visitor): void {
  reader.visit(node.clause, place);
  reader.visit(node.then, { ...place, variables: place.variables.fork() });
  for (const elif of node.elif) {
    // An earlier one was looked at, and its branch was not run.
    reader.visit(elif.clause, place);
    reader.visit(elif.then, { ...place, variables: place.variables.fork() });
  }
  if (node.else !== undefined) reader.visit(node.else, { ...place, variables: place.variables.fork() });
  forgetAll([node.then, ...node.elif, ...(node.else === undefined ? [] : [node.else])], place);
}

function cases(node: Case, place: Place, reader: Visitor): void {
  reader.visit(node.word, place);
  const assigned = assignedIn(node);
  for (const item of node.items) {
    // It may go on from the one before.
    const variables = place.variables.fork();
    variables.forget(assigned);
    reader.children(item, { ...place, variables });
  }
  place.variables.forget(assigned);
}

/** Once for each word, where each is known and the body asks for it. */
function loop(node: For, place: Place, reader: Visitor): void {
  const { variables } = place;
  for (const word of node.wordlist ?? []) reader.visit(word, place);
  const values = valuesOf(node, place, reader);
  for (const value of values ?? [null]) {
    variables.forget(assignedIn(node));
    variables.set(node.name.text, value);
    reader.visit(node.body, place);
  }
  variables.forget(assignedIn(node));
}

function valuesOf({ name, wordlist, body }: For, { source, variables, posix }: Place, reader: Visitor) {
  if (wordlist === undefined || wordlist.length > MAX_LOOP || !variables.carries(name.text)) return undefined;
  const text = source.slice(body.pos, body.end);
  if (!new RegExp(`\\$\\{?${name.text}\\b`).test(text)) return undefined;
  const values: string[] = [];
  for (const word of wordlist) {
    const read = posix === true && differsInPosix(word) ? undefined : readWord(word, variables.lookup);
    if (read === undefined || "unparsed" in read) return undefined;
    values.push(...read.values);
  }
  reader.repeated += text.length * values.length;
  if (values.length === 0 || values.length > MAX_LOOP || reader.repeated > MAX_REPEATED) return undefined;
  return values;
}
