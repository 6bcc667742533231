import { Command } from "commander";

export interface GlobalOptions {
  output: "text" | "json";
}

/** What a command found: `json` for `--output json`, `text` for people, and 1 where the answer is no. */
export interface Answer {
  json: unknown;
  text: string;
  exitCode?: 0 | 1;
}

/**
 * Makes a commander action of `run(args, options)`: `args` are the command's arguments in order, `options`
 * its own and the global ones. The answer is printed on stdout and sets the exit code; a command that streams
 * writes stdout itself and returns nothing. Errors are thrown: cli/render-error.ts is the one place that
 * prints them.
 */
export function action<O extends object>(
  run: (args: string[], options: O & GlobalOptions) => Promise<Answer | undefined>,
): (...received: unknown[]) => Promise<void> {
  return async (...received) => {
    const command = received.at(-1);
    if (!(command instanceof Command)) throw new TypeError("an action is given its command last");
    const options = command.optsWithGlobals<O & GlobalOptions>();
    const answer = await run(command.args, options);
    if (answer !== undefined) print(answer, options.output);
  };
}

function print(answer: Answer, output: "text" | "json"): void {
  const text = output === "json" ? JSON.stringify(answer.json, undefined, 2) : answer.text;
  if (text !== "") process.stdout.write(text.endsWith("\n") ? text : `${text}\n`);
  process.exitCode = answer.exitCode ?? 0;
}
