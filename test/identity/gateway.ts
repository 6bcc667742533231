import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../base/clock.ts";
import { toRefusal } from "../../base/errors.ts";
import { silentLog } from "../../base/log.ts";
import { type Authenticator, createAuthenticator } from "../../identity/authenticator.ts";
import type { DevelopmentIssuer } from "../../identity/development/issuer.ts";
import { parseExchangeRequest } from "../../identity/exchange-request.ts";
import { gatewayMetadata } from "../../identity/well-known.ts";
import { gatewayConfig, issuerConfig, sessionKey } from "./rig.ts";

/** The two routes that logging in needs, over TLS, with the real authenticator behind them. */
export interface LoginGateway {
  url: string;
  folder: string;
  caFile: string;
  auth: Authenticator;
  /** `POST /session` bodies, in order. */
  exchanges: URLSearchParams[];
  down: boolean;
  close(): Promise<void>;
}

export async function startLoginGateway(issuer: DevelopmentIssuer): Promise<LoginGateway> {
  const folder = mkdtempSync(join(tmpdir(), "sallyport-login-"));
  const [caFile, keyFile] = [join(folder, "tls.crt"), join(folder, "tls.key")];
  execFileSync(
    "openssl",
    [
      "req",
      "-x509",
      "-newkey",
      "ec",
      "-pkeyopt",
      "ec_paramgen_curve:prime256v1",
      "-nodes",
      "-days",
      "1",
      "-subj",
      "/CN=localhost",
      "-addext",
      "subjectAltName=IP:127.0.0.1",
      "-keyout",
      keyFile,
      "-out",
      caFile,
    ],
    { stdio: "ignore" },
  );
  const server = createServer({ cert: readFileSync(caFile), key: readFileSync(keyFile) }, (request, response) => {
    const answer = (status: number, body: unknown) =>
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    const handle = async () => {
      if (gateway.down) return answer(503, { title: "draining", code: "draining" });
      if (request.url === "/.well-known/sallyport") return answer(200, gatewayMetadata(config));
      if (request.url === "/connections/prod/version") {
        const token = (request.headers.authorization ?? "").replace(/^Bearer /, "");
        const { identity } = await gateway.auth.authenticate(token, "data");
        return answer(200, { gitVersion: identity.username });
      }
      let body = "";
      for await (const part of request) body += String(part);
      const form = new URLSearchParams(body);
      gateway.exchanges.push(form);
      return answer(200, await gateway.auth.exchange(parseExchangeRequest(form)));
    };
    handle().catch((error: unknown) => {
      const { status, code, message, details } = toRefusal(error);
      answer(status, { title: message, detail: message, code, next: details.next });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const config = gatewayConfig([issuerConfig(issuer.config)], {
    listen: { address: "127.0.0.1:0", url, certFile: caFile, keyFile },
  });
  const auth = createAuthenticator({
    config,
    sessionKeys: [await sessionKey()],
    hmacKeys: [new Uint8Array(32).fill(9)],
    clock: systemClock,
    log: silentLog,
  });
  const gateway: LoginGateway = {
    url,
    folder,
    caFile,
    auth,
    exchanges: [],
    down: false,
    async close() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
      await auth.close();
      rmSync(folder, { recursive: true });
    },
  };
  return gateway;
}
