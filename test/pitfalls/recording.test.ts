import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import type { EventRow } from "../../audit/event.ts";
import { kube, spooled, until } from "../gateway/client.ts";
import type { Rig } from "../gateway/rig.ts";
import { useRig } from "../gateway/use-rig.ts";

let rig: Rig;
let token: string;
useRig(
  (opened) => {
    ({ rig, token } = opened);
  },
  { guardrails: { profiles: ["observe"], defaults: { record: "RequestResponse" } } },
);

const CONFIG_MAPS = "/api/v1/namespaces/shop/configmaps";
const configMap = JSON.stringify({ kind: "ConfigMap", apiVersion: "v1", metadata: { name: "a" }, data: { k: "v" } });
const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");

/** The event of that kind of the one exchange with this path. */
const recorded = (kind: EventRow["kind"], path: string): Promise<EventRow> =>
  until(() => spooled(rig).find((row) => row.kind === kind && row.path === path));

test("Warpgate: a body that came in chunks is on record whole", async () => {
  const body = Readable.from([configMap.slice(0, 10), configMap.slice(10)]);
  expect((await kube(rig, "POST", CONFIG_MAPS, { token, body })).status).toBe(200);
  expect((await recorded("request.intent", CONFIG_MAPS)).request_body).toBe(sha256(configMap));
});

test("Warpgate: an answer is asked for as an auditor can read it, and is on record so", async () => {
  rig.upstream.answer = ({ headers }, res) => {
    const zipped = /gzip/.test(String(headers["accept-encoding"]));
    res.writeHead(200, { "content-type": "application/json", ...(zipped ? { "content-encoding": "gzip" } : {}) });
    res.end(zipped ? gzipSync(configMap) : configMap);
  };
  const path = `${CONFIG_MAPS}/a`;
  const reply = await kube(rig, "GET", path, { token, headers: { "accept-encoding": "gzip" } });
  expect(reply.text).toBe(configMap);
  expect((await recorded("request.outcome", path)).response_body).toBe(sha256(configMap));
});
