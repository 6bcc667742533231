import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { stringify } from "yaml";
import { loadContext } from "../../cli/context.ts";
import { checkNode } from "../../cli/doctor/checks.ts";
import { checkClock } from "../../cli/doctor/gateway.ts";
import { thisScene } from "../../cli/doctor/scene.ts";
import { checkTokenFile } from "../../cli/doctor/tokens.ts";
import { startStub } from "./gateway-stub.ts";
import { sallyport } from "./run.ts";

let folder = "";
let stub: Awaited<ReturnType<typeof startStub>>;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "sallyport-doctor-"));
  stub = await startStub(folder, (request, response) =>
    response.writeHead(request.url === "/.well-known/jwks.json" ? 200 : 404).end("{}"),
  );
  mkdirSync(join(folder, "sallyport"));
});
afterAll(async () => {
  await stub.close();
  rmSync(folder, { recursive: true });
});

const doctor = async (context: object | undefined, env: Record<string, string> = {}) => {
  const file = join(folder, "sallyport", "config.yaml");
  rmSync(file, { force: true });
  if (context !== undefined) writeFileSync(file, stringify(context));
  const { code, stdout, stderr } = await sallyport(["doctor", "--output", "json"], {
    XDG_CONFIG_HOME: folder,
    KUBECONFIG: "/nowhere",
    // Else where these tests run in a container, what that leaks would be found.
    SALLYPORT_CONTAINED: "0",
    HOME: folder,
    ...env,
  });
  const checks: { result: string; what: string; detail: string; next?: string }[] = JSON.parse(stdout).checks;
  return { code, stderr, checks, results: Object.fromEntries(checks.map(({ what, result }) => [what, result])) };
};

function kubeconfig(server: string): string {
  const file = join(folder, "kubeconfig");
  writeFileSync(
    file,
    stringify({
      "current-context": "a",
      contexts: [{ name: "a", context: { cluster: "c" } }],
      clusters: [{ name: "c", cluster: { server } }],
    }),
  );
  return file;
}

test("doctor passes on a machine that is set up", async () => {
  const KUBECONFIG = kubeconfig(`${stub.url}/connections/prod`);
  const { code, stderr, results } = await doctor(
    { url: stub.url, connection: "prod", caFile: "../ca.crt" },
    { KUBECONFIG },
  );
  expect([code, stderr]).toEqual([0, ""]);
  const ok = { node: "ok", configuration: "ok", gateway: "ok", clock: "ok", kubeconfig: "ok" };
  expect(results).toEqual({ ...ok, session: "warn" });
});

test("doctor warns of a kubeconfig that goes past the gateway", async () => {
  const KUBECONFIG = kubeconfig("https://10.0.0.1:6443");
  const { code, checks } = await doctor({ url: stub.url, caFile: "../ca.crt" }, { KUBECONFIG });
  expect(code).toBe(0);
  expect(checks.find(({ what }) => what === "kubeconfig")).toMatchObject({
    result: "warn",
    detail: expect.stringContaining("not the gateway's"),
    next: expect.stringContaining("kubeconfig --merge"),
  });
});

test("doctor at a workstation warns of what would lead an agent round the gateway, and passes", async () => {
  const KUBECONFIG = kubeconfig("https://10.0.0.1:6443");
  const env = { KUBECONFIG, ANTHROPIC_API_KEY: "hunter2", SALLYPORT_CONTAINED: "" };
  const { code, checks } = await doctor({ url: stub.url, caFile: "../ca.crt" }, env);
  expect(code).toBe(0);
  const warned = checks.filter(({ result }) => result === "warn").map(({ what }) => what);
  expect(warned).toEqual(expect.arrayContaining(["other clusters", "variables"]));
  expect(warned).not.toContain("model providers, directly");
  expect(JSON.stringify(checks)).not.toContain("hunter2");
});

describe("doctor takes for an agent's container", () => {
  const cases: [what: string, env: Record<string, string>, contained: boolean | undefined, is: boolean][] = [
    ["a machine of which nobody says so: no", {}, undefined, false],
    ["a pod: yes", { KUBERNETES_SERVICE_HOST: "10.96.0.1" }, undefined, true],
    ["what SALLYPORT_CONTAINED says is one: yes", { SALLYPORT_CONTAINED: "1" }, undefined, true],
    [
      "a pod that SALLYPORT_CONTAINED=0 says is none: no",
      { KUBERNETES_SERVICE_HOST: "a", SALLYPORT_CONTAINED: "0" },
      undefined,
      false,
    ],
    ["any machine with --contained: yes", { SALLYPORT_CONTAINED: "0" }, true, true],
    ["a pod with --no-contained: no", { KUBERNETES_SERVICE_HOST: "10.96.0.1" }, false, false],
  ];
  test.each(cases)("%s", (_what, env, contained, is) => {
    expect(thisScene(env, undefined, { contained }).contained).toBe(is);
  });
});

