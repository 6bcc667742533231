import { describe, expect, test } from "vitest";
import { startDevelopmentIssuer } from "../../identity/development/issuer.ts";
import { developmentTokens } from "../../identity/development/sign-in.ts";
import { kube } from "./client.ts";
import { head, raw, statusOf } from "./raw.ts";
import { type Rig, startRig } from "./rig.ts";
import { useRig } from "./use-rig.ts";

let rig: Rig;
let token: string;
useRig((opened) => {
  ({ rig, token } = opened);
});

const PODS = "/api/v1/namespaces/shop/pods";
const OURS = ["host", "connection", "audit-id", "authorization", "impersonate-user", "impersonate-uid"];
const names = (rawHeaders: string[]): string[] => rawHeaders.filter((_, i) => i % 2 === 0).map((n) => n.toLowerCase());
const values = (rawHeaders: string[], name: string): string[] =>
  rawHeaders.filter((_, i) => i % 2 === 1 && rawHeaders[i - 1]?.toLowerCase() === name);

describe("what goes upstream", () => {
  test("client Audit-ID: it is stripped, and the upstream sees exactly one, ours", async () => {
    const ids = ["Audit-ID: forged-1", "audit-id: forged-2"];
    const lines = [`Authorization: Bearer ${token}`, ...ids, "Connection: close"];
    const { text } = await raw(rig, head(`GET /connections/local${PODS}`, lines));
    expect(statusOf(text)).toBe(200);
    const [id, ...more] = values(rig.upstream.seen[0]?.rawHeaders ?? [], "audit-id");
    expect(more).toEqual([]);
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7/);
    expect(text.toLowerCase()).toContain(`audit-id: ${id}`);
    expect(text).not.toContain("forged");
  });

  test("exactly our set goes upstream: what the client adds beside it stays here", async () => {
    const foreign = {
      "x-forwarded-for": "10.0.0.1",
      "x-forwarded-client-cert": "a",
      forwarded: "for=x",
      cookie: "a=b",
      origin: "https://a",
      "x-csrf-token": "a",
      via: "1.1 a",
      "x-real-ip": "::1",
      "proxy-authorization": "Basic a",
      "sec-websocket-protocol": "v5.channel.k8s.io",
    };
    const known = { "user-agent": "kubectl/v1.36", "kubectl-command": "kubectl get", traceparent: "00-a" };
    await kube(rig, "GET", PODS, { token, headers: { ...foreign, ...known } });
    const seen = rig.upstream.seen[0];
    const allowed = new Set([...OURS, "impersonate-group", "accept", ...Object.keys(known)]);
    expect(names(seen?.rawHeaders ?? []).filter((name) => !allowed.has(name))).toEqual([]);
    expect(seen?.headers).toMatchObject(known);
    expect(values(seen?.rawHeaders ?? [], "authorization")).toEqual(["Bearer the-gateways-own-token"]);
  });

  test("CVE-2021-31999, CVE-2022-23652: no header of ours is stripped by naming it as a Connection token", async () => {
    const named = [...OURS, "impersonate-group", "x-remote-user", "impersonate-extra-a", "accept", "content-type"];
    for (const name of named) {
      const lines = [`Authorization: Bearer ${token}`, `Connection: close, ${name}`];
      const { text } = await raw(rig, head(`GET /connections/local${PODS}?${name}`, lines));
      expect(statusOf(text)).toBe(200);
    }
    expect(rig.upstream.seen).toHaveLength(named.length);
    for (const { rawHeaders } of rig.upstream.seen) {
      expect(names(rawHeaders)).toEqual(expect.arrayContaining([...OURS, "impersonate-group"]));
      expect(values(rawHeaders, "connection")).toEqual(["keep-alive"]);
    }
  });

  test("the query goes upstream byte for byte", async () => {
    const query = "labelSelector=a%20in%20(b,c)&limit=500&x=%E2%82%AC&limit=1";
    await kube(rig, "GET", `${PODS}?${query}`, { token });
    expect(rig.upstream.seen[0]?.url).toBe(`${PODS}?${query}`);
  });
});

describe("what comes back", () => {
  test("hop-by-hop headers and cookies of the upstream stay there; warnings and its own headers come", async () => {
    rig.upstream.answer = (_seen, res) => {
      res.writeHead(200, [
        ...["Content-Type", "application/json", "Set-Cookie", "a=b", "Set-Cookie", "c=d", "Keep-Alive", "timeout=1"],
        ...["Proxy-Authenticate", "Basic", "Audit-Id", "theirs", "Warning", '299 - "a"', "Warning", '299 - "b"'],
        ...["X-Kubernetes-Pf-Flowschema-Uid", "u", "Trailer", "X-A", "Upgrade", "h2c"],
      ]);
      res.end("{}");
    };
    const { status, headers } = await kube(rig, "GET", PODS, { token });
    expect(status).toBe(200);
    for (const name of ["set-cookie", "proxy-authenticate", "trailer", "upgrade"])
      expect(headers).not.toHaveProperty(name);
    expect(headers["keep-alive"]).not.toBe("timeout=1");
    expect(headers["audit-id"]).toBe(rig.upstream.seen[0]?.headers["audit-id"]);
    expect([headers.warning].flat().join(", ")).toBe('299 - "a", 299 - "b"');
    expect(headers["x-kubernetes-pf-flowschema-uid"]).toBe("u");
  });

  test("a header of the upstream that is not ASCII comes back as it was sent", async () => {
    rig.upstream.answer = (_seen, res) => {
      res.writeHead(200, {
        "content-type": "application/json",
        warning: `299 - "${Buffer.from("für").toString("latin1")}"`,
      });
      res.end("{}");
    };
    const { status, headers } = await kube(rig, "GET", PODS, { token });
    expect(status).toBe(200);
    expect(headers.warning).toContain("f");
  });
});

describe("Pomerium reproxy", () => {
  const groupsOf = async (groups: string[], prefix = "dev:"): Promise<[number, string[]]> => {
    const user = { login: "eve", email: "eve@example.com", groups, password: "eve-password" };
    const issuer = await startDevelopmentIssuer({ users: [user] });
    const other = await startRig({
      change: (config) => {
        config.issuers = [{ ...issuer.config, prefix: { username: "dev:", groups: prefix } }];
        config.roles = {};
        config.people = [];
      },
    });
    try {
      const { idToken } = await developmentTokens(issuer, "eve");
      const { status } = await kube(other, "GET", PODS, { token: idToken });
      return [status, other.upstream.seen.flatMap(({ rawHeaders }) => values(rawHeaders, "impersonate-group"))];
    } finally {
      await other.close();
      await issuer.close();
    }
  };

  test("a group with a comma in its name stays one group, and one header", async () => {
    expect(await groupsOf(["dev,system:masters", "b"])).toEqual([200, ["dev:dev,system:masters", "dev:b"]]);
  });

  test("a group system:masters becomes one of its issuer's, never the cluster's", async () => {
    expect(await groupsOf(["system:masters"])).toEqual([200, ["dev:system:masters"]]);
  });

  test("a group that a prefix turns into one of the cluster's own is refused", async () => {
    const [status, groups] = await groupsOf(["masters"], "system:").catch((error: Error) => [0, [error.message]]);
    expect([0, 403]).toContain(status);
    expect(groups).not.toContain("system:masters");
  });
});
