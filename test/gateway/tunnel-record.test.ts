import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { EventRow } from "../../audit/event.ts";
import { eventsWithin } from "../../audit/queries.ts";
import { openStoreReader } from "../../audit/store/open.ts";
import { loadGatewayConfig } from "../../base/config/gateway.ts";
import { webSocketFrame } from "../kubernetes/websocket-encoder.ts";
import { children } from "./children.ts";
import { spooled, until } from "./client.ts";
import { type Rig, startRig } from "./rig.ts";
import {
  dial,
  down,
  EXEC,
  switchProtocols,
  type TunnelClient,
  type TunnelServer,
  up,
  V5,
  withPods,
} from "./tunnel-client.ts";

/** Scopes by namespace, so that one gateway records at each level. */
const LEVELS = { shop: "RequestResponse", typed: "Request", counted: "Metadata" };
let rig: Rig;
let token: string;
beforeAll(async () => {
  const scopes = Object.entries(LEVELS).map(([name, record]) => ({ name, match: { namespaces: [name] }, record }));
  rig = await startRig({ guardrails: { profiles: ["observe"], scopes } });
  token = await rig.token("agent");
  rig.upstream.answer = withPods(rig.upstream.answer);
});
afterAll(() => rig.close());
beforeEach(() => {
  rig.upstream.upgrade = undefined;
});

const EXIT_3 = JSON.stringify({
  status: "Failure",
  reason: "NonZeroExitCode",
  details: { causes: [{ reason: "ExitCode", message: "3" }] },
});

async function tunnel(namespace = "shop"): Promise<[TunnelClient, TunnelServer, string]> {
  const servers = switchProtocols(rig);
  const client = await dial(rig, `GET ${EXEC.replace("/shop/", `/${namespace}/`)}`, [
    `Authorization: Bearer ${token}`,
    ...V5,
  ]);
  expect(client.status).toBe(101);
  return [client, servers[0] as TunnelServer, client.headers["audit-id"] ?? ""];
}

/** What is on record of an exchange when it is over. */
async function recorded(id: string): Promise<EventRow[]> {
  const rows = (): EventRow[] => spooled(rig).filter((row) => row.exchange_id === id);
  await until(() => rows().some(({ kind }) => kind === "request.outcome"));
  return rows();
}

interface Frame {
  at: number;
  channel: string;
  stream: number;
  bytes: number;
  data?: string;
}

function framesOf(rows: readonly EventRow[]): Frame[] {
  return rows
    .filter(({ kind }) => kind === "stream.frame")
    .flatMap(({ payload }) => JSON.parse(payload).frames as Frame[]);
}

function closedOf(rows: readonly EventRow[]): Record<string, unknown> {
  return JSON.parse(rows.find(({ kind }) => kind === "stream.closed")?.payload ?? "{}");
}

/** A session that says something on each channel, and ends with exit code 3. */
async function say(client: TunnelClient, server: TunnelServer): Promise<void> {
  const request = [up(0, "typed"), up(4, '{"Width":80,"Height":24}'), up(255, Buffer.from([0]))];
  client.socket.write(Buffer.concat(request));
  await until(() => server.received().length === Buffer.concat(request).length);
  server.socket.end(
    Buffer.concat([
      down(1, "printed"),
      down(2, "complained"),
      down(3, EXIT_3),
      webSocketFrame(Buffer.from([3, 232]), { opcode: 8 }),
    ]),
  );
  await until(() => client.closed);
  client.socket.destroy();
}

const base64 = (text: string): string => Buffer.from(text).toString("base64");

