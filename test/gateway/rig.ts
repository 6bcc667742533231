import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { fileURLToPath } from "node:url";
import { parse, stringify } from "yaml";
import { loadGatewayConfig } from "../../base/config/gateway.ts";
import { type Log, silentLog } from "../../base/log.ts";
import { keptBundle } from "../../cli/policy/bundle-cache.ts";
import { type Gateway, openGateway } from "../../cli/serve/gateway.ts";
import { type State, writeState } from "../../cli/up/state.ts";
import { type DevelopmentIssuer, startDevelopmentIssuer } from "../../identity/development/issuer.ts";
import { developmentTokens } from "../../identity/development/sign-in.ts";
import { createAuthority } from "../../tools/control-plane/certificates.ts";
import { ensureTool } from "../../tools/ensure.ts";
import { freePort } from "../../tools/free-port.ts";
import { newStore } from "../new-store.ts";

/** What the stub upstream saw of one request. */
export interface Seen {
  method: string;
  url: string;
  rawHeaders: string[];
  headers: IncomingMessage["headers"];
  body: string;
}

export interface StubUpstream {
  server: string;
  caFile: string;
  seen: Seen[];
  /** Answers every request; replaced by a test that needs another answer. */
  answer: (seen: Seen, res: ServerResponse) => void;
  /** Takes what asks for an upgrade; without it such a request is answered as any other. */
  upgrade?: ((seen: Seen, socket: Duplex, head: Buffer) => void) | undefined;
  close(): Promise<void>;
}

/** A TLS server that speaks HTTP on the wire where the API server would be, for what a real one never does. */
export async function startUpstream(directory: string): Promise<StubUpstream> {
  const authority = await createAuthority("stub upstream");
  const { certificate, key } = await authority.issueServer(["127.0.0.1"]);
  const caFile = join(directory, "upstream-ca.crt");
  writeFileSync(caFile, authority.certificate);
  const stub: Omit<StubUpstream, "server" | "close"> = {
    caFile,
    seen: [],
    answer: (_seen, res) => {
      res.setHeader("content-type", "application/json");
      res.end('{"kind":"PodList","apiVersion":"v1","metadata":{},"items":[]}');
    },
  };
  const shouldUpgradeCallback = (): boolean => stub.upgrade !== undefined;
  const server = createServer({ cert: certificate, key, shouldUpgradeCallback }, (req, res) => {
    const chunks: Buffer[] = [];
    req.on("data", (chunk: Buffer) => chunks.push(chunk));
    req.on("end", () => {
      const seen: Seen = {
        method: req.method ?? "",
        url: req.url ?? "",
        rawHeaders: req.rawHeaders,
        headers: req.headers,
        body: Buffer.concat(chunks).toString("utf8"),
      };
      stub.seen.push(seen);
      stub.answer(seen, res);
    });
  });
  const upgraded = new Set<Duplex>();
  server.on("upgrade", (req, socket, head) => {
    upgraded.add(socket.on("error", () => {}));
    const { method = "", url = "", rawHeaders, headers } = req;
    const seen = { method, url, rawHeaders, headers, body: "" };
    stub.seen.push(seen);
    stub.upgrade?.(seen, socket, head);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return Object.assign(stub, {
    server: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
        for (const socket of upgraded) socket.destroy();
      }),
  });
}

export interface Rig {
  directory: string;
  configFile: string;
  guardrailsFile: string;
  caFile: string;
  gateway: Gateway;
  issuer: DevelopmentIssuer;
  upstream: StubUpstream;
  /** ID token of a user of the development issuer: agent, bob, alice. */
  token(login: string, audience?: "data" | "admin"): Promise<string>;
  /** Another gateway of the same installation: keys, repository and upstream are shared, spool and store its own. */
  replica?: Rig | undefined;
  /** Ends its gateway and opens it again, as a restart does. */
  restart(): Promise<void>;
  close(): Promise<void>;
}

const REGO = fileURLToPath(new URL("../../rego", import.meta.url));

