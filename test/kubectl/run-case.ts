import { spawn } from "node:child_process";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { start } from "../../cli/up/command.ts";
import type { Case } from "./cases.ts";
import { fill } from "./manifests.ts";
import { normalise } from "./normalise.ts";
import type { Side } from "./sides.ts";

/** What a side's commands printed and how they ended, with what may differ taken out. */
export interface Ran {
  text: string;
  /** As printed, for who looks into a difference. */
  raw: string;
}

/** Words as a shell splits them; single quotes keep blanks together. */
export function words(text: string): string[] {
  return [...text.matchAll(/(?:'[^']*'|[^\s'])+/g)].map(([word]) => word.replaceAll("'", ""));
}

export async function runCase(kubectl: string, side: Side, { steps, input, edit }: Case): Promise<Ran> {
  const env = environment(side, edit);
  const printed: string[] = [];
  for (const step of steps) {
    const args = words(step).map((word) => fill(word, side.variables));
    printed.push(await runStep(kubectl, args, env, input));
  }
  const raw = printed.join("\n");
  return { raw, text: normalise(raw, { side: side.variables.ns ?? "", port: side.variables.port ?? "" }) };
}

async function runStep(kubectl: string, args: string[], env: NodeJS.ProcessEnv, input?: string): Promise<string> {
  const [first = "", ...rest] = args;
  if (first.startsWith("!")) return forwarded(kubectl, args, env);
  if (!first.startsWith("~")) return finished(kubectl, args, env, input);
  const { code } = await start(kubectl, [first.slice(1), ...rest], { env, timeoutMs: 120_000 }).finished;
  return `exit code: ${code}`;
}

function environment(side: Side, edit: string | undefined): NodeJS.ProcessEnv {
  const { PATH } = process.env;
  const env: NodeJS.ProcessEnv = { PATH, HOME: side.folder, KUBECONFIG: side.kubeconfig, TZ: "UTC", TERM: "dumb" };
  if (edit === undefined) return env;
  const editor = join(side.folder, "editor.sh");
  writeFileSync(editor, `#!/bin/sh\nexec sed -i -e '${edit}' "$1"\n`);
  chmodSync(editor, 0o700);
  return { ...env, KUBE_EDITOR: editor };
}

async function finished(kubectl: string, args: string[], env: NodeJS.ProcessEnv, input = ""): Promise<string> {
  const { code, stdout, stderr } = await start(kubectl, args, { env, input, timeoutMs: 120_000 }).finished;
  return `stdout: ${stdout}\nstderr: ${stderr}\nexit code: ${code}`;
}

/** `!port-forward … -- /path`, `!proxy … -- /path`: asks for the path at the port that it opens here, and ends it. */
async function forwarded(kubectl: string, args: string[], env: NodeJS.ProcessEnv): Promise<string> {
  const at = args.indexOf("--");
  const [command = "", ...rest] = args.slice(0, at);
  const child = spawn(kubectl, [command.slice(1), ...rest], { env, stdio: ["ignore", "pipe", "pipe"] });
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text) => (said += text));
  try {
    const port = await localPort(() => said, ended);
    const answers: string[] = [];
    for (let i = 0; i < 3; i++)
      answers.push(
        await (await fetch(`http://127.0.0.1:${port}${args[at + 1]}`, { signal: AbortSignal.timeout(10_000) })).text(),
      );
    return `said: ${said
      .split("\n")
      .filter((line) => line.startsWith("Forwarding"))
      .join("\n")}\nanswers: ${answers.join("")}`;
  } catch (error) {
    return `failed: ${String(error)} ${said}`;
  } finally {
    child.kill("SIGTERM");
    await ended;
  }
}

async function localPort(said: () => string, ended: Promise<void>): Promise<string> {
  let over = false;
  void ended.then(() => {
    over = true;
  });
  for (let i = 0; i < 600 && !over; i++) {
    const port = /(?:Forwarding from|Starting to serve on) 127\.0\.0\.1:(\d+)/.exec(said())?.[1];
    if (port !== undefined) return port;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error("no port is open");
}
