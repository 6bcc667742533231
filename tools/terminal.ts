import { spawn } from "node:child_process";
import { once } from "node:events";
import type { Writable } from "node:stream";
import { ensureTool } from "./ensure.ts";

/** A program that runs in a terminal of 24 rows and 80 columns, as if a person sat at it. */
export interface Terminal {
  pid: number;
  /** All that it has shown. */
  shown(): string;
  /** Types; "\x03" is Ctrl-C, "\r" is Enter. */
  type(text: string): void;
  resize(rows: number, columns: number): void;
  /** Resolves with the exit code when the program has ended and all that it wrote was shown. */
  exited: Promise<number>;
  kill(): void;
}

/** Runs a program in a terminal, for tests of `kubectl -it`. @param env the program's whole environment. */
export async function openTerminal(argv: readonly string[], env: NodeJS.ProcessEnv): Promise<Terminal> {
  const child = spawn(await ensureTool("stub-kubelet"), ["terminal", ...argv], {
    env,
    stdio: ["pipe", "pipe", "inherit", "pipe"],
  });
  const { stdin, stdout } = child;
  const sizes = child.stdio[3] as Writable;
  if (stdin === null || stdout === null) throw new Error("it was started without pipes");
  let shown = "";
  stdout.setEncoding("utf8").on("data", (text: string) => {
    shown += text;
  });
  // Its exit tells more.
  for (const stream of [stdin, sizes]) stream.on("error", () => {});
  const shownAll = once(stdout, "close");
  // Not `close`: that waits for descriptor 3 as well, which nobody reads.
  const exited = once(child, "exit").then(async ([code]) => {
    await shownAll;
    return (code as number | null) ?? -1;
  });
  return {
    pid: child.pid ?? 0,
    shown: () => shown,
    type: (text) => void stdin.write(text),
    resize: (rows, columns) => void sizes.write(`${rows} ${columns}\n`),
    exited,
    kill: () => void child.kill("SIGKILL"),
  };
}
