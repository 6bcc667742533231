import type { ServerResponse } from "node:http";
import { gunzipSync, gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { causesOf, kube, open, spooled, until } from "./client.ts";
import type { Rig } from "./rig.ts";
import { ENCODED, expectNoValue, MASKED, SECRETS, secret, VALUE } from "./secret.ts";
import { useRig } from "./use-rig.ts";

const CONFIG_MAPS = "/api/v1/namespaces/shop/configmaps";
/** Longer lists are masked item by item as they come. */
const LONG = 131_072;

let rig: Rig;
let token: string;
useRig(
  (opened) => {
    ({ rig, token } = opened);
  },
  {
    guardrails: {
      scopes: [{ name: "all", rules: { "secrets/list": { effect: "mask" } } }],
      masks: [{ group: "", resource: "configmaps", fields: ["data['db-password']"] }],
    },
  },
);

const JSON_TYPE = { "content-type": "application/json" };
const answerWith = (write: (res: ServerResponse, at: number) => void): void => {
  rig.upstream.answer = (seen, res) => write(res, Number(new URL(seen.url, "http://a").searchParams.get("at")));
};
const answerText = (text: string | Buffer): void => answerWith((res) => res.writeHead(200, JSON_TYPE).end(text));
const listOf = (items: object[], kind = "SecretList"): string =>
  `${JSON.stringify({ kind, apiVersion: "v1", metadata: { resourceVersion: "9", continue: "eyJ2IjoibWV0YSJ9" }, items })}\n`;
/** Secrets of some five kilobytes each. */
const secrets = (count: number): ReturnType<typeof secret>[] =>
  Array.from({ length: count }, (_, i) => {
    const one = secret();
    return { ...one, metadata: { ...one.metadata, name: `db-${i}`, labels: { padding: "x".repeat(4_500) } } };
  });
const LONG_LIST = listOf(secrets(60));
const itemsOf = (text: string): { data: unknown }[] => JSON.parse(text).items;
const cutOf = async (id: string): Promise<unknown> => {
  const row = await until(() => spooled(rig).find((one) => one.exchange_id === id && one.kind === "request.outcome"));
  return JSON.parse(row.payload).cut;
};

describe("hoop inspector: a long list is masked item by item", () => {
  test("every item, and what is around them stays byte for byte", async () => {
    expect(LONG_LIST.length).toBeGreaterThan(LONG);
    answerText(LONG_LIST);
    const { text, json, headers } = await kube(rig, "GET", SECRETS, { token });
    expectNoValue(text);
    expect(json?.items).toHaveLength(60);
    for (const item of itemsOf(text)) expect(item.data).toMatchObject({ password: MASKED });
    expect(text.slice(0, text.indexOf("[") + 1)).toBe(LONG_LIST.slice(0, LONG_LIST.indexOf("[") + 1));
    expect(text.endsWith("]}\n")).toBe(true);
    expect(headers["content-length"]).toBeUndefined();
  });

  test("items in which nothing is masked pass as the bytes that they were", async () => {
    const data = { n: 1, html: "<b>&</b>", text: "\u2028" };
    const plain = Array.from({ length: 800 }, (_, i) => ({
      metadata: { name: `a-${i}` },
      data: { ...data, x: "y".repeat(200) },
    }));
    const withMask = { metadata: { name: "z" }, data: { "db-password": "hunter2-hunter2" } };
    // As Go writes it, and with a number that JavaScript would write in another way.
    const item = JSON.stringify(plain).replaceAll("<", "\\u003c").replaceAll('"n":1', '"n":1.0');
    const sent = `{"kind":"ConfigMapList","apiVersion":"v1","metadata":{},"items":${item.slice(0, -1)},${JSON.stringify(withMask)}]}`;
    answerText(sent);
    const { text } = await kube(rig, "GET", CONFIG_MAPS, { token });
    expect(text).not.toContain("hunter2");
    // An escape makes an item worth a closer look, and one that is looked at is written anew.
    const same = sent.replaceAll('"n":1.0', '"n":1').replaceAll("\\u003c", "<");
    expect(JSON.parse(text).items.slice(0, -1)).toEqual(JSON.parse(same).items.slice(0, -1));
    const untouched = listOf(
      plain.map(({ metadata }) => ({ metadata, data: { n: 1, x: "y".repeat(200) } })),
    ).replaceAll('"n":1', '"n":1.0');
    answerText(untouched);
    expect((await kube(rig, "GET", CONFIG_MAPS, { token })).text).toBe(untouched);
  });

  test("a Secret split across chunks at every byte offset is masked whole", { timeout: 60_000 }, async () => {
    const offsets = Array.from({ length: JSON.stringify(secret()).length }, (_, i) => i);
    // The last item is the one that is cut, far behind what is read to tell a list.
    const from = LONG_LIST.lastIndexOf('{"kind":"Secret"');
    answerWith((res, at) => {
      res.writeHead(200, JSON_TYPE);
      res.write(LONG_LIST.slice(0, from + at));
      setTimeout(() => res.end(LONG_LIST.slice(from + at)), 2);
    });
    const every = process.env.SALLYPORT_TEST_ALL === "1" ? offsets : offsets.filter((at) => at % 7 === 0);
    while (every.length > 0) {
      const batch = every.splice(0, 16);
      for (const { text } of await Promise.all(batch.map((at) => kube(rig, "GET", `${SECRETS}?at=${at}`, { token })))) {
        expectNoValue(text);
        expect(JSON.parse(text).items).toHaveLength(60);
      }
    }
  });

  test("a short list split across chunks at every byte offset is masked whole", { timeout: 60_000 }, async () => {
    const short = listOf(secrets(1));
    const offsets = Array.from({ length: short.length }, (_, i) => i).filter((at) => at % 5 === 0);
    answerWith((res, at) => {
      res.writeHead(200, JSON_TYPE);
      res.write(short.slice(0, at));
      setTimeout(() => res.end(short.slice(at)), 2);
    });
    while (offsets.length > 0) {
      const batch = offsets.splice(0, 32);
      for (const { text } of await Promise.all(batch.map((at) => kube(rig, "GET", `${SECRETS}?at=${at}`, { token })))) {
        expectNoValue(text);
        expect(JSON.parse(text).items).toHaveLength(1);
      }
    }
  });

  test("a custom resource's list, which has its items before its metadata", async () => {
    const items = JSON.stringify(secrets(60));
    answerText(
      `{"apiVersion":"v1","items":${items},"kind":"SecretList","metadata":{"continue":"","resourceVersion":"9"}}\n`,
    );
    const { text, json } = await kube(rig, "GET", SECRETS, { token });
    expectNoValue(text);
    expect(json).toMatchObject({ kind: "SecretList", metadata: { resourceVersion: "9" } });
  });

  test("a Table of whole objects, and PartialObjectMetadata", async () => {
    const rows = secrets(60).map((object, i) => ({ cells: [`db-${i}`, VALUE], object }));
    const columnDefinitions = [{ name: "Name" }, { name: "Password" }];
    answerText(JSON.stringify({ kind: "Table", apiVersion: "meta.k8s.io/v1", metadata: {}, columnDefinitions, rows }));
    const table = await kube(rig, "GET", SECRETS, { token });
    expectNoValue(table.text);
    expect(table.json?.rows).toHaveLength(60);
    expect(table.text).toContain('{"cells":["db-7",');

    answerText(
      listOf(
        rows.map(({ object }) => ({ metadata: (object as { metadata: object }).metadata })),
        "PartialObjectMetadataList",
      ),
    );
    expectNoValue((await kube(rig, "GET", SECRETS, { token })).text);
  });

  test("a Table whose columns come after its rows is masked whole", async () => {
    const rows = secrets(60).map((object) => ({ cells: ["db", VALUE], object }));
    answerText(JSON.stringify({ kind: "Table", rows, columnDefinitions: [{ name: "Name" }, { name: "Password" }] }));
    const { text, headers } = await kube(rig, "GET", SECRETS, { token });
    expectNoValue(text);
    expect(Number(headers["content-length"])).toBe(Buffer.byteLength(text));
  });

  test("the first items reach the client before the last are sent", async () => {
    const rest = Promise.withResolvers<() => void>();
    const half = LONG_LIST.length - 20_000;
    answerWith((res) => {
      res.writeHead(200, JSON_TYPE).write(LONG_LIST.slice(0, half));
      rest.resolve(() => res.end(LONG_LIST.slice(half)));
    });
    const { body } = await open(rig, "GET", `/connections/local${SECRETS}`, { token });
    let text = "";
    let went = false;
    for await (const chunk of body) {
      text += String(chunk);
      if (went || !text.includes('"db-30"')) continue;
      went = true;
      (await rest.promise)();
    }
    expect(went).toBe(true);
    expect(JSON.parse(text).items).toHaveLength(60);
  });

  test("its masked fields are on record, a thousand at most", async () => {
    answerText(listOf(secrets(400)));
    const { headers } = await kube(rig, "GET", SECRETS, { token });
    const id = String(headers["audit-id"]);
    const row = await until(() => spooled(rig).find((one) => one.exchange_id === id && one.kind === "request.outcome"));
    expect(row.masked_fields).toHaveLength(1001);
    expect(row.masked_fields[0]).toMatch(/^shop\/db-0:/);
    expect(row.masked_fields.at(-1)).toMatch(/^\+\d+ more$/);
    expect(JSON.parse(row.payload).cut).toBeUndefined();
  });
});

const begun = LONG_LIST.slice(0, 200_000);
const BROKEN: [title: string, write: (res: ServerResponse) => void][] = [
  ["ends in the middle of an item", (res) => res.writeHead(200, JSON_TYPE).end(begun)],
  [
    "dies in the middle of an item",
    (res) => res.writeHead(200, JSON_TYPE).write(begun, () => setTimeout(() => res.destroy(), 50)),
  ],
  [
    "has sent less than its Content-Length",
    (res) => {
      res
        .writeHead(200, { ...JSON_TYPE, "content-length": String(LONG_LIST.length + 10) })
        .write(LONG_LIST, () => setTimeout(() => res.destroy(), 50));
    },
  ],
  ["sends a second list after the first", (res) => res.writeHead(200, JSON_TYPE).end(LONG_LIST + LONG_LIST)],
  [
    "sends its items twice",
    (res) =>
      res.writeHead(200, JSON_TYPE).end(`${LONG_LIST.trimEnd().slice(0, -1)},"items":[{"data":{"p":"${ENCODED}"}}]}`),
  ],
  [
    "sends a field after its items that no list has",
    (res) => res.writeHead(200, JSON_TYPE).end(`${LONG_LIST.trimEnd().slice(0, -1)},"data":{"p":"${ENCODED}"}}`),
  ],
  [
    "sends an item that is no object",
    (res) => res.writeHead(200, JSON_TYPE).end(`${LONG_LIST.trimEnd().slice(0, -2)},"${ENCODED}"]}`),
  ],
  [
    "sends an item that is no JSON",
    (res) => res.writeHead(200, JSON_TYPE).end(`${LONG_LIST.trimEnd().slice(0, -2)},{"data":${ENCODED}}]}`),
  ],
  [
    "sends an item over 8 MiB",
    (res) =>
      res.writeHead(200, JSON_TYPE).end(`${LONG_LIST.trimEnd().slice(0, -2)},{"data":{"p":"${"x".repeat(8_400_000)}`),
  ],
  [
    "sends bytes that are no UTF-8",
    (res) =>
      res
        .writeHead(200, JSON_TYPE)
        .end(
          Buffer.concat([
            Buffer.from(`${LONG_LIST.trimEnd().slice(0, -2)},{"a":"`),
            Buffer.from([0xff, 0xfe]),
            Buffer.from('"}]}'),
          ]),
        ),
  ],
  [
    "compressed the list and cut it",
    (res) =>
      res
        .writeHead(200, { ...JSON_TYPE, "content-encoding": "gzip" })
        .end(gzipSync(LONG_LIST, { level: 0 }).subarray(0, -40_000)),
  ],
];

describe("once a list has begun, an upstream that", () => {
  test.each(BROKEN)("%s cuts the connection, and that is on record", async (_title, write) => {
    answerWith(write);
    const { statusCode, headers, body } = await open(rig, "GET", `/connections/local${SECRETS}`, { token });
    expect(statusCode).toBe(200);
    let text = "";
    const read = async (): Promise<void> => {
      for await (const chunk of body) text += String(chunk);
    };
    await expect(read()).rejects.toThrow();
    expectNoValue(text);
    expect(await cutOf(String(headers["audit-id"]))).toEqual(expect.any(String));
  });

  test.each([
    ["a Content-Length that is too small", (bytes: string) => `Content-Length: ${bytes.length - 500}\r\n\r\n${bytes}`],
    [
      "a chunk that is no chunk",
      (bytes: string) => `Transfer-Encoding: chunked\r\n\r\n${(150_000).toString(16)}\r\n${bytes}`,
    ],
  ])("sends %s cuts the connection, and passes none of the surplus to the next request", async (_title, write) => {
    answerWith((res) => res.socket?.write(`HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n${write(LONG_LIST)}`));
    const { body, headers } = await open(rig, "GET", `/connections/local${SECRETS}`, { token });
    await expect(body.text()).rejects.toThrow();
    expect(await cutOf(String(headers["audit-id"]))).toEqual(expect.any(String));
    answerText(listOf(secrets(1)));
    expect(itemsOf((await kube(rig, "GET", SECRETS, { token })).text)).toHaveLength(1);
  });

  test.each([
    ["begins with a field that no list has is masked whole", `{"data":{"p":"${ENCODED}"},${LONG_LIST.slice(1)}`, 200],
    ["is no JSON is refused", `{"kind" ${LONG_LIST}`, 403],
    ["begins with a byte order mark is refused", `\ufeff${LONG_LIST}`, 403],
    [
      "sends a watch in place of a list is refused",
      `${JSON.stringify({ type: "ADDED", object: secret() })}\n`.repeat(400),
      403,
    ],
    [
      "sends more than can be masked whole is refused",
      `{"kind":"Secret","data":{"p":"${"x".repeat(17_000_000)}"}}`,
      403,
    ],
  ])("%s", async (_title, sent, status) => {
    answerText(sent);
    const reply = await kube(rig, "GET", SECRETS, { token });
    expect(reply.status).toBe(status);
    if (status === 403) expect(causesOf(reply)).toEqual(["request/unmaskable"]);
    expectNoValue(reply.text);
  });

  test("sends a list where a watch was asked is cut before any of it", async () => {
    answerText(listOf(secrets(2)));
    const { body, headers } = await open(rig, "GET", `/connections/local${SECRETS}?watch=1`, { token });
    await expect(body.text()).rejects.toThrow();
    expect(await cutOf(String(headers["audit-id"]))).toContain("asked for a watch");
  });
});

describe("gzip", () => {
  const gzipHeaders = { "accept-encoding": "gzip" };
  const raw = async (path: string, headers = gzipHeaders, bearer = token) => {
    const { body, headers: got } = await open(rig, "GET", `/connections/local${path}`, { token: bearer, headers });
    return { bytes: Buffer.from(await body.arrayBuffer()), got };
  };

  test.each([
    ["a long list", SECRETS, LONG_LIST],
    [
      "one long object",
      `${SECRETS}/db`,
      JSON.stringify({
        ...secret(),
        data: { a: ENCODED, ...Object.fromEntries(Array.from({ length: 9000 }, (_, i) => [`k${i}`, "eA=="])) },
      }),
    ],
  ])("%s is compressed for a client that accepts it, as the API server does", async (_title, path, sent) => {
    answerText(sent);
    const { bytes, got } = await raw(path);
    expect([got["content-encoding"], got.vary]).toEqual(["gzip", "Accept-Encoding"]);
    const text = gunzipSync(bytes).toString();
    expectNoValue(text);
    expect(JSON.parse(text)).toMatchObject({ apiVersion: "v1" });
    expect(rig.upstream.seen[0]?.headers["accept-encoding"]).toBeUndefined();
  });

  test.each([
    ["of 128 KiB and less", listOf(secrets(10)), SECRETS, gzipHeaders],
    ["for who does not accept it", LONG_LIST, SECRETS, { "accept-encoding": "deflate, gzip;q=0" }],
    [
      "that is a watch",
      `${JSON.stringify({ type: "ADDED", object: secret() })}\n`.repeat(400),
      `${SECRETS}?watch=1`,
      gzipHeaders,
    ],
  ])("is not used for an answer %s", async (_title, sent, path, headers) => {
    answerText(sent);
    const { bytes, got } = await raw(path, headers);
    expect([got["content-encoding"], got.vary]).toEqual([undefined, undefined]);
    expectNoValue(bytes.toString());
  });

  test("a list that the upstream compressed, split at many offsets, is masked and compressed anew", async () => {
    const sent = gzipSync(LONG_LIST);
    answerWith((res, at) => {
      res.writeHead(200, { ...JSON_TYPE, "content-encoding": "gzip", etag: '"of the upstream\'s bytes"' });
      res.write(sent.subarray(0, at));
      setTimeout(() => res.end(sent.subarray(at)), 2);
    });
    for (let at = 0; at < sent.length; at += Math.ceil(sent.length / 40)) {
      const { bytes, got } = await raw(`${SECRETS}?at=${at}`);
      const text = gunzipSync(bytes).toString();
      expectNoValue(text);
      expect(JSON.parse(text).items).toHaveLength(60);
      expect(got.etag).toBeUndefined();
    }
  });

  test("a bomb is cut", { timeout: 60_000 }, async () => {
    // 100 MB of items in 100 KB.
    const item = `{"a":"${"x".repeat(100_000)}"},`;
    const bomb = gzipSync(`{"kind":"SecretList","items":[${item.repeat(1_000)}{}]}`);
    answerWith((res) => res.writeHead(200, { ...JSON_TYPE, "content-encoding": "gzip" }).end(bomb));
    const { body, headers } = await open(rig, "GET", `/connections/local${SECRETS}`, { token });
    await expect(body.text()).rejects.toThrow();
    expect(await cutOf(String(headers["audit-id"]))).toContain("larger than any list");
  });

  test("an answer that no mask applies to passes byte for byte, with its encoding", async () => {
    const sent = gzipSync(LONG_LIST);
    answerWith((res) =>
      res.writeHead(200, { ...JSON_TYPE, "content-encoding": "gzip", vary: "Accept-Encoding" }).end(sent),
    );
    const { bytes, got } = await raw("/api/v1/namespaces/shop/services", gzipHeaders, await rig.token("bob"));
    expect(bytes.equals(sent)).toBe(true);
    expect([got["content-encoding"], got.vary]).toEqual(["gzip", "Accept-Encoding"]);
  });
});

test("a list does not run ahead of a client that does not read", async () => {
  let written = 0;
  const item = `${JSON.stringify({ ...secret(), spec: { padding: "x".repeat(60_000) } })},`;
  answerWith((res) => {
    res.writeHead(200, JSON_TYPE);
    res.write('{"kind":"SecretList","metadata":{},"items":[');
    const more = (): void => {
      while (!res.destroyed && res.write(item)) written += item.length;
      written += item.length;
      if (!res.destroyed) res.once("drain", more);
    };
    more();
  });
  const gone = new AbortController();
  const { body } = await open(rig, "GET", `/connections/local${SECRETS}`, { token, signal: gone.signal });
  body.on("error", () => {});
  let last = -1;
  while (last !== written) {
    last = written;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  gone.abort();
  expect(written).toBeGreaterThan(LONG);
  expect(written).toBeLessThan(64 * 1024 * 1024);
});
