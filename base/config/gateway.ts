import { dirname, resolve } from "node:path";
import { z } from "zod";
import { isGitUrl, isHttpsOrLoopback } from "../loopback.ts";
import { budgetsSchema } from "./budgets.ts";
import { checkpointsSchema } from "./checkpoints.ts";
import { ConfigError, type ConfigIssue } from "./issues.ts";
import { readYaml } from "./read.ts";

/** `sallyport.yaml` (contracts §3). Paths are relative to the file; secrets only by file. */
const file = z.string().min(1);
const oneOrMore = <T extends z.ZodType>(schema: T) =>
  z.union([schema, z.array(schema).min(1)]).transform((v) => (Array.isArray(v) ? v : [v]) as z.output<T>[]);
const url = z.url({ protocol: /^https?$/, error: "must be an http or https URL" });
const httpsUrl = z.url({ protocol: /^https$/, error: "must be an https URL" });
// Keys fetched over plain http are whoever's the network is.
const issuerUrl = url
  .refine(isHttpsOrLoopback, "must be an https URL (http is for loopback only)")
  .refine((text) => !/[?#]/.test(text), "must have no query and no fragment (OpenID Connect Discovery §2)");
// A group that an IdP could call "system:masters" must never reach the API server as that.
const prefix = z
  .string()
  .min(1, { error: "is mandatory: without it a claim could name a group of the cluster's own", abort: true })
  .refine(
    (p) => !p.startsWith("system:") && !"system:".startsWith(p),
    "must not start with system:, nor be the start of it: a claim could complete it",
  );
const ASYMMETRIC = ["ES256", "ES384", "ES512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "EdDSA"] as const;
const address = z.string().regex(/^(\[[0-9a-fA-F:]+\]|[^:\s]+):\d{1,5}$/, 'must be "host:port"');
const name = z
  .string()
  .regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, "must be a DNS label: lower-case letters, digits and dashes");
const claimPath = z.string().min(1);

const tableName = z.string().regex(/^[A-Za-z_]\w{0,62}$/, "must be letters, digits and underscores");
const days = z.string().regex(/^[1-9]\d{0,4}d$/, 'must be a number of days: "400d"');

const issuerSchema = z.strictObject({
  name,
  issuer: issuerUrl,
  audiences: z.array(z.string().min(1)).min(1),
  authorizedParties: z.array(z.string()).default([]),
  algorithms: z.array(z.enum(ASYMMETRIC)).min(1).default(["ES256", "RS256"]),
  claims: z
    .strictObject({
      username: claimPath.default("sub"),
      groups: claimPath.optional(),
      uid: claimPath.default("sub"),
      agent: claimPath.optional(),
    })
    .prefault({}),
  prefix: z.strictObject({ username: prefix, groups: prefix }),
  adminAudience: z.string().min(1).optional(),
  require: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).default({}),
  clockSkewSeconds: z.int().min(0).max(300).default(30),
  staleKeysSeconds: z.int().min(0).max(86_400).default(3600),
  clientId: z.string().min(1).optional(),
  caFile: file.optional(),
});

const fileOrKube = z.union([
  z.strictObject({ tokenFile: file }),
  z.strictObject({ kubeconfigFile: file, context: z.string().optional() }),
]);
const kubernetesCredential = z.union([
  z.strictObject({ tokenFile: file }),
  z.strictObject({ kubeconfigFile: file, context: z.string().optional() }),
  z.strictObject({
    tokenRequest: z.strictObject({
      namespace: name,
      serviceAccount: z.string().min(1),
      // 600 is the least that the API server gives; more is granted as asked (ten days!), so we cap it.
      seconds: z.int().min(600).max(3600).default(600),
    }),
    via: fileOrKube,
  }),
]);

const kubernetesConnection = z.strictObject({
  name,
  kind: z.literal("kubernetes"),
  labels: z.record(z.string(), z.string()).default({}),
  server: httpsUrl.optional(),
  caFile: file.optional(),
  credential: kubernetesCredential,
  impersonate: z.boolean().default(true),
  /** The gateway's own read-only account for namespace labels and roles; the connection's credential where absent. */
});
const modelConnection = z.strictObject({
  name,
  kind: z.enum(["anthropic", "openai"]),
  labels: z.record(z.string(), z.string()).default({}),
  server: httpsUrl,
  caFile: file.optional(),
  credential: z.strictObject({ keyFile: file }),
  /** Files, vector stores and skills that the provider keeps and that any session may name, by id. */
  shared: z.array(z.string().min(1).max(512)).default([]),
});

/** Providers that people know and that are not passed on: their requests are signed, and Bedrock's replies are framed in a way of its own. */
const SIGNED_PROVIDERS = new Set(["bedrock", "vertex", "aws-bedrock", "google-vertex", "azure"]);

function kindNotServed(kind: unknown): string {
  const served = "must be kubernetes, anthropic or openai";
  if (typeof kind !== "string" || !SIGNED_PROVIDERS.has(kind.toLowerCase())) return served;
  return `${served}: ${kind} signs each request, which this version does not do; put a gateway that speaks Anthropic's or OpenAI's API before it, and name that`;
}

const principals = z.array(z.string().regex(/^(user|group):.+$/, 'must be "user:…" or "group:…"')).default([]);

/** Where a policy is: a folder or file, an https URL, or git+https://…, git+ssh://… and git+file://… (`?ref=main&path=rego`). */
const bundleLocation = z
  .string()
  .min(1)
  .refine(
    (text) => !text.includes("://") || isHttpsOrLoopback(text) || isGitUrl(text),
    "must be a path, an https URL (http is for loopback only), or git+https://, git+ssh:// or git+file://",
  )
  // Over https a name alone is a token as well (https://ghp_…@github.com).
  .refine(
    (text) => !/^[^/?]*:\/\/[^/?]*:[^/?]*@|^(?:git\+)?https?:\/\/[^/?]*@/i.test(text),
    "must hold no password: name a file in policy.fetch",
  );

const fetchSchema = z.strictObject({
  /** A bearer token for https, read again for each request; for git+https the password. */
  tokenFile: file.optional(),
  caFile: file.optional(),
  sshKeyFile: file.optional(),
  knownHostsFile: file.optional(),
  /** Which commit or annotated tag of a git repository must be signed, by a key of allowedSignersFile or pgpKeysFile. */
  signed: z.enum(["commit", "tag"]).optional(),
  /** As ssh-keygen reads it (ALLOWED SIGNERS in ssh-keygen(1)). */
  allowedSignersFile: file.optional(),
  pgpKeysFile: file.optional(),
  pollSeconds: z.int().min(1).max(86_400).default(30),
  /** OPA's long polling: how long the server may keep a request until there is something new. */
  longPollSeconds: z.int().min(1).max(600).optional(),
  deadlineSeconds: z.int().min(1).max(600).default(60),
  maxBytes: z
    .int()
    .min(1024)
    .max(1024 * 1024 * 1024)
    .default(16 * 1024 * 1024),
});

const policySchema = z.strictObject({
  bundle: bundleLocation,
  rules: z.array(file).default([]),
  guardrails: file,
  verify: z.boolean().default(true),
  /** Where people read about a rule, as `policy docs` writes it: `<docsUrl>#<rule without its slash>`. */
  docsUrl: url.optional(),
  fetch: fetchSchema.prefault({}),
  /** Which bundle was the newest, and the last good one of a URL; `policy` beside the spool where absent. */
  state: file.optional(),
  /** A candidate that is asked beside the policy in force, on record and never enforced. */
  shadow: z
    .strictObject({ bundle: bundleLocation.optional(), guardrails: file.optional() })
    .refine(
      ({ bundle, guardrails }) => bundle !== undefined || guardrails !== undefined,
      "names neither bundle nor guardrails",
    )
    .optional(),
});

const approvalTerms = {
  breakGlass: z
    .strictObject({
      validForSeconds: z.int().min(30).max(3600).default(300),
      reviewWithinSeconds: z.int().min(60).max(2_592_000).default(86_400),
    })
    .prefault({}),
  /** Which main was the last good one, so that a restart does not follow a rewritten history; beside the spool where absent. */
  state: file.optional(),
};

/** Where people are told of what waits for them. The URL is a secret of its own, and so is in a file. */
const notificationSchema = z.strictObject({
  name,
  kind: z.enum(["slack", "webhook"]),
  urlFile: file,
  /** Signs what is sent (Standard Webhooks). */
  secretFile: file.optional(),
  caFile: file.optional(),
});

export const gatewaySchema = z.strictObject({
  apiVersion: z.literal("sallyport.dev/v1alpha1"),
  kind: z.literal("Gateway"),
  listen: z.strictObject({ address, url: httpsUrl, certFile: file, keyFile: file }),
  admin: z.strictObject({ address }).default({ address: "127.0.0.1:9443" }),
  tenant: z.string().min(1).default("default"),
  keys: z.strictObject({
    sessionFile: oneOrMore(file),
    hmacFile: oneOrMore(file),
    checkpointFile: oneOrMore(file).optional(),
    mergeFile: oneOrMore(file).optional(),
    bundlePublicFile: oneOrMore(file).optional(),
  }),
  issuers: z.array(issuerSchema).min(1),
  roles: z.strictObject({ approver: principals, auditor: principals, breakGlass: principals }).prefault({}),
  people: z
    .array(
      z.strictObject({
        identities: z.array(z.string()).min(1),
        agents: z.array(z.string()).default([]),
        github: z.string().optional(),
      }),
    )
    .default([]),
  connections: z
    .array(
      z.discriminatedUnion("kind", [kubernetesConnection, modelConnection], {
        error: ({ input }) => kindNotServed((input as { kind?: unknown } | null)?.kind),
      }),
    )
    .min(1),
  sessions: z
    .strictObject({
      tokenSeconds: z.int().min(60).max(3600).default(900),
      limitSeconds: z.int().min(60).max(604_800).default(43_200),
      idleSeconds: z.int().min(60).max(86_400).default(3600),
    })
    .prefault({}),
  policy: policySchema,
  approvals: z.union([
    z.strictObject({ home: z.literal("embedded"), path: file, ...approvalTerms }),
    z.strictObject({
      home: z.literal("github"),
      ...approvalTerms,
      repository: z.string().regex(/^[\w.-]+\/[\w.-]+$/, "must be owner/name"),
      appId: z.int().optional(),
      installationId: z.int().optional(),
      privateKeyFile: file.optional(),
      tokenFile: file.optional(),
      webhookSecretFile: file.optional(),
      /** The API of a GitHub Enterprise Server: `https://github.example.com/api/v3`. */
      baseUrl: url.refine(isHttpsOrLoopback, "must be an https URL (http is for loopback only)").optional(),
      caFile: file.optional(),
      branch: z.string().min(1).default("main"),
      /** Which team stands for a group of the guardrails' approvers: `{"corp:oncall": acme/oncall}`. */
      teams: z.record(z.string(), z.string().regex(/^[\w.-]+\/[\w.-]+$/, "must be organisation/team")).default({}),
      pollSeconds: z.int().min(1).max(300).default(10),
    }),
  ]),
  notifications: z.array(notificationSchema).max(20).default([]),
  /** The other replicas, by the URL at which this one reaches them: told of revocations and kills at once. */
  peers: z
    .strictObject({
      urls: z.array(url.refine(isHttpsOrLoopback, "must be an https URL (http is for loopback only)")).max(100),
      caFile: file.optional(),
    })
    .prefault({ urls: [] }),
  audit: z.strictObject({
    spool: z.strictObject({
      path: file,
      maxBytes: z.int().min(1_048_576).default(10_737_418_240),
      onFull: z.enum(["refuse", "continue"]).default("refuse"),
    }),
    store: z.union([
      z.strictObject({ embedded: file }),
      z.strictObject({
        url: url.refine(isHttpsOrLoopback, "must be an https URL (http is for loopback only)"),
        userFile: file.optional(),
        passwordFile: file.optional(),
        caFile: file.optional(),
        database: tableName.optional(),
        /** Of the server's remote_servers: tables are replicated, and distributed over its shards. */
        cluster: tableName.optional(),
      }),
    ]),
    /** The embedded store as ClickHouse's own HTTP interface, read-only; whoever has the token reads the whole record. */
    http: z
      .strictObject({ address, tokenFile: file, certFile: file.optional(), keyFile: file.optional() })
      .refine(
        ({ certFile, keyFile }) => (certFile === undefined) === (keyFile === undefined),
        "needs certFile and keyFile, or neither",
      )
      .optional(),
    /** How long what was recorded at a level is kept; for ever where absent. Sessions under legal hold stay. */
    retention: z
      .strictObject({ Metadata: days.optional(), Request: days.optional(), RequestResponse: days.optional() })
      .prefault({}),
    checkpoints: checkpointsSchema.prefault({}),
    /** What of persons is sealed under keys of their own, which `audit forget` destroys; shared by all replicas. */
    personal: z
      .strictObject({
        fields: z
          .array(z.enum(["username", "groups", "source_ip", "user_agent"]))
          .min(1)
          .default(["username"]),
        keys: file,
      })
      .optional(),
  }),
  limits: z
    .strictObject({
      bodyBytes: z.int().min(1024).max(33_554_432).default(3_145_728),
      /** Of a request to a model provider, which holds the whole dialogue so far; Anthropic takes 32 MB. */
      modelBodyBytes: z.int().min(1024).max(67_108_864).default(33_554_432),
      holdsPerSession: z.int().min(1).default(20),
      holdsPerIdentity: z.int().min(1).default(50),
      requestsPerIdentity: z.int().min(1).default(3_000),
      /** Of bodies in memory, at once: some three to five times as much is taken while they are read. */
      bodyBytesPerIdentity: z.int().min(1024).default(134_217_728),
      bodyBytesInAll: z.int().min(1024).default(536_870_912),
    })
    .prefault({}),
  budgets: budgetsSchema.prefault({}),
});

export type GatewayConfig = z.output<typeof gatewaySchema>;
export type PolicyConfig = GatewayConfig["policy"];
export type IssuerConfig = GatewayConfig["issuers"][number];
export type ConnectionConfig = GatewayConfig["connections"][number];
export type KubernetesConnectionConfig = Extract<ConnectionConfig, { kind: "kubernetes" }>;
export type ModelConnectionConfig = Extract<ConnectionConfig, { kind: "anthropic" | "openai" }>;

/** What the schema cannot say: names that must differ, prefixes that must not overlap. */
function crossChecks(config: GatewayConfig): ConfigIssue[] {
  const issues: ConfigIssue[] = [];
  const unique = (path: string, values: string[]): void => {
    values.forEach((value, i) => {
      if (values.indexOf(value) !== i)
        issues.push({
          path: `${path}[${i}].name`,
          message: `"${value}" is already used by ${path}[${values.indexOf(value)}]`,
        });
    });
  };
  unique(
    "issuers",
    config.issuers.map((issuer) => issuer.name),
  );
  unique(
    "connections",
    config.connections.map((connection) => connection.name),
  );
  config.issuers.forEach((a, i) => {
    if (a.issuer === config.listen.url) {
      issues.push({ path: `issuers[${i}].issuer`, message: "must not be listen.url, which issues session tokens" });
    }
    config.issuers.slice(0, i).forEach((b, j) => {
      if (a.issuer === b.issuer)
        issues.push({ path: `issuers[${i}].issuer`, message: `is the same as issuers[${j}].issuer` });
      for (const key of ["username", "groups"] as const) {
        if (a.prefix[key].startsWith(b.prefix[key]) || b.prefix[key].startsWith(a.prefix[key])) {
          issues.push({
            path: `issuers[${i}].prefix.${key}`,
            message: `"${a.prefix[key]}" overlaps "${b.prefix[key]}" of issuers[${j}]: one issuer could name the other's people`,
          });
        }
      }
    });
    if (a.adminAudience !== undefined && a.audiences.includes(a.adminAudience)) {
      issues.push({
        path: `issuers[${i}].adminAudience`,
        message: "must not be one of audiences: a token for the data path would approve",
      });
    }
  });
  config.connections.forEach((connection, i) => {
    if (
      connection.kind === "kubernetes" &&
      connection.server === undefined &&
      !("kubeconfigFile" in connection.credential)
    ) {
      issues.push({
        path: `connections[${i}].server`,
        message: "is needed unless credential.kubeconfigFile names one",
      });
    }
  });
  if (config.approvals.home === "embedded" && config.keys.mergeFile === undefined) {
    issues.push({
      path: "keys.mergeFile",
      message: "is needed by approvals.home embedded: merges count only when this key signed them",
    });
  }
  if (config.approvals.home === "github") {
    const { appId, installationId, privateKeyFile, tokenFile } = config.approvals;
    const app = [appId, installationId, privateKeyFile].filter((value) => value !== undefined).length;
    if ((app === 3) === (tokenFile !== undefined) || (app !== 0 && app !== 3)) {
      issues.push({
        path: "approvals",
        message: "needs either appId, installationId and privateKeyFile (a GitHub App), or tokenFile",
      });
    }
  }
  const { to, command } = config.audit.checkpoints;
  if (config.keys.checkpointFile === undefined && (to.length > 0 || command !== undefined)) {
    issues.push({ path: "keys.checkpointFile", message: "is needed by audit.checkpoints: which key signs them" });
  }
  if (config.audit.http !== undefined && !("embedded" in config.audit.store)) {
    issues.push({ path: "audit.http", message: "is of the embedded store; a server has its own interface" });
  }
  issues.push(...policyIssues(config));
  const { limits, prices } = config.budgets;
  const costly = limits.findIndex(({ cost }) => cost !== undefined);
  if (costly !== -1 && Object.keys(prices).length === 0) {
    issues.push({ path: "budgets.prices", message: `is needed by budgets.limits[${costly}].cost` });
  }
  return issues;
}

function policyIssues({ policy, keys }: GatewayConfig): ConfigIssue[] {
  const issues: ConfigIssue[] = [];
  const { fetch } = policy;
  // The signature of a commit stands for a bundle's.
  const signedSources = isGitUrl(policy.bundle) && fetch.signed !== undefined;
  if (policy.verify && keys.bundlePublicFile === undefined && !signedSources) {
    issues.push({ path: "keys.bundlePublicFile", message: "is needed while policy.verify is true" });
  }
  if (fetch.signed !== undefined && fetch.allowedSignersFile === undefined && fetch.pgpKeysFile === undefined) {
    issues.push({
      path: "policy.fetch.signed",
      message: "needs policy.fetch.allowedSignersFile or pgpKeysFile: whose signatures count",
    });
  }
  if (fetch.signed !== undefined && !isGitUrl(policy.bundle)) {
    issues.push({ path: "policy.fetch.signed", message: "is of a git repository, and policy.bundle is none" });
  }
  if (policy.bundle.startsWith("git+ssh:") && fetch.knownHostsFile === undefined) {
    issues.push({
      path: "policy.fetch.knownHostsFile",
      message: "is needed by git+ssh: which host key is the server's",
    });
  }
  return issues;
}

const PATHS = new Set([
  ...["policy.bundle", "policy.rules", "policy.guardrails", "policy.state"],
  ...["policy.shadow.bundle", "policy.shadow.guardrails"],
  ...["to.file", "git.path"],
  ...["spool.path", "store.embedded", "approvals.path", "approvals.state"],
  "personal.keys",
]);

/** Whose keys are paths by what they stand under. */
const SCOPED = new Set(["policy", "policy.shadow", "spool", "store", "approvals", "to", "git", "personal"]);

/** Every path of a configuration made absolute, relative to the file that names it. */
function resolvePaths(value: unknown, base: string, key = ""): unknown {
  if (Array.isArray(value)) return value.map((entry) => resolvePaths(entry, base, key));
  if (value !== null && typeof value === "object") {
    return Object.fromEntries(
      Object.entries(value).map(([k, v]) => [k, resolvePaths(v, base, SCOPED.has(key) ? `${key}.${k}` : k)]),
    );
  }
  const isPath = /File$/.test(key) || PATHS.has(key);
  if (typeof value !== "string" || !isPath || value.includes("://")) return value;
  return resolve(base, value);
}

/** Reads and checks `sallyport.yaml`; throws a ConfigError that lists every mistake. */
export function loadGatewayConfig(path: string): GatewayConfig {
  const config = readYaml(path, gatewaySchema);
  const issues = crossChecks(config);
  if (issues.length > 0) throw new ConfigError(path, issues);
  return resolvePaths(config, dirname(resolve(path))) as GatewayConfig;
}
