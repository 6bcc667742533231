import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { createNotifier, type Notifier } from "../../../approvals/notify/notifier.ts";
import type { TargetDeps } from "../../../approvals/notify/target.ts";
import { systemClock } from "../../../base/clock.ts";
import { createLog } from "../../../base/log.ts";

export interface Delivery {
  path: string;
  headers: IncomingHttpHeaders;
  body: string;
  json: { type?: string; text?: string; data?: { approval?: { name?: string } } };
}

export interface Receiver {
  url: string;
  got: Delivery[];
  /** What was logged, a line each. */
  logged: string[];
  notifier: Notifier;
  urlFile: string;
}

export const SECRET = `whsec_${Buffer.from("a secret of thirty-two bytes ....").toString("base64")}`;

/** A server that is told, and a notifier that tells it; both end with the test. */
export async function startReceiver(
  options: {
    kind?: "slack" | "webhook";
    signed?: boolean;
    answer?: (delivery: Delivery, res: ServerResponse, count: number) => void;
    deps?: Partial<TargetDeps>;
  } = {},
): Promise<Receiver> {
  const got: Delivery[] = [];
  const logged: string[] = [];
  const server = createServer((req, res) => {
    const chunks: Buffer[] = [];
    req.on("data", (chunk: Buffer) => chunks.push(chunk));
    req.on("end", () => {
      const body = Buffer.concat(chunks).toString("utf8");
      const delivery = { path: req.url ?? "", headers: req.headers, body, json: JSON.parse(body) };
      got.push(delivery);
      if (options.answer === undefined) res.end("ok");
      else options.answer(delivery, res, got.length);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hooks/T0KEN`;
  const folder = mkdtempSync(join(tmpdir(), "sallyport-notify-"));
  const urlFile = join(folder, "url");
  const secretFile = join(folder, "secret");
  writeFileSync(urlFile, `${url}\n`);
  writeFileSync(secretFile, `${SECRET}\n`);
  const config = { name: "ops", kind: options.kind ?? ("webhook" as const), urlFile };
  const notifier = createNotifier([options.signed === false ? config : { ...config, secretFile }], {
    log: createLog((line) => void logged.push(line), "debug"),
    clock: systemClock,
    backoffMs: [1, 1, 1],
    ...options.deps,
  });
  onTestFinished(async () => {
    await notifier.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    rmSync(folder, { recursive: true, force: true });
  });
  return { url, got, logged, notifier, urlFile };
}
