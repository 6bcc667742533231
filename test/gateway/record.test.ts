import { describe, expect, test } from "vitest";
import { children } from "./children.ts";
import { causesOf, kube, spooled, until } from "./client.ts";
import { serveObjects } from "./cluster.ts";
import { type Rig, startRig } from "./rig.ts";
import { useRig } from "./use-rig.ts";

let rig: Rig;
let token: string;
useRig((opened) => {
  ({ rig, token } = opened);
});

const PODS = "/api/v1/namespaces/shop/pods";
const CONFIG_MAPS = "/api/v1/namespaces/shop/configmaps";
const pod = { kind: "Pod", apiVersion: "v1", metadata: { name: "a" }, spec: { containers: [] } };

describe("the record of an exchange", () => {
  test("has the intent of a write on disk before the API server sees it", async () => {
    let intents: string[] = [];
    rig.upstream.answer = ({ method, headers }, res) => {
      // Nothing is stored yet, where policy asks.
      if (method === "GET") return void res.writeHead(404, { "content-type": "application/json" }).end("{}");
      const id = headers["audit-id"];
      intents = spooled(rig)
        .filter((row) => row.exchange_id === id)
        .map(({ kind }) => kind);
      res.writeHead(201, { "content-type": "application/json" }).end("{}");
    };
    for (const [method, path] of [
      ["POST", CONFIG_MAPS],
      ["PUT", `${CONFIG_MAPS}/a`],
      ["DELETE", `${CONFIG_MAPS}/a`],
    ] as const) {
      intents = [];
      await kube(rig, method, path, { token, ...(method === "DELETE" ? {} : { body: pod }) });
      expect(intents).toEqual(["request.intent"]);
    }
  });

  test("names by Audit-ID each call that the API server saw exactly once, gather calls under ids of their own", async () => {
    serveObjects(rig.upstream);
    const before = spooled(rig).length;
    await kube(rig, "POST", PODS, { token, body: pod });
    await kube(rig, "GET", `${PODS}/a`, { token });
    const patch = { token, headers: { "content-type": "application/merge-patch+json" }, body: { spec: { a: 1 } } };
    await kube(rig, "PATCH", `${PODS}/a`, patch);
    await kube(rig, "GET", "/api/v1/secrets", { token });
    const ids = rig.upstream.seen.map(({ headers }) => String(headers["audit-id"]));
    expect(new Set(ids).size).toBe(ids.length);
    const last = await until(() =>
      spooled(rig).find((row) => row.exchange_id === ids.at(-1) && row.kind !== "request.intent"),
    );
    expect(last.kind).toBe("request.outcome");
    const forwarded = spooled(rig)
      .slice(before)
      .filter((row) => ["gather", "request.outcome"].includes(row.kind) && JSON.parse(row.payload).forwarded === true);
    for (const id of ids) expect(forwarded.filter((row) => row.exchange_id === id)).toHaveLength(1);
    const parents = forwarded.filter((row) => row.kind === "gather").map((row) => JSON.parse(row.payload).parent);
    expect(parents.every((parent: string) => ids.includes(parent))).toBe(true);
  });
});

test("a spool at its limit, its store hanging, refuses writes and reads with 503, and forwards nothing", async () => {
  const before = new Set(children());
  const small = await startRig({
    change: (config) => {
      config.audit = {
        spool: { path: "spool", maxBytes: 1_048_576, onFull: "refuse" },
        store: { embedded: "clickhouse" },
      };
    },
  });
  // The store is a process of its own; one that hangs takes nothing out of the spool.
  const store = children().filter((pid) => !before.has(pid));
  expect(store).toHaveLength(1);
  for (const pid of store) process.kill(pid, "SIGSTOP");
  try {
    const agent = await small.token("agent");
    const path = `${PODS}?labelSelector=${"x".repeat(2_000)}`;
    for (let i = 0; (await kube(small, "GET", path, { token: agent })).status === 200; i++) {
      if (i > 5_000) throw new Error("the spool never got full");
    }
    small.upstream.seen.splice(0);
    for (const reply of [
      await kube(small, "GET", PODS, { token: agent }),
      await kube(small, "POST", CONFIG_MAPS, { token: agent, body: pod }),
    ]) {
      expect(reply.status).toBe(503);
      expect(causesOf(reply)).toEqual(["request/recorder-unavailable"]);
    }
    expect(small.upstream.seen).toEqual([]);
  } finally {
    for (const pid of store) process.kill(pid, "SIGCONT");
    await small.close();
  }
});
