import { afterEach, describe, expect, test } from "vitest";
import { kube, spooled, until } from "./client.ts";
import {
  block,
  CANCEL,
  END_HEADERS,
  END_STREAM,
  FRAME,
  frame,
  hello,
  PREFACE,
  type RawConnection,
  rawConnection,
  request,
} from "./h2.ts";
import type { Rig } from "./rig.ts";
import { useRig } from "./use-rig.ts";

let rig: Rig;
let token: string;
let connection: RawConnection | undefined;
useRig((opened) => {
  ({ rig, token } = opened);
});
afterEach(async () => {
  connection?.socket.destroy();
  // Whoever else is there notices nothing.
  expect((await kube(rig, "GET", "/api/v1/namespaces/shop/pods", { token })).status).toBe(200);
});

const PODS = "/connections/local/api/v1/namespaces/shop/pods";
const number = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};
const code = (value: number): Buffer => number(value);

describe("a connection that breaks HTTP/2 is closed", () => {
  const broken: [title: string, bytes: Buffer][] = [
    ["no preface at all", Buffer.from(`GET ${PODS} HTTP/1.1\r\nHost: localhost\r\n\r\n`)],
    ["half of the preface, and then something else", Buffer.concat([PREFACE.subarray(0, 18), Buffer.from("XXXXXX")])],
    ["a preface without SETTINGS", Buffer.concat([PREFACE, frame(FRAME.ping, 0, 0, Buffer.alloc(8))])],
    ["a frame over the announced size", Buffer.concat([hello(), frame(FRAME.data, 0, 1, Buffer.alloc(16_385))])],
    ["DATA on a stream that nobody opened", Buffer.concat([hello(), frame(FRAME.data, 0, 1, Buffer.from("x"))])],
    ["HEADERS on stream 0", Buffer.concat([hello(), frame(FRAME.headers, END_HEADERS, 0, block([]))])],
    ["HEADERS on a stream of the server's", Buffer.concat([hello(), frame(FRAME.headers, END_HEADERS, 2, block([]))])],
    ["SETTINGS of a bad length", Buffer.concat([hello(), frame(FRAME.settings, 0, 0, Buffer.alloc(5))])],
    ["a PING of a bad length", Buffer.concat([hello(), frame(FRAME.ping, 0, 0, Buffer.alloc(7))])],
    ["a WINDOW_UPDATE of nothing", Buffer.concat([hello(), frame(FRAME.windowUpdate, 0, 0, number(0))])],
    [
      "a window over its limit",
      Buffer.concat([hello(), ...Array.from({ length: 2 }, () => frame(FRAME.windowUpdate, 0, 0, number(0x7fffffff)))]),
    ],
    [
      "a header block that is no HPACK",
      Buffer.concat([hello(), frame(FRAME.headers, END_HEADERS, 1, Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff, 0xff]))]),
    ],
    [
      "a frame within a header block",
      Buffer.concat([
        hello(),
        frame(FRAME.headers, 0, 1, block([[":method", "GET"]])),
        frame(FRAME.ping, 0, 0, Buffer.alloc(8)),
      ]),
    ],
    [
      "CVE-2024-27316: CONTINUATION without an end",
      Buffer.concat([
        hello(),
        frame(FRAME.headers, 0, 1, block([[":method", "GET"]])),
        ...Array.from({ length: 200 }, (_, i) => frame(FRAME.continuation, 0, 1, block([[`x-${i}`, "y"]]))),
      ]),
    ],
    [
      "CVE-2019-9515: SETTINGS that are many in one frame",
      Buffer.concat([
        hello(),
        frame(
          FRAME.settings,
          0,
          0,
          Buffer.concat(Array.from({ length: 33 }, () => Buffer.from([0, 4, 0, 0, 255, 255]))),
        ),
      ]),
    ],
  ];
  test.each(broken)("%s", async (_title, bytes) => {
    const opened = await rawConnection(rig, bytes);
    connection = opened;
    await opened.closed;
    expect(rig.upstream.seen).toEqual([]);
  });
});