/** A whole gateway, every room real, in front of a stub upstream. `change` edits the configuration before it starts. */
export async function startRig(
  options: {
    change?: (config: Record<string, unknown>) => void;
    guardrails?: object;
    /** Writes what the configuration names. */
    prepare?: (directory: string) => void;
    /** A second gateway; `pushes`: each is told by the other what changes. */
    replica?: { pushes: boolean };
    /** When retention first looks for what has passed its time. */
    expiryFirstMs?: number;
    /** Where the gateways log; nowhere where absent. */
    log?: Log;
  } = {},
): Promise<Rig> {
  const directory = mkdtempSync(join(tmpdir(), "sallyport-rig-"));
  const upstream = await startUpstream(directory);
  const issuer = await startDevelopmentIssuer();
  // Built once for all test files: a build takes seconds.
  const library = (await keptBundle([REGO])).file;
  const state = await writeState({
    directory,
    rules: library,
    issuer,
    // Approval URLs and the issuer of session tokens stand on it, so it must be known before the gateway listens.
    ports: { listen: await freePort(), admin: 0 },
    cluster: { server: upstream.server, caFile: upstream.caFile },
  });
  writeFileSync(state.tokenFile, "the-gateways-own-token");
  if (options.guardrails !== undefined) {
    writeFileSync(
      state.guardrailsFile,
      stringify({ apiVersion: "sallyport.dev/v1alpha1", kind: "Guardrails", ...options.guardrails }),
    );
  }
  if (options.change !== undefined) {
    const config = parse(readFileSync(state.configFile, "utf8")) as Record<string, unknown>;
    options.change(config);
    // Rules of a team's own are compiled together with the library's sources.
    const policy = config.policy as { bundle: string; rules?: string[] };
    if ((policy.rules ?? []).length > 0 && policy.bundle === library) policy.bundle = REGO;
    writeFileSync(state.configFile, stringify(config));
  }
  options.prepare?.(directory);
  const files = [state.configFile];
  if (options.replica !== undefined) files.push(await writeReplica(state, options.replica.pushes));
  const opa = await ensureTool("opa");
  const open = async (file: string): Promise<Gateway> => {
    const config = loadGatewayConfig(file);
    if ("embedded" in config.audit.store) await newStore(config.audit.store.embedded);
    return openGateway(config, { log: options.log ?? silentLog, opa, expiryFirstMs: options.expiryFirstMs });
  };
  const shared = {
    ...state,
    issuer,
    upstream,
    token: async (login: string, audience: "data" | "admin" = "data") =>
      (await developmentTokens(issuer, login, audience)).idToken,
  };
  const rigs: Rig[] = [];
  for (const [i, configFile] of files.entries()) {
    const rig: Rig = {
      ...shared,
      configFile,
      directory: i === 0 ? directory : join(directory, REPLICA),
      gateway: await open(configFile),
      async restart() {
        await rig.gateway.close();
        rig.gateway = await open(configFile);
      },
      async close() {
        for (const { gateway } of rigs) await gateway.close();
        await issuer.close();
        await upstream.close();
        rmSync(directory, { recursive: true, force: true });
      },
    };
    rigs.push(rig);
  }
  const [first, second] = rigs;
  if (first === undefined) throw new Error("no gateway was opened");
  return Object.assign(first, { replica: second });
}

const REPLICA = "replica";

/** The configuration of a second gateway behind the same URL, beside the first one's, which gets to know it. */
async function writeReplica({ directory, configFile }: State, pushes: boolean): Promise<string> {
  const config = parse(readFileSync(configFile, "utf8")) as Record<string, unknown>;
  const { address } = config.listen as { address: string };
  const other = { ...structuredClone(config), listen: { ...(config.listen as object), address: "127.0.0.1:0" } };
  if (pushes) {
    other.listen.address = `127.0.0.1:${await freePort()}`;
    Object.assign(config, { peers: { urls: [`https://${other.listen.address}`], caFile: "ca.crt" } });
    Object.assign(other, { peers: { urls: [`https://${address}`], caFile: "ca.crt" } });
  }
  Object.assign(other, {
    audit: { spool: { path: `${REPLICA}/spool` }, store: { embedded: `${REPLICA}/clickhouse` } },
  });
  writeFileSync(configFile, stringify(config));
  const file = join(directory, "replica.yaml");
  writeFileSync(file, stringify(other));
  return file;
}
