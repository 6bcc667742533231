import { writeFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { createAuthority } from "../../tools/control-plane/certificates.ts";

/** What the provider saw of one request. */
export interface Asked {
  method: string;
  url: string;
  headers: IncomingMessage["headers"];
  rawHeaders: string[];
  body: Buffer;
  /** Who asked went away before the answer was whole. */
  left: boolean;
}

/** A part of a scripted answer: bytes, or what has to happen before it goes on. Where that fails the answer is cut. */
export type Part = Uint8Array | string | (() => Promise<unknown>);

export interface Script {
  status?: number;
  headers?: Record<string, string>;
  parts: readonly Part[];
  /** Bytes of one write; each part in one where absent. */
  chunk?: number;
  /** Cuts the connection in place of an end. */
  cut?: boolean;
}

export interface Provider {
  server: string;
  caFile: string;
  asked: Asked[];
  /** Answers the next requests; the last one answers all that come after. */
  scripts: Script[];
  /** Says by what is asked what to answer, in place of the scripts. */
  answer: ((asked: Asked) => Script) | undefined;
  close(): Promise<void>;
}

/** A model provider on loopback that says what it is told to, in chunks of any size. It replays; it understands nothing. */
export async function startProvider(directory: string): Promise<Provider> {
  const authority = await createAuthority("scripted provider");
  const { certificate, key } = await authority.issueServer(["127.0.0.1"]);
  const caFile = join(directory, "provider-ca.crt");
  writeFileSync(caFile, authority.certificate);
  const provider = { caFile, asked: [] as Asked[], scripts: [] as Script[], answer: undefined as Provider["answer"] };
  const server = createServer({ cert: certificate, key }, (req, res) => {
    const chunks: Buffer[] = [];
    req.on("data", (chunk: Buffer) => chunks.push(chunk));
    req.on("end", () => {
      const { method = "", url = "", headers, rawHeaders } = req;
      const asked = { method, url, headers, rawHeaders, body: Buffer.concat(chunks), left: false };
      provider.asked.push(asked);
      res.once("close", () => {
        asked.left = !res.writableFinished;
      });
      const next = (): Script | undefined =>
        provider.scripts.length > 1 ? provider.scripts.shift() : provider.scripts[0];
      const script = provider.answer?.(asked) ?? next();
      if (script === undefined) res.writeHead(500).end("no script");
      else play(script, res).catch(() => res.destroy());
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return Object.assign(provider, {
    server: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  });
}

async function play({ status = 200, headers, parts, chunk, cut }: Script, res: ServerResponse): Promise<void> {
  res.writeHead(status, headers ?? { "content-type": "text/event-stream; charset=utf-8" });
  res.flushHeaders();
  for (const part of parts) {
    if (typeof part === "function") {
      await part();
      continue;
    }
    const bytes = Buffer.from(part as Uint8Array);
    const step = chunk ?? Math.max(bytes.length, 1);
    for (let at = 0; at < bytes.length; at += step) {
      if (res.destroyed) return;
      await written(res, bytes.subarray(at, at + step));
    }
  }
  if (cut === true) res.destroy();
  else res.end();
}

/** Each in a packet of its own: what is written in one turn may leave together. */
function written(res: ServerResponse, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve) => res.write(bytes, () => setImmediate(resolve)));
}
