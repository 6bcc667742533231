import { createHash } from "node:crypto";
import { open, rename, rm } from "node:fs/promises";
import { StringDecoder } from "node:string_decoder";
import { EXPORT_FORMATS, type ExportFormat, exportFormats } from "../../audit/export/formats.ts";
import { harmlessLines } from "../../audit/harmless.ts";
import { didYouMean } from "../../base/config/issues.ts";
import { UserError } from "../../base/errors.ts";
import packageJson from "../../package.json" with { type: "json" };
import type { Answer, GlobalOptions } from "../action.ts";
import { withProgress } from "../progress.ts";
import { parseWhen } from "./source.ts";

export interface ExportOptions extends GlobalOptions {
  config?: string;
  format: string;
  to: string;
  exchange?: string;
}

interface Scope {
  session?: string | undefined;
  since?: number | undefined;
  until?: number | undefined;
}

type Bytes = AsyncIterable<Uint8Array | string>;

const MIB = 1024 ** 2;

/** Formats that are no text: a terminal would show garbage, or do what it says. */
const BINARY: ReadonlySet<string> = new Set(["parquet", "pack"]);

/** `sessions export`, `audit export`: over the HTTP API, or with `--config` from the store itself. */
export async function exportRecord(
  { session, since, until }: { session?: string; since?: string | undefined; until?: string | undefined },
  options: ExportOptions,
): Promise<Answer | undefined> {
  const when = (text: string | undefined): number | undefined =>
    text === undefined ? undefined : parseWhen(text, Date.now());
  const format = formatOf(options.format);
  const scope = { session, since: when(since), until: when(until) };
  if (options.to === "-" && BINARY.has(format) && process.stdout.isTTY) {
    throw new UserError(`--to -: ${format} is not for a terminal`, { exitCode: 2, next: "Name a file: --to FILE." });
  }
  const source = options.config === undefined ? await fromApi() : await fromStore(options.config);
  try {
    const bytes = await source.open(scope, format, options.exchange);
    if (options.to !== "-") return await toFile(bytes, options.to, format);
    for await (const part of process.stdout.isTTY ? forTerminal(bytes) : bytes) await toStdout(part);
    return undefined;
  } finally {
    await source.close();
  }
}

function formatOf(text: string): ExportFormat {
  const format = EXPORT_FORMATS.find((name) => name === text);
  if (format !== undefined) return format;
  throw new UserError(`--format ${text}: ${didYouMean(text, EXPORT_FORMATS)}`, {
    exitCode: 2,
    next: `One of ${EXPORT_FORMATS.join(", ")}.`,
  });
}

interface Source {
  open(scope: Scope, format: ExportFormat, exchange: string | undefined): Promise<Bytes> | Bytes;
  close(): Promise<void>;
}

async function fromApi(): Promise<Source> {
  const { createClient } = await import("../client.ts");
  const { loadContext } = await import("../context.ts");
  const { gatewaySession } = await import("../session.ts");
  const context = loadContext(process.env);
  const client = createClient(context, async () => (await gatewaySession(context, process.env)).token);
  const iso = (ms: number | undefined): string | undefined =>
    ms === undefined ? undefined : new Date(ms).toISOString();
  return {
    open({ session, since, until }, format, exchange) {
      const path =
        session === undefined ? "/v1alpha1/export" : `/v1alpha1/sessions/${encodeURIComponent(session)}/export`;
      return client.bytes(path, { query: { format, exchange, since: iso(since), until: iso(until) } });
    },
    close: () => client.close(),
  };
}

async function fromStore(file: string): Promise<Source> {
  const { getSession } = await import("../../audit/queries.ts");
  const { openStoreReader } = await import("../../audit/store/open.ts");
  const { loadGatewayConfig } = await import("../../base/config/gateway.ts");
  const { packSigner, rowRevealer } = await import("../serve/evidence-packs.ts");
  const config = loadGatewayConfig(file);
  const store = await openStoreReader(config.audit.store);
  const { tenant } = config;
  return {
    async open(scope, format, exchange) {
      if (scope.session !== undefined && (await getSession(store, tenant, scope.session)) === undefined) {
        throw new UserError(`no session ${JSON.stringify(scope.session)} is on record`, {
          exitCode: 1,
          next: "See `sallyport sessions list`.",
        });
      }
      return exportFormats[format].write({
        store,
        tenant,
        scope,
        exchange,
        gateway: `sallyport/${packageJson.version}`,
        url: config.listen.url.replace(/\/+$/, ""),
        now: Date.now(),
        reveal: rowRevealer(config),
        signer: format === "pack" ? packSigner(config) : undefined,
      });
    },
    close: () => store.close(),
  };
}

/** An agent chose names and paths: at a terminal they are shown, and what a terminal would obey of them is not. */
export async function* forTerminal(bytes: Bytes): AsyncGenerator<string> {
  const decoder = new StringDecoder("utf8");
  for await (const part of bytes) {
    const text = typeof part === "string" ? part : decoder.write(Buffer.from(part));
    yield harmlessLines(text).join("\n");
  }
}

async function toStdout(part: Uint8Array | string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    process.stdout.write(part, (error) => (error ? reject(error) : resolve()));
  });
}

/** Beside the file first, and in its place when it is whole: an export that broke off must not look like one. */
async function toFile(bytes: Bytes, path: string, format: ExportFormat): Promise<Answer> {
  const partial = `${path}.${process.pid}.partial`;
  const hash = createHash("sha256");
  let size = 0;
  const file = await open(partial, "wx", 0o600);
  try {
    await withProgress("exporting", async (progress) => {
      for await (const part of bytes) {
        const chunk = typeof part === "string" ? Buffer.from(part) : part;
        hash.update(chunk);
        await file.writeFile(chunk);
        const before = Math.floor(size / MIB);
        size += chunk.byteLength;
        if (Math.floor(size / MIB) > before) progress.update(`exporting: ${Math.floor(size / MIB)} MiB`);
      }
    });
    await file.sync();
    await file.close();
    await rename(partial, path);
  } catch (error) {
    await file.close().catch(() => {});
    await rm(partial, { force: true });
    throw error;
  }
  const sha256 = hash.digest("hex");
  return {
    json: { file: path, format, bytes: size, sha256 },
    text: `${path}: ${format}, ${size} bytes, SHA-256 ${sha256}`,
  };
}
