import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { stringify } from "yaml";
import { ConfigError } from "../../base/config/issues.ts";
import { silentLog } from "../../base/log.ts";
import { openCredential } from "../../proxy/credentials/credential.ts";
import { readKubeconfig } from "../../proxy/credentials/kubeconfig.ts";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "sallyport-kubeconfig-"));
  mkdirSync(join(folder, "pki"));
  writeFileSync(join(folder, "pki/ca.crt"), "CA");
  writeFileSync(join(folder, "pki/other.crt"), "OTHER");
  writeFileSync(join(folder, "pki/token"), "from-file");
});
afterAll(() => rmSync(folder, { recursive: true }));

const base64 = (text: string): string => Buffer.from(text).toString("base64");

function write(user: unknown, cluster: Record<string, unknown> = {}): string {
  const file = join(folder, "config");
  const clusters = [
    { name: "other", cluster: { server: "https://other:6443" } },
    { name: "c", cluster: { server: "https://10.0.0.1:6443/", "certificate-authority": "pki/ca.crt", ...cluster } },
  ];
  const contexts = [{ name: "prod", context: { cluster: "c", user: "u" } }];
  const users = [{ name: "u", user }];
  writeFileSync(
    file,
    stringify({ apiVersion: "v1", kind: "Config", "current-context": "prod", contexts, clusters, users }),
  );
  return file;
}

test("a token and a relative certificate authority are read from the current context", () => {
  expect(readKubeconfig(write({ token: "t" }), undefined, "at")).toMatchObject({
    context: "prod",
    server: "https://10.0.0.1:6443/",
    token: "t",
    tls: { ca: "CA" },
  });
});

test("a tokenFile wins over a token, and is relative to the kubeconfig", () => {
  const read = readKubeconfig(write({ token: "t", tokenFile: "pki/token" }), "prod", "at");
  expect(read).toMatchObject({ token: undefined, tokenFile: join(folder, "pki/token") });
});

test("a client certificate is read from data and from files, data first", () => {
  const file = write({
    "client-certificate-data": base64("CERT"),
    "client-certificate": "nowhere",
    "client-key": "pki/ca.crt",
  });
  expect(readKubeconfig(file, "prod", "at").tls).toMatchObject({ cert: "CERT", key: "CA" });
});

describe("a kubeconfig is refused", () => {
  const bad: [what: string, user: unknown, cluster: Record<string, unknown>, path: string, message: RegExp][] = [
    ["with an exec plugin", { exec: { command: "aws" } }, {}, "users[0].user.exec", /exec plugins/],
    [
      "with an auth provider",
      { "auth-provider": { name: "gcp" } },
      {},
      "users[0].user.auth-provider",
      /auth providers/,
    ],
    ["with a password", { username: "a", password: "hunter2" }, {}, "users[0].user.username", /basic/],
    ["with impersonation of its own", { token: "hunter2", as: "x" }, {}, "users[0].user.as", /impersonation/],
    [
      "that skips TLS verification",
      { token: "hunter2" },
      { "insecure-skip-tls-verify": true },
      "clusters[1].cluster.insecure-skip-tls-verify",
      /refused/,
    ],
    [
      "with a proxy",
      { token: "hunter2" },
      { "proxy-url": "http://p" },
      "clusters[1].cluster.proxy-url",
      /not supported/,
    ],
    ["over http", { token: "hunter2" }, { server: "http://10.0.0.1" }, "clusters[1].cluster.server", /https/],
    ["with nothing to prove itself by", {}, {}, "users[0].user", /no token/],
    ["with a certificate and no key", { "client-certificate-data": base64("C") }, {}, "users[0].user", /together/],
    [
      "whose files are missing",
      { token: "hunter2" },
      { "certificate-authority": "no.crt" },
      "clusters[1].cluster.certificate-authority",
      /no\.crt cannot be read/,
    ],
  ];
  test.each(bad)("%s", (_what, user, cluster, path, message) => {
    let issues: ConfigError["issues"] = [];
    try {
      readKubeconfig(write(user, cluster), undefined, "at");
    } catch (error) {
      issues = error instanceof ConfigError ? error.issues : [];
    }
    expect(issues).toEqual([{ path, message: expect.stringMatching(message) }]);
    expect(JSON.stringify(issues)).not.toContain("hunter2");
  });

  test("where it has no such context, naming the nearest", () => {
    expect(() => readKubeconfig(write({ token: "t" }), "prd", "at")).toThrow(/has no "prd"; did you mean "prod"\?/);
  });
});

test("server and caFile of the configuration win over the kubeconfig's", () => {
  const credential = openCredential(
    {
      name: "prod",
      kind: "kubernetes",
      labels: {},
      impersonate: true,
      server: "https://10.9.9.9:6443",
      caFile: join(folder, "pki/other.crt"),
      credential: { kubeconfigFile: write({ tokenFile: "pki/token" }) },
    },
    { log: silentLog },
  );
  expect([credential.server, credential.tls.ca, credential.authorization()]).toEqual([
    "https://10.9.9.9:6443",
    "OTHER",
    "Bearer from-file",
  ]);
  expect(credential.describe()).not.toContain("from-file");
});

test("a client certificate of `via` stays off the agents' connections, where it would win over the minted token", () => {
  const via = {
    kubeconfigFile: write({ "client-certificate-data": base64("CERT"), "client-key-data": base64("KEY") }),
  };
  const tokenRequest = { namespace: "a", serviceAccount: "s", seconds: 600 };
  const config = {
    name: "prod",
    kind: "kubernetes" as const,
    labels: {},
    impersonate: true,
    credential: { tokenRequest, via },
  };
  const credential = openCredential(config, { log: silentLog });
  expect(credential.tls).toEqual({ ca: "CA", servername: undefined });
  expect(credential.own.tls).toMatchObject({ cert: "CERT", key: "KEY" });
});