test("doctor says what to do where nothing is configured", async () => {
  const { code, checks } = await doctor(undefined);
  expect(code).toBe(1);
  expect(checks.at(-1)).toMatchObject({
    result: "failed",
    what: "configuration",
    next: expect.stringContaining("sallyport login"),
  });
});

const broken: [what: string, context: () => object, check: string][] = [
  ["whose configuration has an unknown key", () => ({ url: stub.url, sever: "x" }), "configuration"],
  ["whose gateway's authority is not trusted", () => ({ url: stub.url }), "gateway"],
  ["whose gateway does not run", () => ({ url: "https://127.0.0.1:1" }), "gateway"],
  ["whose gateway's URL is something else's", () => ({ url: `${stub.url}/else`, caFile: "../ca.crt" }), "gateway"],
];
test.each(broken)("doctor fails on a machine %s", async (_what, context, check) => {
  const { code, results } = await doctor(context());
  expect([code, results[check]]).toEqual([1, "failed"]);
});

test("a node older than 24 fails", () => {
  expect([checkNode("20.19.0").result, checkNode("24.0.0").result]).toEqual(["failed", "ok"]);
});

describe("a clock", () => {
  const now = Date.parse("2026-11-22T10:00:00Z");
  const cases: [what: string, date: string | undefined, result: string][] = [
    ["that agrees is ok", "Sun, 22 Nov 2026 09:59:45 GMT", "ok"],
    ["that is a minute late fails", "Sun, 22 Nov 2026 10:01:00 GMT", "failed"],
    ["that is a minute early fails", "Sun, 22 Nov 2026 09:59:00 GMT", "failed"],
    ["of a gateway without one is a warning", undefined, "warn"],
  ];
  test.each(cases)("%s", (_what, date, result) => {
    expect(checkClock(date, now).result).toBe(result);
  });
});

describe("a token file", () => {
  const jwt = (claims: object) => `e30.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.s`;
  const cases: [what: string, content: string | undefined, result: string][] = [
    ["with time left is ok", jwt({ exp: 2000 }), "ok"],
    ["that expired fails", jwt({ exp: 999 }), "failed"],
    ["without exp fails", jwt({}), "failed"],
    ["that holds no JWT fails", "hunter2", "failed"],
    ["that is empty fails", "", "failed"],
    ["that is missing fails", undefined, "failed"],
  ];
  test.each(cases)("%s", (_what, content, result) => {
    const path = join(folder, "id-token");
    rmSync(path, { force: true });
    if (content !== undefined) writeFileSync(path, content);
    const check = checkTokenFile(path, 1_000_000);
    expect(check.result).toBe(result);
    expect(JSON.stringify(check)).not.toContain("hunter2");
  });
});

describe("the context", () => {
  const write = (context: object): NodeJS.ProcessEnv => {
    writeFileSync(join(folder, "sallyport", "config.yaml"), stringify(context));
    return { XDG_CONFIG_HOME: folder };
  };

  test("is the file's, with paths relative to it", () => {
    expect(loadContext(write({ url: "https://a.example.com/", connection: "prod", caFile: "ca.crt" }))).toMatchObject({
      url: "https://a.example.com",
      connection: "prod",
      caFile: join(folder, "sallyport", "ca.crt"),
    });
  });

  test("is the environment's first", () => {
    const env = {
      ...write({ url: "https://a.example.com", connection: "prod" }),
      SALLYPORT_URL: "https://b.example.com",
      SALLYPORT_CONNECTION: "dev",
      SALLYPORT_ID_TOKEN_FILE: "/t",
    };
    expect(loadContext(env)).toMatchObject({ url: "https://b.example.com", connection: "dev", idTokenFile: "/t" });
  });

  test("over http is refused: a token would go in the clear", () => {
    expect(() => loadContext({ SALLYPORT_URL: "http://b.example.com", XDG_CONFIG_HOME: "/nowhere" })).toThrow(/https/);
  });
});
