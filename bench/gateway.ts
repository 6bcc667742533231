import { generateKeyPairSync } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Agent, fetch } from "undici";
import { parse, stringify } from "yaml";
import type { State } from "../cli/up/state.ts";
import { writeState } from "../cli/up/state.ts";
import { packBundle } from "../engine/bundle/archive.ts";
import { compileBundle } from "../engine/bundle/compile.ts";
import { signBundle } from "../engine/bundle/sign.ts";
import type { DevelopmentIssuer } from "../identity/development/issuer.ts";
import { developmentTokens } from "../identity/development/sign-in.ts";
import { ensureTool } from "../tools/ensure.ts";
import { freePort } from "../tools/free-port.ts";
import { type Child, startChild } from "./child.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
/** As it is installed: stripping types at every start costs time and some 30 MB. */
const SERVE = join(ROOT, "dist", "cli", "main.js");

export interface Upstream {
  server: string;
  caFile: string;
}

/** A gateway in a process of its own, and what a client needs to use it. */
export interface BenchGateway {
  child: Child;
  origin: string;
  state: State;
  /** A gateway session token of the agent, from `POST /session`. */
  sessionToken: string;
}

export interface GatewayOptions {
  directory: string;
  issuer: DevelopmentIssuer;
  /** A real API server: connection `local`. */
  cluster: Upstream;
  /** Connection `stub`. */
  stub: Upstream;
  /** In place of the example's. */
  guardrails?: object;
  /** The credential that the gateway has for `local`. */
  token: string;
  /** Edits the rest of the configuration. */
  change?(config: Record<string, unknown>): void;
}

/**
 * Starts `serve` as it is installed, with what the example configuration has: TLS, a signed bundle, the example's
 * guardrails, the embedded store and approvals.
 */
export async function startGateway(options: GatewayOptions): Promise<BenchGateway> {
  const { directory, issuer } = options;
  const ports = { listen: await freePort(), admin: await freePort() };
  const bundle = await writeBundle(directory);
  const guardrails =
    options.guardrails === undefined
      ? readFileSync(join(ROOT, "guardrails.example.yaml"), "utf8")
      : stringify({ apiVersion: "sallyport.dev/v1alpha1", kind: "Guardrails", ...options.guardrails });
  // The issuer of the bench is called dev: with its names the example's scopes are looked at as they would be.
  writeFileSync(join(directory, "guardrails.yaml"), guardrails.replaceAll("corp:", "dev:"));
  const state = await writeState({ directory, rules: bundle, issuer, ports, cluster: options.cluster });
  addStub(state, options);
  writeFileSync(state.tokenFile, options.token, { mode: 0o600 });
  const child = await startChild(SERVE, ["serve", "--config", state.configFile], /"message":"serving"/);
  const origin = `https://127.0.0.1:${ports.listen}`;
  return { child, origin, state, sessionToken: await openSession(origin, state.caFile, issuer) };
}

async function writeBundle(directory: string): Promise<string> {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const { files } = await compileBundle({ sources: [join(ROOT, "rego")], opa: await ensureTool("opa"), serial: 1 });
  const signed = await signBundle(files, privateKey.export({ type: "pkcs8", format: "pem" }).toString());
  writeFileSync(join(directory, "bundle.pem"), publicKey.export({ type: "spki", format: "pem" }));
  writeFileSync(join(directory, "bundle.tar.gz"), await packBundle(signed));
  return join(directory, "bundle.tar.gz");
}

interface Configuration extends Record<string, unknown> {
  keys: object;
  policy: object;
  connections: object[];
}

function addStub(state: State, { stub, change }: GatewayOptions): void {
  const config = parse(readFileSync(state.configFile, "utf8")) as Configuration;
  config.keys = { ...config.keys, bundlePublicFile: "bundle.pem" };
  config.policy = { ...config.policy, verify: true };
  config.connections.push({
    name: "stub",
    kind: "kubernetes",
    labels: { env: "bench" },
    server: stub.server,
    caFile: stub.caFile,
    credential: { tokenFile: "stub.token" },
    impersonate: true,
  });
  change?.(config);
  writeFileSync(join(state.directory, "stub.token"), "no-credential-of-anything", { mode: 0o600 });
  writeFileSync(state.configFile, stringify(config));
}

/** RFC 8693, as `sallyport credential` does it. */
export async function openSession(
  origin: string,
  caFile: string,
  issuer: DevelopmentIssuer,
  login = "agent",
): Promise<string> {
  const { idToken } = await developmentTokens(issuer, login);
  const dispatcher = new Agent({ connect: { ca: readFileSync(caFile, "utf8") } });
  const response = await fetch(`${origin}/session`, {
    method: "POST",
    dispatcher,
    body: new URLSearchParams({
      grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
      subject_token: idToken,
      subject_token_type: "urn:ietf:params:oauth:token-type:id_token",
      agent: "bench",
    }),
  });
  const answer = (await response.json()) as { access_token?: string; detail?: string };
  await dispatcher.close();
  if (response.status === 200 && answer.access_token !== undefined) return answer.access_token;
  throw new Error(`POST /session answered ${response.status} ${answer.detail ?? ""}`);
}
