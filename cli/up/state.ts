import { generateKeyPairSync } from "node:crypto";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import type { DevelopmentIssuer } from "../../identity/development/issuer.ts";
import { generateHmacKeyFile, generateSessionKeyFile } from "../../identity/keys-file.ts";
import { createAuthority } from "../../tools/control-plane/certificates.ts";

/** Where a local installation keeps its keys, configuration, record and approvals. */
export interface State {
  directory: string;
  configFile: string;
  guardrailsFile: string;
  /** The authority behind the gateway's certificate. */
  caFile: string;
  /** Holds the gateway's own credential for the cluster. */
  tokenFile: string;
}

export interface StateOptions {
  directory: string;
  /** Where the guardrails' Rego is. */
  rules: string;
  issuer: DevelopmentIssuer;
  /** Ports of the data path and of the admin endpoints. */
  ports: { listen: number; admin: number };
  cluster: { server: string; caFile: string };
}

/**
 * Writes a complete configuration for one machine. What a person may have changed since (guardrails) and what
 * must last (keys, record, approvals) is left as it is.
 */
export async function writeState(options: StateOptions): Promise<State> {
  const { directory } = options;
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const at = (name: string): string => join(directory, name);
  if (!existsSync(at("session.jwk"))) await generateSessionKeyFile(at("session.jwk"));
  if (!existsSync(at("hmac.key"))) generateHmacKeyFile(at("hmac.key"));
  if (!existsSync(at("merge.pem"))) writeFileSync(at("merge.pem"), ed25519Pem(), { mode: 0o600 });
  if (!existsSync(at("checkpoint.pem"))) writeFileSync(at("checkpoint.pem"), ed25519Pem(), { mode: 0o600 });
  const authority = await createAuthority("sallyport up");
  const { certificate, key } = await authority.issueServer(["127.0.0.1", "localhost"]);
  writeFileSync(at("ca.crt"), authority.certificate);
  writeFileSync(at("tls.crt"), certificate);
  writeFileSync(at("tls.key"), key, { mode: 0o600 });
  if (!existsSync(at("guardrails.yaml"))) writeFileSync(at("guardrails.yaml"), GUARDRAILS);
  writeFileSync(at("sallyport.yaml"), stringify(configuration(options)));
  return {
    directory,
    configFile: at("sallyport.yaml"),
    guardrailsFile: at("guardrails.yaml"),
    caFile: at("ca.crt"),
    tokenFile: at("token"),
  };
}

function ed25519Pem(): string {
  return generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" }).toString();
}

function configuration({ issuer, ports, cluster, rules }: StateOptions): object {
  return {
    apiVersion: "sallyport.dev/v1alpha1",
    kind: "Gateway",
    listen: {
      address: `127.0.0.1:${ports.listen}`,
      url: `https://127.0.0.1:${ports.listen}`,
      certFile: "tls.crt",
      keyFile: "tls.key",
    },
    admin: { address: `127.0.0.1:${ports.admin}` },
    keys: {
      sessionFile: "session.jwk",
      hmacFile: "hmac.key",
      mergeFile: "merge.pem",
      checkpointFile: "checkpoint.pem",
    },
    issuers: [issuer.config],
    roles: { approver: ["group:dev:sre"], auditor: ["group:dev:audit"], breakGlass: ["group:dev:sre"] },
    people: [
      { identities: ["dev:alice@example.com"] },
      { identities: ["dev:bob@example.com"], agents: ["dev:agent@example.com"] },
    ],
    connections: [
      {
        name: "local",
        kind: "kubernetes",
        labels: { env: "local" },
        server: cluster.server,
        caFile: cluster.caFile,
        credential: { tokenFile: "token" },
        impersonate: true,
      },
    ],
    policy: { bundle: rules, guardrails: "guardrails.yaml", verify: false },
    approvals: { home: "embedded", path: "policy-exceptions.git" },
    audit: { spool: { path: "spool" }, store: { embedded: "clickhouse" } },
  };
}

const GUARDRAILS = `# What the agents of this machine may do. Saved changes are in force within a second, with no restart.
apiVersion: sallyport.dev/v1alpha1
kind: Guardrails
profiles: [baseline]
defaults:
  record: Metadata
  approval: {approvers: ["group:dev:sre"], required: 1, holdSeconds: 90}
rules: {}
scopes: []
`;
