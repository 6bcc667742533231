import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { loadGatewayConfig } from "../../base/config/gateway.ts";
import { ConfigError } from "../../base/config/issues.ts";
import { gatewayMetadata } from "../../identity/well-known.ts";
import { issuerConfig } from "./rig.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "sallyport-config-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

function load(issuer: Record<string, unknown>) {
  const path = join(folder, "sallyport.yaml");
  const config = {
    apiVersion: "sallyport.dev/v1alpha1",
    kind: "Gateway",
    listen: { address: "127.0.0.1:8443", url: "https://gw.test", certFile: "c", keyFile: "k" },
    keys: { sessionFile: "s", hmacFile: "h", mergeFile: "m" },
    issuers: [
      {
        name: "corp",
        issuer: "https://idp.test",
        audiences: ["a"],
        prefix: { username: "corp:", groups: "corp:" },
        ...issuer,
      },
    ],
    connections: [{ name: "prod", kind: "kubernetes", server: "https://10.0.0.1", credential: { tokenFile: "t" } }],
    policy: { bundle: "b", guardrails: "g", verify: false },
    approvals: { home: "embedded", path: "e" },
    audit: { spool: { path: "s" }, store: { embedded: "c" } },
  };
  writeFileSync(path, stringify(config));
  return loadGatewayConfig(path);
}

describe("an issuer in the configuration", () => {
  it.each(["http://127.0.0.1:4000", "http://localhost:4000", "http://[::1]:4000", "https://idp.example.com/realms/x"])(
    "may be %s",
    (issuer) => {
      expect(load({ issuer }).issuers[0]?.issuer).toBe(issuer);
    },
  );
  const BAD: [string, Record<string, unknown>, RegExp][] = [
    ["plain http elsewhere", { issuer: "http://idp.example.com" }, /issuers\[0\]\.issuer: must be an https URL/],
    ["a host that only looks like loopback", { issuer: "http://127.0.0.1.example.com" }, /must be an https URL/],
    ["loopback as a user name", { issuer: "http://127.0.0.1@example.com" }, /must be an https URL/],
    ["a query", { issuer: "https://idp.test/?x=1" }, /no query/],
    ["the gateway's own URL", { issuer: "https://gw.test" }, /must not be listen\.url/],
    [
      "a prefix of the cluster's own names",
      { prefix: { username: "system:", groups: "corp:" } },
      /prefix\.username: must not start/,
    ],
    [
      "a prefix that starts to spell them",
      { prefix: { username: "corp:", groups: "sys" } },
      /prefix\.groups: must not start/,
    ],
    ["no prefix", { prefix: { username: "", groups: "corp:" } }, /is mandatory/],
    ["a symmetric algorithm", { algorithms: ["HS256"] }, /algorithms\[0\]/],
    [
      "an admin audience that is a data audience",
      { adminAudience: "a" },
      /adminAudience: must not be one of audiences/,
    ],
  ];
  it.each(BAD)("is refused for %s", (_title, issuer, message) => {
    expect(() => load(issuer)).toThrow(ConfigError);
    expect(() => load(issuer)).toThrow(message);
  });
});

describe("what the gateway tells anybody about logging in", () => {
  it("is its issuers' public names, and nothing else of the configuration", () => {
    const issuers = [issuerConfig({ clientId: "cli", caFile: "/etc/ca.crt", require: { tier: "staff" } })];
    expect(gatewayMetadata({ issuers })).toEqual({
      issuers: [
        {
          name: "corp",
          issuer: "https://idp.test",
          clientId: "cli",
          audience: "sallyport",
          adminAudience: "sallyport-admin",
        },
      ],
    });
  });
});
