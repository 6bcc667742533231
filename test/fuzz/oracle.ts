import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { parseLossless } from "../../base/lossless-json.ts";
import { ensureTool, type ToolName } from "../../tools/ensure.ts";

/** A Go program that answers each line of JSON on stdin by one on stdout, in their order. */
export class Oracle {
  private readonly child: ChildProcessByStdio<Writable, Readable, Readable>;
  private readonly waiting: { resolve: (line: string) => void; reject: (error: Error) => void }[] = [];
  private ended: Error | undefined;
  private stderr = "";

  private constructor(child: ChildProcessByStdio<Writable, Readable, Readable>) {
    this.child = child;
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.stderr = (this.stderr + text).slice(-4000);
    });
    createInterface({ input: child.stdout, crlfDelay: Number.POSITIVE_INFINITY }).on("line", (line) =>
      this.waiting.shift()?.resolve(line),
    );
    child.stdin.on("error", () => undefined);
    child.once("close", (code) => {
      this.ended = new Error(`the oracle ended (${code}): ${this.stderr}`);
      for (const { reject } of this.waiting.splice(0)) reject(this.ended);
    });
  }

  /** Builds the program if need be, and starts it. */
  static async open(name: ToolName, args: string[] = []): Promise<Oracle> {
    const file = await ensureTool(name);
    return new Oracle(spawn(file, args, { stdio: ["pipe", "pipe", "pipe"] }));
  }

  /** The answers to a batch of questions, in their order. Throws where the program ended. */
  ask<Answer>(questions: readonly unknown[]): Promise<Answer[]> {
    return this.askLines(questions.map((question) => JSON.stringify(question)));
  }

  /** As `ask`, with questions that are lines of JSON already. */
  async askLines<Answer>(questions: readonly string[]): Promise<Answer[]> {
    if (this.ended !== undefined) throw this.ended;
    const answers = questions.map(
      () => new Promise<string>((resolve, reject) => this.waiting.push({ resolve, reject })),
    );
    const text = questions.map((question) => `${question}\n`).join("");
    if (!this.child.stdin.write(text))
      await Promise.race([once(this.child.stdin, "drain"), Promise.allSettled(answers)]);
    return (await Promise.all(answers)).map((line) => parseLossless(line) as Answer);
  }

  async close(): Promise<void> {
    if (this.ended !== undefined) return;
    const closed = once(this.child, "close");
    this.child.stdin.end();
    await closed;
  }
}
