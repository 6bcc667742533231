import { createHash } from "node:crypto";
import type { ServerResponse } from "node:http";
import { beforeEach, expect, test } from "vitest";
import type { EventRow } from "../../audit/event.ts";
import { framesOf } from "../../audit/stream-frames.ts";
import { open, spooled, until } from "./client.ts";
import { answerJson } from "./cluster.ts";
import type { Rig } from "./rig.ts";
import { useRig } from "./use-rig.ts";

let rig: Rig;
let token: string;
useRig(
  (opened) => {
    ({ rig, token } = opened);
  },
  { guardrails: { profiles: ["observe"], defaults: { record: "RequestResponse" } } },
);

const MiB = 1024 * 1024;
const PODS = "/connections/local/api/v1/namespaces/shop/pods";
let streams: ServerResponse[];
beforeEach(() => {
  streams = [];
  rig.upstream.answer = ({ url }, res) => {
    // Before a log is opened, the Secrets of its pod are looked up.
    if (url.endsWith("/pods/web")) return answerJson(res, 200, { kind: "Pod", metadata: { name: "web" }, spec: {} });
    res.writeHead(200, { "content-type": url.includes("watch") ? "application/json" : "text/plain" });
    streams.push(res);
  };
});

/** Opens a stream; the rest of its answer is the test's to write. */
async function opened(path: string, begin: Buffer | string = "") {
  const answer = open(rig, "GET", `${PODS}${path}`, { token, http: 1 });
  const upstream = await until(() => streams[0]);
  if (begin.length > 0) upstream.write(begin);
  else upstream.flushHeaders();
  const { body, headers } = await answer;
  return { upstream, body, id: String(headers["audit-id"]) };
}

const eventsOf = (id: string, kind: string): EventRow[] =>
  spooled(rig).filter((row) => row.exchange_id === id && row.kind === kind);
const recordedOf = (id: string): string =>
  eventsOf(id, "stream.frame")
    .flatMap((row) => [...framesOf(row)])
    .map(({ data }) => data?.toString() ?? "")
    .join("");

test.each([
  ["a watch", "?watch=true", `{"type":"ADDED","object":{"kind":"Pod","metadata":{"name":"a"}}}\n`],
  ["a followed log", "/web/log?follow=true", "one line of a log\n"],
])("%s is on record while it runs, and to its last byte", async (_, path, line) => {
  const { upstream, body, id } = await opened(path);
  body.on("error", () => {});
  upstream.write(line);
  await until(() => recordedOf(id).includes(line) || undefined);
  expect(eventsOf(id, "request.outcome")).toEqual([]);
  upstream.end(line);
  await body.text();
  const outcome = await until(() => eventsOf(id, "request.outcome")[0]);
  expect(outcome).toMatchObject({ response_bytes: line.length * 2, response_body: "" });
  expect(recordedOf(id)).toBe(line.repeat(2));
});

test("an answer of any length is on record whole, part by part", async () => {
  const megabyte = (n: number): Buffer => Buffer.alloc(MiB, `line of megabyte ${n}\n`);
  const { upstream, body, id } = await opened("/web/log", megabyte(0));
  const whole = createHash("sha256").update(megabyte(0));
  let written = 1;
  const writing = (async () => {
    for (; written < 40; written++) {
      const part = megabyte(written);
      whole.update(part);
      if (!upstream.write(part)) await new Promise((resolve) => upstream.once("drain", resolve));
    }
    upstream.end();
  })();
  let read = 0;
  for await (const chunk of body) read += (chunk as Buffer).length;
  await writing;
  expect(read).toBe(40 * MiB);
  const outcome = await until(() => eventsOf(id, "request.outcome")[0]);
  expect(outcome).toMatchObject({ response_bytes: 40 * MiB, response_body: whole.digest("hex") });
});