describe("the record of a tunnel", () => {
  test("Warpgate: holds what was said on channels 0 to 4 and the close of 255, in its order and with its time", async () => {
    const [client, server, id] = await tunnel();
    const before = Date.now();
    await say(client, server);
    const rows = await recorded(id);
    const frames = framesOf(rows);
    expect(frames.map(({ at: _at, ...frame }) => frame)).toEqual([
      { channel: "stdin", stream: 0, bytes: 5, data: base64("typed") },
      { channel: "resize", stream: 4, bytes: 24, data: base64('{"Width":80,"Height":24}') },
      { channel: "stdout", stream: 1, bytes: 7, data: base64("printed") },
      { channel: "stderr", stream: 2, bytes: 10, data: base64("complained") },
      { channel: "error", stream: 3, bytes: EXIT_3.length, data: base64(EXIT_3) },
    ]);
    for (const { at } of frames) expect(Math.abs(at - before)).toBeLessThan(60_000);
    expect(rows.map(({ kind }) => kind)).toEqual([
      "request.intent",
      "stream.frame",
      "stream.closed",
      "request.outcome",
    ]);
  });

  test("its intent says what runs, since nobody knows when the outcome comes", async () => {
    const [client, server, id] = await tunnel();
    await say(client, server);
    const intent = (await recorded(id)).find(({ kind }) => kind === "request.intent");
    const { input } = JSON.parse(intent?.payload ?? "{}");
    const asked = new URL(EXEC, "https://gateway").searchParams.getAll("command");
    expect(asked.length).toBeGreaterThan(0);
    expect(input.exec).toMatchObject({ command: asked });
  });

  test("says how it ended: the exit code, bytes by channel and why", async () => {
    const [client, server, id] = await tunnel();
    await say(client, server);
    const rows = await recorded(id);
    expect(closedOf(rows)).toEqual({
      bytes: { stdin: 5, resize: 24, stdout: 7, stderr: 10, error: EXIT_3.length },
      exitCode: 3,
      reason: "the API server closed it",
      subprotocol: "v5.channel.k8s.io",
    });
    expect(rows.at(-1)).toMatchObject({ kind: "request.outcome", status: 101, response_bytes: 17 + EXIT_3.length });
  });

  test.each<[level: keyof typeof LEVELS, kept: string[], channels: string[]]>([
    ["typed", ["stdin", "resize", "error"], ["stdin", "resize", "stdout", "stderr", "error"]],
    ["counted", [], ["stdin", "resize", "stdout", "stderr", "error"]],
  ])("at the level of the scope %s keeps the data of %j only", async (namespace, kept, channels) => {
    const [client, server, id] = await tunnel(namespace);
    await say(client, server);
    const rows = await recorded(id);
    const frames = framesOf(rows);
    expect(frames.map(({ channel }) => channel)).toEqual(channels);
    expect(frames.filter(({ data }) => data !== undefined).map(({ channel }) => channel)).toEqual(kept);
    expect(closedOf(rows)).toMatchObject({ exitCode: 3 });
  });
});

test("a tunnel whose record cannot be kept ends", async () => {
  const before = new Set(children());
  const small = await startRig({
    guardrails: { profiles: ["observe"], defaults: { record: "RequestResponse" } },
    change: (config) => {
      config.audit = {
        spool: { path: "spool", maxBytes: 1_048_576, onFull: "refuse" },
        store: { embedded: "clickhouse" },
      };
    },
  });
  // A store that hangs takes nothing out of the spool.
  const store = children().filter((pid) => !before.has(pid));
  for (const pid of store) process.kill(pid, "SIGSTOP");
  try {
    const servers = switchProtocols(small);
    small.upstream.answer = withPods(small.upstream.answer);
    const bearer = `Authorization: Bearer ${await small.token("agent")}`;
    const client = await dial(small, `GET ${EXEC}`, [bearer, ...V5]);
    expect(client.status).toBe(101);
    const server = servers[0] as TunnelServer;
    const fill = setInterval(() => server.socket.write(down(1, Buffer.alloc(65_536, "x"))), 5);
    await until(() => client.closed && server.closed);
    clearInterval(fill);
    const again = await dial(small, `GET ${EXEC}`, [bearer, ...V5]);
    expect(again.status).toBe(503);
  } finally {
    for (const pid of store) process.kill(pid, "SIGCONT");
    await small.close();
  }
});

test("the record of a tunnel loses nothing of 24 MB that come as fast as they can, and neither does its client", {
  timeout: 60_000,
}, async () => {
  const PARTS = 768;
  const part = Buffer.alloc(32_768, "x");
  const numbered = (n: number): Buffer => {
    part.writeUInt32BE(n, 0);
    return part;
  };
  const [client, server, id] = await tunnel();
  for (let n = 0; n < PARTS; n++) {
    if (server.socket.write(down(1, numbered(n)))) continue;
    await new Promise((resolve) => server.socket.once("drain", resolve));
  }
  server.socket.end();
  await until(() => client.closed);
  client.socket.destroy();
  expect(client.received().length).toBe(PARTS * (part.length + 5));
  // What is shipped leaves the spool, so it is read in the store.
  await rig.gateway.close();
  const { audit, tenant } = loadGatewayConfig(rig.configFile);
  const store = await openStoreReader(audit.store);
  try {
    const rows = (await eventsWithin(store, tenant)).filter((row) => row.exchange_id === id);
    const data = Buffer.concat(framesOf(rows).map((frame) => Buffer.from(frame.data ?? "", "base64")));
    expect(data.length).toBe(PARTS * part.length);
    for (let n = 0; n < PARTS; n++) expect(data.readUInt32BE(n * part.length)).toBe(n);
    expect(closedOf(rows)).toMatchObject({ bytes: { stdout: data.length } });
  } finally {
    await store.close();
  }
});
