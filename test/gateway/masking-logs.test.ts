import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { causesOf, kube, open, type Reply, send, spooled, until } from "./client.ts";
import { answerJson } from "./cluster.ts";
import { type Rig, startRig } from "./rig.ts";
import { ENCODED, expectNoValue, SECRETS, secret, VALUE } from "./secret.ts";

let rig: Rig;
let token: string;
beforeAll(async () => {
  rig = await startRig({
    guardrails: {
      scopes: [
        { name: "bob", match: { users: ["dev:bob@example.com"] }, rules: { "secrets/read": { effect: "allow" } } },
      ],
    },
  });
});
afterAll(() => rig.close());

const PODS = "/api/v1/namespaces/shop/pods";
const STARS = "*".repeat(VALUE.length);
let spec: object;
let log: string[];
let secrets: Record<string, { status: number; body: object }>;
const ref = (name: string) => ({ secretKeyRef: { name, key: "password" } });

beforeEach(async () => {
  token = await newSession("agent");
  rig.upstream.seen.splice(0);
  spec = { containers: [{ name: "app", env: [{ name: "PASSWORD", valueFrom: ref("db") }] }] };
  log = [`connecting with ${VALUE}\n`, "done\n"];
  secrets = { db: { status: 200, body: secret() } };
  rig.upstream.answer = ({ url }, res) => {
    const [path = ""] = url.split("?", 1);
    const name = path.split("/").at(-1) ?? "";
    if (path.endsWith("/log")) {
      res.writeHead(200, { "content-type": "text/plain" });
      for (const part of log) res.write(part);
      res.end();
    } else if (path.startsWith(SECRETS)) {
      const found = secrets[name] ?? { status: 404, body: { kind: "Status", code: 404 } };
      answerJson(res, found.status, found.body);
    } else if (path === `${PODS}/web`) answerJson(res, 200, { kind: "Pod", metadata: { name: "web" }, spec });
    else answerJson(res, 404, { kind: "Status", status: "Failure", code: 404, message: `pods "${name}" not found` });
  };
});

/** A session of its own, which knows nothing yet. */
async function newSession(login: string): Promise<string> {
  const body = {
    grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
    subject_token: await rig.token(login),
    subject_token_type: "urn:ietf:params:oauth:token-type:id_token",
  };
  return String((await send(rig, "POST", "/session", { body })).json?.access_token);
}

const readLog = (query = ""): Promise<Reply> => kube(rig, "GET", `${PODS}/web/log${query}`, { token });
const asked = (): string[] => rig.upstream.seen.map(({ url }) => url);

