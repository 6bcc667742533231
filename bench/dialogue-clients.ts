import { readFileSync } from "node:fs";
import { connect, type TLSSocket } from "node:tls";
import type { Target } from "./load.ts";

export interface Heard {
  /** Milliseconds from the request until the first words were there. */
  first: number[];
  /** Milliseconds from the provider's write of each of the others until the client had read it. */
  later: number[];
  streams: number;
}

const END = "0\r\n\r\n";
/** Characters of what an event says of its time. */
const LONGEST = 40;
/** What an agent's request has in prompts and tools, beside what is said. */
const PROMPT = "You are an agent that looks after clusters. ".repeat(450);

/** A request of some 20 KB to a model that answers as its name says. */
export function askingFor(model: string): string {
  const messages = [{ role: "user", content: "Go on." }];
  return JSON.stringify({ model, stream: true, max_tokens: 1_024, system: PROMPT, messages });
}

/**
 * Keeps a number of replies streaming, a connection each, for so long; each lane begins at a time of its own. Rejects
 * where an answer is not a 200, or a connection fails.
 */
export async function streamReplies(
  target: Target,
  options: { model: string; streams: number; milliseconds: number },
): Promise<Heard> {
  const heard: Heard = { first: [], later: [], streams: 0 };
  const end = performance.now() + options.milliseconds;
  const lane = async (): Promise<void> => {
    await new Promise((resolve) => setTimeout(resolve, (Math.random() * options.milliseconds) / 4));
    const socket = await dial(target);
    try {
      while (performance.now() < end) await one(socket, target, options.model, heard);
    } finally {
      socket.destroy();
    }
  };
  await Promise.all(Array.from({ length: options.streams }, lane));
  return heard;
}

/** Opens replies that say something and then nothing; resolves when all have begun. */
export async function openReplies(target: Target, count: number): Promise<{ close(): void }> {
  const sockets: TLSSocket[] = [];
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next++ < count) {
      const socket = await dial(target);
      sockets.push(socket);
      await begun(socket, target, "quiet");
      socket.resume();
    }
  };
  await Promise.all(Array.from({ length: 16 }, lane));
  return { close: () => void sockets.forEach((socket) => void socket.destroy()) };
}

function dial({ origin, caFile = "" }: Target): Promise<TLSSocket> {
  const { hostname, port } = new URL(origin);
  const ca = readFileSync(caFile);
  return new Promise((resolve, reject) => {
    const socket = connect({ host: hostname, port: Number(port), ca, ALPNProtocols: ["http/1.1"] });
    socket
      .setNoDelay(true)
      .once("error", reject)
      .once("secureConnect", () => resolve(socket));
  });
}

function send(socket: TLSSocket, { origin, path, headers = {} }: Target, model: string): void {
  const body = askingFor(model);
  const head = {
    host: new URL(origin).host,
    "content-type": "application/json",
    "content-length": body.length,
    ...headers,
  };
  const lines = Object.entries(head).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.write(`POST ${path} HTTP/1.1\r\n${lines.join("")}\r\n${body}`);
}

function begun(socket: TLSSocket, target: Target, model: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let text = "";
    const read = (chunk: Buffer): void => {
      text += chunk.toString("latin1");
      if (!text.startsWith("HTTP/1.1 200 ".slice(0, text.length))) reject(new Error(`${target.name}: ${text}`));
      if (!text.includes("at=")) return;
      socket.off("data", read);
      resolve();
    };
    socket.on("data", read).once("error", reject);
    send(socket, target, model);
  });
}

function one(socket: TLSSocket, target: Target, model: string, heard: Heard): Promise<void> {
  const started = process.hrtime.bigint();
  return new Promise((resolve, reject) => {
    let rest = "";
    let head = true;
    let first = true;
    const failed = (): void => reject(new Error(`${target.name}: a reply was cut off: ${rest.slice(0, 300)}`));
    const read = (chunk: Buffer): void => {
      const now = process.hrtime.bigint();
      const text = rest + chunk.toString("latin1");
      if (head && !text.startsWith("HTTP/1.1 200 ".slice(0, text.length))) {
        reject(new Error(`${target.name}: ${text.slice(0, 500)}`));
      }
      head = false;
      let end = Math.max(0, text.length - LONGEST);
      for (const found of text.matchAll(/at=(\d+);/g)) {
        if (first) heard.first.push(Number(now - started) / 1e6);
        else heard.later.push(Number(now - BigInt(found[1] ?? "0")) / 1e6);
        first = false;
        end = Math.max(end, found.index + found[0].length);
      }
      // An event may come in two pieces.
      rest = text.slice(end);
      if (!rest.endsWith(END)) return;
      socket.off("data", read).off("close", failed);
      heard.streams++;
      resolve();
    };
    socket.on("data", read).once("close", failed);
    send(socket, target, model);
  });
}
