import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse, stringify } from "yaml";
import { gatewaySchema, loadGatewayConfig } from "../../base/config/gateway.ts";
import { guardrailsSchema } from "../../base/config/guardrails.ts";
import { ConfigError, type ConfigIssue, dottedPath, nearest } from "../../base/config/issues.ts";
import { parseYaml, readYaml } from "../../base/config/read.ts";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "sallyport-config-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

const root = resolve(import.meta.dirname, "../..");
// biome-ignore lint/suspicious/noExplicitAny: each case breaks the configuration in a way that its type forbids
type Loose = any;

const issuesOf = (work: () => unknown): ConfigIssue[] => {
  try {
    work();
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.issues;
    throw error;
  }
};

const gateway = (): Loose => ({
  apiVersion: "sallyport.dev/v1alpha1",
  kind: "Gateway",
  listen: { address: "0.0.0.0:8443", url: "https://s.example.com", certFile: "tls.crt", keyFile: "tls.key" },
  keys: { sessionFile: "s", hmacFile: "h", mergeFile: "m", bundlePublicFile: "b" },
  issuers: [
    {
      name: "corp",
      issuer: "https://idp.example.com",
      audiences: ["sallyport"],
      prefix: { username: "corp:", groups: "corp:" },
    },
  ],
  connections: [{ name: "prod", kind: "kubernetes", server: "https://10.0.0.1:6443", credential: { tokenFile: "t" } }],
  policy: { bundle: "b.tar.gz", guardrails: "g.yaml" },
  approvals: { home: "embedded", path: "e.git" },
  audit: { spool: { path: "spool" }, store: { embedded: "chdb" } },
});
const load = (config: unknown) => {
  const file = join(folder, "sallyport.yaml");
  writeFileSync(file, typeof config === "string" ? config : stringify(config));
  return loadGatewayConfig(file);
};

describe("the example configurations are valid", () => {
  test("sallyport.example.yaml", () => {
    expect(issuesOf(() => loadGatewayConfig(join(root, "sallyport.example.yaml")))).toEqual([]);
  });

  test("sallyport.example.yaml names every section that there is", () => {
    const config = parse(readFileSync(join(root, "sallyport.example.yaml"), "utf8"));
    expect(Object.keys(config).sort()).toEqual(Object.keys(gatewaySchema.shape).sort());
  });

  test("guardrails.example.yaml", () => {
    expect(issuesOf(() => readYaml(join(root, "guardrails.example.yaml"), guardrailsSchema))).toEqual([]);
  });
});

describe("where a policy is", () => {
  test("paths are relative to the file, and URLs are left as they are", () => {
    const config = gateway();
    config.policy = {
      ...{ bundle: "git+https://h/r.git?path=rego", guardrails: "g.yaml", state: "state" },
      fetch: { signed: "commit", allowedSignersFile: "signers", tokenFile: "token" },
      shadow: { bundle: "candidate", guardrails: "c.yaml" },
    };
    // The signature of a commit stands for a bundle's.
    delete config.keys.bundlePublicFile;
    expect(load(config).policy).toMatchObject({
      ...{ bundle: "git+https://h/r.git?path=rego", state: join(folder, "state"), verify: true },
      fetch: { allowedSignersFile: join(folder, "signers"), tokenFile: join(folder, "token"), pollSeconds: 30 },
      shadow: { bundle: join(folder, "candidate"), guardrails: join(folder, "c.yaml") },
    });
  });

  test("a bundle server of this machine needs no TLS", () => {
    const config = gateway();
    config.policy.bundle = "http://127.0.0.1:8080/b.tar.gz";
    expect(load(config).policy.bundle).toBe("http://127.0.0.1:8080/b.tar.gz");
  });
});

describe("what is left out of sallyport.yaml gets its default", () => {
  test("claims, sessions, limits, admin address and tenant", () => {
    const config = load(gateway());
    expect(config).toMatchObject({
      admin: { address: "127.0.0.1:9443" },
      tenant: "default",
      sessions: { tokenSeconds: 900, limitSeconds: 43_200, idleSeconds: 3600 },
      limits: {
        bodyBytes: 3_145_728,
        holdsPerSession: 20,
        holdsPerIdentity: 50,
        requestsPerIdentity: 3_000,
        bodyBytesPerIdentity: 134_217_728,
      },
      policy: { verify: true },
      audit: { spool: { maxBytes: 10_737_418_240, onFull: "refuse" } },
    });
    expect(config.issuers[0]).toMatchObject({
      algorithms: ["ES256", "RS256"],
      clockSkewSeconds: 30,
      staleKeysSeconds: 3600,
      claims: { username: "sub", uid: "sub" },
    });
    expect(config.connections[0]).toMatchObject({ impersonate: true, labels: {} });
  });

  test("a key may be one file or a list of files", () => {
    const config = load({
      ...gateway(),
      keys: { sessionFile: ["a", "b"], hmacFile: "h", mergeFile: "m", bundlePublicFile: "p" },
    });
    expect(config.keys).toMatchObject({
      sessionFile: [join(folder, "a"), join(folder, "b")],
      hmacFile: [join(folder, "h")],
    });
  });
});

