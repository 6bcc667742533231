import { generateKeyPairSync } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { canonicalJson } from "../../../base/canonical-json.ts";
import { sha256 } from "../../../base/digest.ts";
import { type BundleFiles, packBundle } from "../../../engine/bundle/archive.ts";
import { compileBundle } from "../../../engine/bundle/compile.ts";
import { signBundle } from "../../../engine/bundle/sign.ts";
import { allowing, decisionRule, opa, writeFiles } from "../../engine/support.ts";

export interface Keys {
  publicKey: string;
  privateKey: string;
}

export const ecKeys = (): Keys =>
  generateKeyPairSync("ec", {
    namedCurve: "P-256",
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
  });

export const OURS = ecKeys();
export const THEIRS = ecKeys();

/** A policy of one rule, which answers every question alike; the finding's message says which policy it was. */
export const deciding = (effect: "allow" | "deny"): Record<string, string> =>
  effect === "allow"
    ? allowing()
    : {
        "sallyport/decision.rego": `package sallyport\n\n${decisionRule(
          '"deny"',
          '[{"rule": "test/deny", "effect": "deny", "message": "no", "severity": "low", "ids": [], "fields": [], "privileged": false, "absolute": false}]',
          // The smoke decision too may be a deny.
        )}\n`,
      };

const compiled = new Map<string, Promise<BundleFiles>>();

/** The files of a bundle of these sources; sources that were compiled once are not compiled again. */
export async function bundleFiles(
  sources: Record<string, string>,
  named: { serial?: number; revision: string },
): Promise<BundleFiles> {
  const key = JSON.stringify(sources);
  const compiling = compiled.get(key) ?? compile(sources);
  compiled.set(key, compiling);
  return withManifest(await compiling, (manifest) => ({
    ...manifest,
    revision: named.revision,
    metadata: { unread: [], ...(named.serial === undefined ? {} : { serial: named.serial }) },
  }));
}

async function compile(sources: Record<string, string>): Promise<BundleFiles> {
  const at = await mkdtemp(join(tmpdir(), "sallyport-test-"));
  try {
    await writeFiles(at, sources);
    return (await compileBundle({ sources: [at], opa })).files;
  } finally {
    await rm(at, { recursive: true });
  }
}

export function withManifest(
  files: BundleFiles,
  change: (manifest: Record<string, unknown>) => Record<string, unknown>,
): BundleFiles {
  const manifest = JSON.parse(new TextDecoder().decode(files.get(".manifest"))) as Record<string, unknown>;
  return new Map(files).set(".manifest", new TextEncoder().encode(canonicalJson(change(manifest))));
}

/** A `.tar.gz`, signed by our key unless another one, or none, is named. */
export async function archive(files: BundleFiles, key: string | undefined = OURS.privateKey): Promise<Uint8Array> {
  return packBundle(await signBundle(files, key));
}

export interface BundleServer {
  url: string;
  /** Serves this from now on; who waits for something new gets it at once. */
  put(archive: Uint8Array): void;
  /** In place of what the server would answer. */
  answer: ((req: IncomingMessage, res: ServerResponse) => void) | undefined;
  /** Every question, also those that it has not answered yet. */
  asked: { headers: IncomingMessage["headers"] }[];
  /** Every question that it has answered. */
  seen: { headers: IncomingMessage["headers"]; status: number }[];
  down(): Promise<void>;
  up(): Promise<void>;
}

/**
 * A bundle server as OPA's bundle API has it: an ETag, 304 where it is known, and long polling for who asks with
 * `Prefer: wait`. One test has opa's own client agree that it is one.
 */
export async function bundleServer(
  options: { tls?: { cert: string; key: string }; token?: string; longPoll?: boolean } = {},
): Promise<BundleServer> {
  let current: Uint8Array | undefined;
  let waiting: (() => void)[] = [];
  const etag = (): string => `"${sha256(current ?? new Uint8Array())}"`;
  const handler: RequestListener = (req, res) => {
    server.asked.push({ headers: req.headers });
    res.once("finish", () => server.seen.push({ headers: req.headers, status: res.statusCode }));
    if (options.token !== undefined && req.headers.authorization !== `Bearer ${options.token}`) {
      res.writeHead(401).end();
      return;
    }
    if (server.answer !== undefined) {
      server.answer(req, res);
      return;
    }
    if (options.longPoll === true) res.setHeader("content-type", "application/vnd.openpolicyagent.bundles");
    else res.setHeader("content-type", "application/gzip");
    const respond = (): void => {
      res.setHeader("etag", etag());
      if (current === undefined) res.writeHead(404).end();
      else if (req.headers["if-none-match"] === etag()) res.writeHead(304).end();
      else res.end(current);
    };
    const wait = Number(/wait=(\d+)/.exec(String(req.headers.prefer))?.[1] ?? 0);
    if (options.longPoll === true && wait > 0 && req.headers["if-none-match"] === etag()) {
      const timer = setTimeout(respond, wait * 1000);
      waiting.push(() => {
        clearTimeout(timer);
        respond();
      });
      res.once("close", () => clearTimeout(timer));
    } else respond();
  };
  const listening = options.tls === undefined ? createServer(handler) : createTlsServer(options.tls, handler);
  const start = (port: number): Promise<void> =>
    new Promise((resolve) => listening.listen(port, "127.0.0.1", () => resolve()));
  const down = (): Promise<void> =>
    new Promise((resolve) => {
      listening.close(() => resolve());
      listening.closeAllConnections();
    });
  await start(0);
  const { port } = listening.address() as AddressInfo;
  const server: BundleServer = {
    url: `${options.tls === undefined ? "http" : "https"}://127.0.0.1:${port}/policies/bundle.tar.gz`,
    put(next) {
      current = next;
      for (const respond of waiting.splice(0)) respond();
      waiting = [];
    },
    answer: undefined,
    asked: [],
    seen: [],
    down,
    up: () => start(port),
  };
  onTestFinished(async () => {
    if (listening.listening) await down();
  });
  return server;
}
