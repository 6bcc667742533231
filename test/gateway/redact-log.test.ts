import type { ServerResponse } from "node:http";
import { setTimeout as wait } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { kube, open, spooled, until } from "./client.ts";
import { answerJson } from "./cluster.ts";
import { type Rig, startRig } from "./rig.ts";
import { ENCODED, expectNoValue, SECRETS, secret, VALUE } from "./secret.ts";

const LOG = "/api/v1/namespaces/shop/pods/web/log";
const STARS = "*".repeat(VALUE.length);
const TEXT = { "content-type": "text/plain" };

let rig: Rig;
/** Has read the Secret, masked; the other has not. */
let token: string;
let stranger: string;
let answerLog: (res: ServerResponse) => void;
beforeAll(async () => {
  rig = await startRig();
  token = await rig.token("agent");
  stranger = await rig.token("bob");
  rig.upstream.answer = (seen, res) => {
    if (seen.url.startsWith(LOG)) answerLog(res);
    else if (seen.url.startsWith(SECRETS)) answerJson(res, 200, secret());
    // The gateway looks at the pod for the Secrets that it consumes.
    else
      answerJson(res, 200, { kind: "Pod", apiVersion: "v1", metadata: { name: "web", namespace: "shop" }, spec: {} });
  };
  expectNoValue((await kube(rig, "GET", `${SECRETS}/db`, { token })).text);
});
afterAll(() => rig.close());
beforeEach(() => rig.upstream.seen.splice(0));

const line = `connecting with ${VALUE} or ${ENCODED} now\n`;

test("a value that its session saw masked is overwritten in a log, at every chunk border", {
  timeout: 60_000,
}, async () => {
  for (let at = 0; at <= line.length; at += 3) {
    answerLog = (res) => {
      res.writeHead(200, TEXT).write(line.slice(0, at));
      setTimeout(() => res.end(line.slice(at)), 2);
    };
    const { text } = await kube(rig, "GET", LOG, { token });
    expectNoValue(text);
    expect(text).toHaveLength(line.length);
    expect(text).toContain(`connecting with ${STARS} or`);
  }
});

test("a followed log flows, and what is held back comes out when it has been quiet", async () => {
  const more = Promise.withResolvers<ServerResponse>();
  answerLog = (res) => {
    res.writeHead(200, TEXT).write(`one\n${VALUE.slice(0, 9)}`);
    more.resolve(res);
  };
  const { body, headers } = await open(rig, "GET", `/connections/local${LOG}?follow=true`, { token });
  let text = "";
  body.on("data", (chunk: Buffer) => {
    text += String(chunk);
  });
  // A tail that could begin a value is held no longer than a person waits for it.
  await until(() => text === `one\n${VALUE.slice(0, 9)}`);
  const res = await more.promise;
  res.write(`${VALUE.slice(9)}\n`);
  await until(() => text.endsWith("*\n"));
  expect(text.slice(13)).toBe(`${"*".repeat(VALUE.length - 9)}\n`);
  res.end();
  await until(() => body.readableEnded);
  const row = await until(() =>
    spooled(rig).find((one) => one.exchange_id === headers["audit-id"] && one.status === 200),
  );
  expect(row.masked_fields).toEqual(["shop/db:data.password"]);
});

test("a log with a length keeps it out of the answer's head, and its bytes stay as many", async () => {
  answerLog = (res) => res.writeHead(200, { ...TEXT, "content-length": String(line.length) }).end(line);
  const { text } = await kube(rig, "GET", LOG, { token });
  expect(text).toHaveLength(line.length);
  expectNoValue(text);
});

test("hoop inspector: a log that its upstream compressed unasked is redacted too", async () => {
  answerLog = (res) => res.writeHead(200, { ...TEXT, "content-encoding": "gzip" }).end(gzipSync(line));
  const { text, headers } = await kube(rig, "GET", LOG, { token, headers: { "accept-encoding": "gzip" } });
  expect(rig.upstream.seen.at(-1)?.headers["accept-encoding"]).toBeUndefined();
  expect(headers["content-encoding"]).toBeUndefined();
  expectNoValue(text);
  expect(text).toContain(STARS);
});

test("a log that ends early is cut, and that is on record", async () => {
  answerLog = (res) => res.writeHead(200, TEXT).write(line, () => setTimeout(() => res.destroy(), 50));
  const { body, headers } = await open(rig, "GET", `/connections/local${LOG}?follow=true`, { token });
  await expect(body.text()).rejects.toThrow();
  const row = await until(() =>
    spooled(rig).find((one) => one.exchange_id === headers["audit-id"] && one.status === 200),
  );
  expect(JSON.parse(row.payload).cut).toContain("ended the answer early");
});

test("a session that knows nothing reads a log as it is", async () => {
  answerLog = (res) => res.writeHead(200, TEXT).end(line);
  expect((await kube(rig, "GET", LOG, { token: stranger })).text).toBe(line);
});

test("what a session gets to know while it follows a log is overwritten from then on", async () => {
  const followed = Promise.withResolvers<ServerResponse>();
  answerLog = (res) => {
    res.writeHead(200, TEXT).write(line);
    followed.resolve(res);
  };
  const { body } = await open(rig, "GET", `/connections/local${LOG}?follow=true`, { token: stranger });
  let text = "";
  body.on("data", (chunk: Buffer) => {
    text += String(chunk);
  });
  await until(() => text === line);
  await kube(rig, "GET", `${SECRETS}/db`, { token: stranger });
  const res = await followed.promise;
  res.end(line);
  await until(() => text.length === 2 * line.length);
  expect(text.slice(line.length)).toContain(STARS);
  await wait(0);
});