test("paths are relative to the file that names them, and URLs are left alone", () => {
  const config = gateway();
  config.policy = { bundle: "https://bundles.example.com/b.tar.gz", rules: ["./ours"], guardrails: "../g.yaml" };
  const loaded = load(config);
  expect(loaded.policy).toMatchObject({
    bundle: "https://bundles.example.com/b.tar.gz",
    rules: [join(folder, "ours")],
    guardrails: resolve(folder, "../g.yaml"),
  });
  expect(loaded.listen.certFile).toBe(join(folder, "tls.crt"));
  expect(loaded.approvals).toMatchObject({ path: join(folder, "e.git") });
  expect(loaded.audit).toMatchObject({
    spool: { path: join(folder, "spool") },
    store: { embedded: join(folder, "chdb") },
  });
  expect(loaded.connections[0]?.credential).toEqual({ tokenFile: join(folder, "t") });
});

test("all mistakes of a file are reported at once", () => {
  const config = gateway();
  config.lisen = {};
  config.listen.url = "http://s.example.com";
  config.issuers[0].prefix = { username: "corp:" };
  config.connections[0].credential.tokenFle = "t";
  config.sessions = { tokenSeconds: 5 };
  expect(
    issuesOf(() => load(config))
      .map(({ path }) => path)
      .sort(),
  ).toEqual([
    "connections[0].credential.tokenFle",
    "issuers[0].prefix.groups",
    "lisen",
    "listen.url",
    "sessions.tokenSeconds",
  ]);
});

