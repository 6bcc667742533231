import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";

/** One command of git on the repository of a folder. */
export interface GitQuestion {
  id: number;
  path: string;
  environment: Record<string, string>;
  /** Of `cat-file` where `objects`, and it is answered as bytes. */
  args: string[];
  objects: boolean;
  input: string | undefined;
  /** A git that says nothing for so long is ended. */
  blockMs: number;
}

export type GitAnswer = { id: number; out: string | Buffer } | { id: number; error: string };

interface Waiting {
  resolve(out: string | Buffer): void;
  reject(error: Error): void;
}

/**
 * Asks git in a process beside this one, which is started at the first question and again where it died. A fork stops
 * the thread that forks until the copy of its page tables has been made and thrown away: 10 ms of a gateway of 270 MB, 19
 * of one of 470, and each change of the repository takes several commands.
 */
export class GitProcess {
  #child: ChildProcess | undefined;
  readonly #waiting = new Map<number, Waiting>();
  #last = 0;

  /** Of the process that runs, if one does. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** What git answers. Rejects where it failed, or the process ended first; the caller has the deadline. */
  ask(question: Omit<GitQuestion, "id">): Promise<string | Buffer> {
    return new Promise((resolve, reject) => {
      const id = ++this.#last;
      const child = this.#child ?? this.#start();
      this.#child = child;
      this.#waiting.set(id, { resolve, reject });
      child.send({ ...question, id } satisfies GitQuestion, (error) => {
        if (error !== null) this.#ended(child, error.message);
      });
    });
  }

  #start(): ChildProcess {
    // The same extension as this file: .ts in a checkout, .js in the package (tsc does not rewrite URLs).
    const entry = new URL(`./git-child${import.meta.url.endsWith(".ts") ? ".ts" : ".js"}`, import.meta.url);
    const { PATH, LD_LIBRARY_PATH, NODE_COMPILE_CACHE } = process.env;
    const child = fork(fileURLToPath(entry), {
      env: { PATH, LD_LIBRARY_PATH, NODE_COMPILE_CACHE },
      execArgv: [],
      serialization: "advanced",
      stdio: "ignore",
    });
    child.on("message", (answer) => this.#take(answer as GitAnswer));
    child.on("error", (error) => this.#ended(child, error.message));
    child.on("disconnect", () => this.#ended(child, "it said nothing more"));
    child.on("exit", (code, signal) => this.#ended(child, signal ?? `exit ${code}`));
    // It keeps nobody alive: whoever waits for an answer has a deadline that does.
    child.unref();
    child.channel?.unref();
    return child;
  }

  /** Whichever tells of it first. All who wait asked this one: the next is started by the next question. */
  #ended(child: ChildProcess, why: string): void {
    if (this.#child !== child) return;
    this.#child = undefined;
    for (const id of [...this.#waiting.keys()]) this.#take({ id, error: `the process that runs git ended (${why})` });
  }

  #take(answer: GitAnswer): void {
    const waiting = this.#waiting.get(answer.id);
    this.#waiting.delete(answer.id);
    if ("error" in answer) waiting?.reject(new Error(answer.error));
    else waiting?.resolve(answer.out);
  }
}

/** The one of this gateway, whatever the number of its repositories. */
export const gitProcess = new GitProcess();