describe("a log", () => {
  test("shows none of the values of the Secrets that its pod consumes, and as many bytes as there were", async () => {
    const reply = await readLog();
    expect(reply).toMatchObject({ status: 200, text: `connecting with ${STARS}\ndone\n` });
    const [pod, consumed, answered] = rig.upstream.seen;
    expect(asked()).toEqual([`${PODS}/web`, `${SECRETS}/db`, `${PODS}/web/log`]);
    // The pod is read with the caller's rights, its Secrets with the gateway's own.
    expect([pod, consumed, answered].map((seen) => seen?.headers["impersonate-user"] !== undefined)).toEqual([
      true,
      false,
      true,
    ]);
  });

  const consumers: [title: string, spec: object][] = [
    ["env of an init container", { initContainers: [{ env: [{ valueFrom: ref("db") }] }] }],
    ["env of an ephemeral container", { ephemeralContainers: [{ env: [{ valueFrom: ref("db") }] }] }],
    ["envFrom", { containers: [{ envFrom: [{ configMapRef: { name: "x" } }, { secretRef: { name: "db" } }] }] }],
    ["a volume", { volumes: [{ name: "v", secret: { secretName: "db" } }] }],
    ["a projected volume", { volumes: [{ projected: { sources: [{ secret: { name: "db" } }] } }] }],
    ["a CSI volume", { volumes: [{ csi: { driver: "d", nodePublishSecretRef: { name: "db" } } }] }],
    ["an Azure file share", { volumes: [{ azureFile: { secretName: "db" } }] }],
    ["imagePullSecrets", { imagePullSecrets: [{ name: "db" }] }],
  ];
  test.each(consumers)("of a pod that consumes a Secret by %s", async (_title, consumer) => {
    spec = { ...consumer };
    expect((await readLog()).text).toBe(`connecting with ${STARS}\ndone\n`);
  });

  test("hoop inspector: hides a value that comes in pieces, in base64, and line by line", async () => {
    log = [..."as it is: ", ...VALUE, "\nencoded: ", ENCODED.slice(0, 9), ENCODED.slice(9), "\n"];
    const { text } = await readLog();
    expectNoValue(text);
    expect(text).toBe(`as it is: ${STARS}\nencoded: ${"*".repeat(ENCODED.length)}\n`);
  });

  test("of a pod that consumes none passes, and so does what the pod's Secrets do not hold", async () => {
    spec = {};
    expect((await readLog()).text).toBe(log.join(""));
    expect(asked()).toEqual([`${PODS}/web`, `${PODS}/web/log`]);
  });

  test("passes a value that policy would let the caller read", async () => {
    token = await newSession("bob");
    expect((await readLog()).text).toBe(log.join(""));
    expect(asked()).toEqual([`${PODS}/web`, `${PODS}/web/log`]);
  });

  test("of a pod whose Secret the gateway cannot read is refused, with the rule that it lacks", async () => {
    spec = { containers: [{ env: [{ valueFrom: ref("closed") }] }] };
    secrets.closed = { status: 403, body: { kind: "Status", code: 403 } };
    const reply = await readLog();
    expect(reply.status).toBe(403);
    expect(causesOf(reply)).toEqual(["request/outcome-unknown"]);
    expect(reply.json?.message).toContain("the verb get on secrets");
    expect(asked()).not.toContain(`${PODS}/web/log`);
  });

  test("of a pod whose Secret is not there passes: the reference is optional", async () => {
    spec = { containers: [{ env: [{ valueFrom: ref("gone") }] }] };
    expect((await readLog()).text).toBe(log.join(""));
  });

  test("of a pod that is not there is the API server's own 404", async () => {
    const reply = await kube(rig, "GET", `${PODS}/gone/log`, { token });
    expect(reply).toMatchObject({ status: 404, json: { message: 'pods "gone" not found' } });
  });

  test("of a pod with more Secrets than can be looked for is refused", async () => {
    spec = { imagePullSecrets: Array.from({ length: 65 }, (_, i) => ({ name: `s${i}` })) };
    expect((await readLog()).status).toBe(403);
    expect(asked()).toEqual([`${PODS}/web`]);
  });

  test("is on record with the fields whose values it would have shown, and none of the values", async () => {
    const reply = await readLog();
    const row = await until(() =>
      spooled(rig).find((one) => one.exchange_id === reply.headers["audit-id"] && one.kind === "request.outcome"),
    );
    expect(row.masked_fields).toEqual(["shop/db:data.password"]);
    expect(JSON.parse(row.payload).masked).toEqual({
      "shop/db:data.password": expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    expectNoValue(JSON.stringify(spooled(rig)));
  });
});

describe("what was masked in a session", () => {
  test("is hidden in the logs of other pods of that session, and of no other", async () => {
    spec = {};
    expect((await readLog()).text).toBe(log.join(""));
    expectNoValue((await kube(rig, "GET", `${SECRETS}/db`, { token })).text);
    expect((await readLog()).text).toBe(`connecting with ${STARS}\ndone\n`);
    token = await newSession("agent");
    expect((await readLog()).text).toBe(log.join(""));
  });

  test("is hidden in a followed log from when the session knows it", async () => {
    spec = {};
    rig.upstream.answer = ((answer) => (seen, res) => {
      if (!seen.url.includes("/log")) return answer(seen, res);
      res.writeHead(200, { "content-type": "text/plain" });
      res.write("ready\n");
      const timer = setInterval(() => res.write(`it is ${VALUE}\n`), 20);
      res.on("close", () => clearInterval(timer));
    })(rig.upstream.answer);
    const { body } = await open(rig, "GET", `/connections/local${PODS}/web/log?follow=true`, { token });
    let text = "";
    for await (const chunk of body) {
      if (text === "") await kube(rig, "GET", `${SECRETS}/db`, { token });
      text += String(chunk);
      if (text.split(STARS).length > 3) break;
    }
    expect(text.slice(text.indexOf(STARS))).not.toContain(VALUE);
  });

  test("is masked in other objects of that session, whose names stay", async () => {
    const config = {
      kind: "ConfigMap",
      apiVersion: "v1",
      metadata: { name: VALUE, namespace: "shop", annotations: { url: `postgres://app:${VALUE}@db` } },
      data: { password: VALUE, encoded: ENCODED, other: "postgres" },
    };
    await kube(rig, "GET", `${SECRETS}/db`, { token });
    rig.upstream.answer = (_seen, res) => answerJson(res, 200, config);
    const reply = await kube(rig, "GET", "/api/v1/namespaces/shop/configmaps/x", { token });
    expect(reply.json).toEqual({
      ...config,
      metadata: { ...config.metadata, annotations: { url: "postgres://app:**sallyport-masked**@db" } },
      data: {
        password: "**sallyport-masked**",
        encoded: Buffer.from("**sallyport-masked**").toString("base64"),
        other: "postgres",
      },
    });
  });
});