describe("a mistake is named by its path, in words", () => {
  const mistakes: [what: string, change: (config: Loose) => void, path: string, message: RegExp][] = [
    [
      "an unknown key, with the nearest",
      (c) => Object.assign(c.listen, { adress: "x" }),
      "listen.adress",
      /unknown key; did you mean "address"\?/,
    ],
    [
      "an unknown key deep in a union",
      (c) => Object.assign(c.audit.store, { embeded: "x" }),
      "audit.store.embeded",
      /did you mean "embedded"\?/,
    ],
    [
      "an unknown key that is near nothing, with what is valid",
      (c) => Object.assign(c.audit, { zzzzzz: 1 }),
      "audit.zzzzzz",
      /valid here: spool, store/,
    ],
    ["http for the public URL", (c) => Object.assign(c.listen, { url: "http://x" }), "listen.url", /https/],
    [
      "an address without a port",
      (c) => Object.assign(c.listen, { address: "localhost" }),
      "listen.address",
      /host:port/,
    ],
    [
      "an issuer over http that is not loopback",
      (c) => Object.assign(c.issuers[0], { issuer: "http://idp.example.com" }),
      "issuers[0].issuer",
      /https/,
    ],
    [
      "HS256",
      (c) => Object.assign(c.issuers[0], { algorithms: ["HS256"] }),
      "issuers[0].algorithms[0]",
      /must be one of ES256/,
    ],
    [
      "alg none",
      (c) => Object.assign(c.issuers[0], { algorithms: ["none"] }),
      "issuers[0].algorithms[0]",
      /must be one of ES256/,
    ],
    ["no audience", (c) => Object.assign(c.issuers[0], { audiences: [] }), "issuers[0].audiences", /./],
    [
      "no prefix",
      (c) => Object.assign(c.issuers[0].prefix, { username: "" }),
      "issuers[0].prefix.username",
      /mandatory/,
    ],
    [
      "a prefix of the cluster's own",
      (c) => Object.assign(c.issuers[0].prefix, { groups: "system:" }),
      "issuers[0].prefix.groups",
      /system:/,
    ],
    [
      "a prefix that a claim completes to system:",
      (c) => Object.assign(c.issuers[0].prefix, { groups: "sys" }),
      "issuers[0].prefix.groups",
      /complete/,
    ],
    [
      "ten days of token",
      (c) =>
        Object.assign(c.connections[0], {
          credential: {
            tokenRequest: { namespace: "a", serviceAccount: "b", seconds: 864_000 },
            via: { tokenFile: "t" },
          },
        }),
      "connections[0].credential.tokenRequest.seconds",
      /3600/,
    ],
    [
      "a secret in the file itself",
      (c) => Object.assign(c.connections[0], { credential: { tokenFile: "t", token: "hunter2" } }),
      "connections[0].credential.token",
      /unknown key/,
    ],
    [
      "a connection name that is no label",
      (c) => Object.assign(c.connections[0], { name: "Prod/1" }),
      "connections[0].name",
      /DNS label/,
    ],
    [
      "a provider whose requests are signed",
      (c) =>
        Object.assign(c, {
          connections: [{ name: "b", kind: "bedrock", server: "https://x", credential: { keyFile: "k" } }],
        }),
      "connections[0].kind",
      /bedrock signs each request, which this version does not do/,
    ],
    [
      "a principal without its kind",
      (c) => Object.assign(c, { roles: { approver: ["corp:sre"] } }),
      "roles.approver[0]",
      /user:|group:/,
    ],
    [
      "two connections of one name",
      (c) => c.connections.push({ ...c.connections[0] }),
      "connections[1].name",
      /already used by connections\[0\]/,
    ],
    [
      "two issuers with overlapping prefixes",
      (c) =>
        c.issuers.push({
          ...c.issuers[0],
          name: "b",
          issuer: "https://b.example.com",
          prefix: { username: "corp:x:", groups: "b:" },
        }),
      "issuers[1].prefix.username",
      /overlaps "corp:"/,
    ],
    [
      "one issuer twice",
      (c) => c.issuers.push({ ...c.issuers[0], name: "b", prefix: { username: "b:", groups: "b:" } }),
      "issuers[1].issuer",
      /same as issuers\[0\]/,
    ],
    [
      "an admin audience that the data path takes",
      (c) => Object.assign(c.issuers[0], { adminAudience: "sallyport" }),
      "issuers[0].adminAudience",
      /data path/,
    ],
    [
      "an issuer that is the gateway",
      (c) => Object.assign(c.issuers[0], { issuer: c.listen.url }),
      "issuers[0].issuer",
      /listen\.url/,
    ],
    ["a token file without a server", (c) => delete c.connections[0].server, "connections[0].server", /needed/],
    ["the embedded home without its key", (c) => delete c.keys.mergeFile, "keys.mergeFile", /needed/],
    [
      "a verified bundle without its key",
      (c) => delete c.keys.bundlePublicFile,
      "keys.bundlePublicFile",
      /policy\.verify/,
    ],
    [
      "a bundle over plain http",
      (c) => Object.assign(c.policy, { bundle: "http://policies.example.com/b.tar.gz" }),
      "policy.bundle",
      /https/,
    ],
    [
      "a bundle by a protocol that is none of ours",
      (c) => Object.assign(c.policy, { bundle: "git+http://h/r.git" }),
      "policy.bundle",
      /git\+https/,
    ],
    [
      "a password in a bundle's URL",
      (c) => Object.assign(c.policy, { bundle: "https://me:secret@h/b.tar.gz" }),
      "policy.bundle",
      /no password.*policy\.fetch/,
    ],
    [
      "a token in a repository's URL",
      (c) => Object.assign(c.policy, { bundle: "git+https://ghp_secret@h/r.git" }),
      "policy.bundle",
      /no password.*policy\.fetch/,
    ],
    [
      "a repository by ssh without its host key",
      (c) => Object.assign(c.policy, { bundle: "git+ssh://git@h/r.git" }),
      "policy.fetch.knownHostsFile",
      /host key/,
    ],
    [
      "signed commits of nobody",
      (c) => Object.assign(c.policy, { bundle: "git+https://h/r.git", fetch: { signed: "commit" } }),
      "policy.fetch.signed",
      /allowedSignersFile/,
    ],
    [
      "signed commits of what is no repository",
      (c) => Object.assign(c.policy, { fetch: { signed: "tag", pgpKeysFile: "k" } }),
      "policy.fetch.signed",
      /git repository/,
    ],
    [
      "a candidate of nothing",
      (c) => Object.assign(c.policy, { shadow: {} }),
      "policy.shadow",
      /neither bundle nor guardrails/,
    ],
    ["another kind of file", (c) => Object.assign(c, { kind: "Guardrails" }), "kind", /Gateway/],
  ];
  test.each(mistakes)("%s", (_what, change, path, message) => {
    const config = gateway();
    change(config);
    expect(issuesOf(() => load(config))).toEqual([{ path, message: expect.stringMatching(message) }]);
  });

  test("a missing key, as needed", () => {
    const config = gateway();
    delete config.listen.certFile;
    delete config.audit.spool;
    expect(issuesOf(() => load(config))).toEqual([
      { path: "listen.certFile", message: "is needed" },
      { path: "audit.spool", message: "is needed" },
    ]);
  });

  test("an unknown key of a connection, with the nearest", () => {
    const config = gateway();
    config.connections[0].credential.tokenFle = "t";
    expect(issuesOf(() => load(config))[0]?.message).toBe('unknown key; did you mean "tokenFile"?');
  });

  test("a missing file", () => {
    expect(issuesOf(() => loadGatewayConfig(join(folder, "none.yaml")))).toEqual([
      { path: "", message: "no such file" },
    ]);
  });

  test("a duplicate key, by its line", () => {
    expect(issuesOf(() => load("kind: Gateway\nkind: Gateway\n"))).toEqual([
      { path: "line 2", message: expect.stringMatching(/unique/) },
    ]);
  });

  test("broken YAML, by its line", () => {
    expect(issuesOf(() => load("kind: [Gateway\n"))[0]?.path).toMatch(/^line \d$/);
  });

  test("an empty file, by what it lacks", () => {
    expect(issuesOf(() => load("")).map(({ path }) => path)).toContain("listen");
  });

  test("a bomb of aliases is refused", () => {
    const bomb = [
      "a: &a [x, x, x, x, x, x, x, x, x, x]",
      "b: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a, *a]",
      "c: [*b, *b, *b, *b, *b, *b, *b, *b, *b, *b]",
    ].join("\n");
    expect(() => load(bomb)).toThrow(/alias/);
  });
});