describe("a flood ends its own connection", () => {
  /** Sends what `next` makes until the connection is closed, reading answers or not. */
  async function flood(next: () => Buffer, options: { reads: boolean; rounds: number }): Promise<number> {
    const opened = await rawConnection(rig);
    connection = opened;
    if (!options.reads) opened.socket.pause();
    let rounds = 0;
    while (rounds < options.rounds && !opened.socket.destroyed && opened.ended(-1) === undefined) {
      rounds++;
      const room = opened.socket.write(next());
      if (!room)
        await Promise.race([opened.closed, new Promise((resolve) => opened.socket.once("drain", resolve)), late()]);
      else await new Promise((resolve) => setImmediate(resolve));
    }
    opened.socket.resume();
    await until(() => opened.ended(-1) !== undefined || opened.socket.destroyed);
    return rounds;
  }
  const late = (): Promise<unknown> => new Promise((resolve) => setTimeout(resolve, 200));

  const repeat = (count: number, one: () => Buffer): Buffer => Buffer.concat(Array.from({ length: count }, one));

  test("CVE-2023-44487: streams that are opened and reset, again and again", async () => {
    const head = block(request("GET", "/connections/local/flooded", token));
    let stream = -1;
    const next = (): Buffer => {
      stream += 2;
      return Buffer.concat([
        frame(FRAME.headers, END_HEADERS | END_STREAM, stream, head),
        frame(FRAME.rstStream, 0, stream, code(CANCEL)),
      ]);
    };
    expect(await flood(() => repeat(100, next), { reads: true, rounds: 200 })).toBeLessThan(50);
    const rows = await until(() => {
      const found = spooled(rig).filter(({ path, kind }) => path === "/flooded" && kind.startsWith("request."));
      return found.length > 50 && found;
    });
    expect(new Set(rows.map(({ source_ip }) => source_ip))).toEqual(new Set(["127.0.0.1"]));
  });

  test("CVE-2019-9512: PINGs whose answers are not read", async () => {
    const pings = repeat(10_000, () => frame(FRAME.ping, 0, 0, Buffer.alloc(8)));
    expect(await flood(() => pings, { reads: false, rounds: 500 })).toBeLessThan(500);
  });

  test("CVE-2019-9515: SETTINGS whose answers are not read", async () => {
    const settings = repeat(10_000, () => frame(FRAME.settings, 0, 0));
    expect(await flood(() => settings, { reads: false, rounds: 500 })).toBeLessThan(500);
  });
});

test("a request whose connection breaks in the same breath is on record with its address, and as forwarded if it was", async () => {
  const opened = await rawConnection(rig);
  connection = opened;
  opened.send(
    frame(FRAME.headers, END_HEADERS | END_STREAM, 1, block(request("GET", "/connections/local/broken", token))),
    frame(FRAME.data, 0, 0, Buffer.from("x")),
  );
  await opened.closed;
  const row = await until(() => spooled(rig).find(({ path }) => path === "/broken"));
  expect(row).toMatchObject({ source_ip: "127.0.0.1" });
  const forwarded = rig.upstream.seen.filter(({ url }) => url === "/broken").length;
  expect([forwarded, row.kind]).toEqual(forwarded === 0 ? [0, "request.refused"] : [1, "request.outcome"]);
});

test("a header list over its cap is refused, however small its compressed form (RFC 7541 §7.3)", async () => {
  const opened = await rawConnection(rig);
  connection = opened;
  const long = block([["x-bomb", "y".repeat(4_000)]]);
  // Put into the dynamic table once (0x40), and named by one byte sixty times.
  const bomb = Buffer.concat([
    block(request("GET", `${PODS}?bomb=1`, token)),
    Buffer.concat([Buffer.from([0x40]), long.subarray(1)]),
    Buffer.alloc(60, 0x80 | 62),
  ]);
  opened.send(frame(FRAME.headers, END_HEADERS | END_STREAM, 1, bomb));
  await until(() => opened.ended(1) !== undefined || opened.whole(1));
  expect(rig.upstream.seen.filter(({ url }) => url.includes("bomb"))).toEqual([]);
});
