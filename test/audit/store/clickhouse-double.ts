import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

export interface Double {
  url: string;
  port: number;
  kill(): Promise<void>;
}

export interface DoubleOptions {
  port?: number;
  user?: string;
  password?: string;
  cert?: string;
  key?: string;
}

const base64 = (text = ""): string => Buffer.from(text).toString("base64");

/** Starts a ClickHouse server's stand-in on a folder: real ClickHouse, see double-process.ts. */
export async function startDouble(folder: string, options: DoubleOptions = {}): Promise<Double> {
  const { port = 0, user = "", password = "", cert, key } = options;
  const entry = fileURLToPath(new URL("./double-process.ts", import.meta.url));
  const child: ChildProcess = spawn(
    process.execPath,
    [entry, folder, String(port), user, password, base64(cert), base64(key)],
    { stdio: ["pipe", "pipe", "pipe"], env: { PATH: process.env.PATH, TZ: "UTC" } },
  );
  let stderr = "";
  child.stderr?.on("data", (chunk: Buffer) => {
    stderr += chunk.toString("utf8");
  });
  const first = await Promise.race([
    once(child.stdout as NonNullable<typeof child.stdout>, "data").then(([chunk]) => String(chunk)),
    once(child, "exit").then(() => ""),
  ]);
  const taken = Number(first);
  if (!(taken > 0)) throw new Error(`the double did not start: ${stderr}`);
  return {
    url: `${cert === undefined ? "http" : "https"}://127.0.0.1:${taken}`,
    port: taken,
    async kill() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill("SIGKILL");
      await once(child, "exit");
    },
  };
}