describe("guardrails", () => {
  const read = (change: object) =>
    parseYaml(
      "g.yaml",
      stringify({ apiVersion: "sallyport.dev/v1alpha1", kind: "Guardrails", ...change }),
      guardrailsSchema,
    );

  test("are baseline where they say nothing", () => {
    expect(read({})).toMatchObject({ profiles: ["baseline"], defaults: {}, rules: {}, scopes: [], masks: [] });
  });

  const mistakes: [what: string, change: object, path: string, message: RegExp][] = [
    [
      "a profile that there is none of",
      { profiles: ["stric"] },
      "profiles[0]",
      /must be one of observe, baseline, strict/,
    ],
    ["no profile at all", { profiles: [] }, "profiles", /./],
    ["a rule that is no id", { rules: { hostpath: {} } }, "rules.hostpath", /./],
    [
      "an effect that there is none of",
      { rules: { "workload/host-path": { effect: "block" } } },
      "rules['workload/host-path'].effect",
      /must be one of allow, record, mask, hold, deny/,
    ],
    [
      "a misspelt key of a rule",
      { rules: { "workload/host-path": { efect: "deny" } } },
      "rules['workload/host-path'].efect",
      /did you mean "effect"\?/,
    ],
    [
      "a misspelt key of a match",
      { scopes: [{ name: "a", match: { namespace: ["x"] } }] },
      "scopes[0].match.namespace",
      /did you mean "namespaces"\?/,
    ],
    [
      "a hold longer than a command may wait",
      { defaults: { approval: { holdSeconds: 541 } } },
      "defaults.approval.holdSeconds",
      /540/,
    ],
    [
      "an approver without its kind",
      { defaults: { approval: { approvers: ["corp:sre"] } } },
      "defaults.approval.approvers[0]",
      /user:/,
    ],
    ["nobody who approves", { defaults: { approval: { approvers: [] } } }, "defaults.approval.approvers", /./],
    [
      "a pattern that there is none of",
      { masks: [{ group: "", resource: "configmaps", patterns: ["jws"] }] },
      "masks[0].patterns[0]",
      /private-key, jwt, cloud-key, database-url/,
    ],
    ["a mask of nothing", { masks: [{ group: "", resource: "configmaps" }] }, "masks[0]", /mask nothing/],
    [
      "a field path that no object has",
      { masks: [{ group: "", resource: "pods", fields: ["spec.containers[].env"] }] },
      "masks[0].fields[0]",
      /field path/,
    ],
    [
      "parameters of a scope's rule, which no rule would read",
      { scopes: [{ name: "a", rules: { "workload/image": { params: { registries: [] } } } }] },
      "scopes[0].rules['workload/image'].params",
      /unknown key/,
    ],
  ];
  test.each(mistakes)("with %s are refused by path", (_what, change, path, message) => {
    expect(issuesOf(() => read(change))).toEqual([{ path, message: expect.stringMatching(message) }]);
  });
});

test("a path is written as a person would", () => {
  expect(dottedPath(["issuers", 0, "prefix", "username"])).toBe("issuers[0].prefix.username");
  expect(dottedPath(["rules", "workload/host-path", "effect"])).toBe("rules['workload/host-path'].effect");
});

const names: [name: string, valid: string[], nearest: string | undefined][] = [
  ["adress", ["address", "url"], "address"],
  ["Namespaces", ["namespaces"], "namespaces"],
  ["x", ["address", "url"], undefined],
  ["prefx", ["prefix", "profiles"], "prefix"],
];
test.each(names)("the nearest name to %s in %j is %s", (name, valid, expected) => {
  expect(nearest(name, valid)).toBe(expected);
});
