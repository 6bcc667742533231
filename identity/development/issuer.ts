import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK } from "jose";
import type { z } from "zod";
import type { gatewaySchema } from "../../base/config/gateway.ts";
import { sameSecret } from "../../base/digest.ts";
import { memoryAdapter } from "./memory-adapter.ts";
import { ADMIN_CLIENT, createProvider, DATA_CLIENT, escapeHtml, htmlPage } from "./provider.ts";
import { type DevelopmentUser, developmentUsers } from "./users.ts";

const MAX_FORM_BYTES = 4096;

/** An OpenID provider on loopback for `sallyport up` and the tests. `serve` never imports it. */
export interface DevelopmentIssuer {
  /** `http://127.0.0.1:<port>` */
  issuer: string;
  clientId: typeof DATA_CLIENT;
  adminAudience: typeof ADMIN_CLIENT;
  users: readonly DevelopmentUser[];
  /** A new key signs; the former ones stay in the key set until `forgetOldKeys`. */
  rotateKeys(): Promise<void>;
  forgetOldKeys(): void;
  /** Its entry of `issuers` in a gateway's configuration: names are `dev:<email>`, groups `dev:<group>`. */
  config: z.input<typeof gatewaySchema>["issuers"][number];
  close(): Promise<void>;
}

/** Starts in some 15 ms. `port` 0 is a free one; naming the port lets an issuer come back where it was. */
export async function startDevelopmentIssuer(
  options: { port?: number; users?: readonly DevelopmentUser[]; keys?: JWK[] } = {},
): Promise<DevelopmentIssuer> {
  const users = options.users ?? developmentUsers();
  let keys = options.keys ?? [await newKey()];
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port ?? 0, "127.0.0.1", resolve);
  });
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const adapter = memoryAdapter();
  let provider = createProvider(issuer, users, keys, adapter);
  let serveProvider = provider.callback();
  server.on("request", (request: IncomingMessage, response: ServerResponse) => {
    if (!request.url?.startsWith("/interaction/")) return void serveProvider(request, response);
    login(request, response).catch((error: unknown) => {
      response.statusCode = 400;
      response.end(htmlPage("Error", escapeHtml(error instanceof Error ? error.message : "the login failed")));
    });
  });

  async function login(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { prompt } = await provider.interactionDetails(request, response);
    if (prompt.name !== "login") throw new Error(`unexpected prompt ${prompt.name}`);
    if (request.method !== "POST") return void answerForm(response, 200, "");
    const form = await readForm(request);
    const user = users.find(
      ({ login, password }) => login === form.get("login") && sameSecret(password, form.get("password") ?? ""),
    );
    if (user === undefined) return void answerForm(response, 401, "<p>Unknown login or wrong password.</p>");
    await provider.interactionFinished(request, response, { login: { accountId: user.login, remember: false } });
  }

  const swap = (next: JWK[]): void => {
    keys = next;
    provider = createProvider(issuer, users, keys, adapter);
    serveProvider = provider.callback();
  };
  return {
    issuer,
    clientId: DATA_CLIENT,
    adminAudience: ADMIN_CLIENT,
    users,
    config: {
      name: "dev",
      issuer,
      audiences: [DATA_CLIENT],
      adminAudience: ADMIN_CLIENT,
      clientId: DATA_CLIENT,
      algorithms: ["ES256"],
      claims: { username: "email", groups: "groups", uid: "sub" },
      prefix: { username: "dev:", groups: "dev:" },
      require: { email_verified: true },
    },
    rotateKeys: async () => swap([await newKey(), ...keys]),
    forgetOldKeys: () => swap(keys.slice(0, 1)),
    close: () =>
      new Promise((resolve, reject) => {
        server.close((error) => (error === undefined ? resolve() : reject(error)));
        server.closeAllConnections();
      }),
  };
}

function answerForm(response: ServerResponse, status: number, note: string): void {
  response.writeHead(status, { "content-type": "text/html; charset=utf-8", "cache-control": "no-store" });
  const field = (name: string, type: string) =>
    `<label>${name} <input name="${name}" type="${type}" required></label> `;
  response.end(
    htmlPage(
      "Log in",
      `${note}<form method="post">${field("login", "text")}${field("password", "password")}<button>Log in</button></form>`,
    ),
  );
}

async function readForm(request: IncomingMessage): Promise<URLSearchParams> {
  let text = "";
  for await (const part of request.setEncoding("utf8")) {
    text += part;
    if (text.length > MAX_FORM_BYTES) throw new Error("the form is too large");
  }
  return new URLSearchParams(text);
}

async function newKey(): Promise<JWK> {
  const { privateKey } = await generateKeyPair("ES256", { extractable: true });
  const jwk = await exportJWK(privateKey);
  return { ...jwk, kid: await calculateJwkThumbprint(jwk), alg: "ES256", use: "sig" };
}
