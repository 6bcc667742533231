import { readCommands } from "./read-commands.ts";
import type { ReadOptions, ShellCommand } from "./types.ts";

const NAMES = /^(?:command|cmd|shell_?command|command_?line|script|commands)$/i;
const MAX_LEVELS = 6;
const MAX_VALUES = 500;
const MAX_TEXTS = 16;
const MAX_CHARACTERS = 64 * 1024;

/**
 * Commands that stand deeper in the arguments of a tool that is none of a shell's: calls of other tools in one (OpenAI's
 * `multi_tool_use.parallel`), steps of a plan. What becomes of them nobody knows here, which one more command says.
 */
export function nestedCommands(args: unknown, options: ReadOptions): ShellCommand[] {
  const texts: string[] = [];
  let values = 0;
  let left = false;
  const look = (value: unknown, level: number): void => {
    if (typeof value !== "object" || value === null) return;
    if (level > MAX_LEVELS || ++values > MAX_VALUES) {
      left = true;
      return;
    }
    for (const [key, one] of Object.entries(value)) {
      if (left) return;
      if (level === 0 || !NAMES.test(key)) look(one, level + 1);
      else if (typeof one === "string") texts.push(one);
      else if (Array.isArray(one)) texts.push(one.filter((word) => typeof word === "string").join(" "));
      else look(one, level + 1);
    }
  };
  look(args, 0);
  if (texts.length === 0) return [];
  const whole: ShellCommand = { argv: [], text: texts.join("\n").slice(0, 2000), unparsed: "indirect" };
  const many = left || texts.length > MAX_TEXTS || texts.join("").length > MAX_CHARACTERS;
  return many ? [whole] : [...texts.flatMap((text) => readCommands(text, options)), whole];
}
