import { afterAll, beforeAll, expect, test } from "vitest";
import { decodeCbor } from "../../kubernetes/body/cbor.ts";
import { causesOf, kube, open, spooled, until } from "./client.ts";
import { type Rig, startRig } from "./rig.ts";
import { ENCODED, expectNoValue, MASKED, SECRETS, secret, VALUE } from "./secret.ts";

const WIDGETS = "/apis/example.com/v1/namespaces/shop/widgets";
const WATCH = "?watch=true";
const TABLE = { accept: "application/json;as=Table;v=v1;g=meta.k8s.io,application/json" };

let rig: Rig;
let token: string;
beforeAll(async () => {
  rig = await startRig({
    guardrails: {
      scopes: [{ name: "all", rules: { "secrets/list": { effect: "mask" } } }],
      masks: [{ group: "example.com", resource: "widgets", fields: ["spec.key"] }],
    },
  });
  token = await rig.token("agent");
});
afterAll(() => rig.close());

const answer = (text: string | Buffer): void => {
  rig.upstream.answer = (_seen, res) => res.writeHead(200, { "content-type": "application/json" }).end(text);
};
const frames = (...events: object[]): string => events.map((event) => `${JSON.stringify(event)}\n`).join("");
const eventsOf = (text: string): { type: string; object: Record<string, unknown> }[] =>
  text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
const table = (columnDefinitions: object[] | null, name: string, key: string) => ({
  kind: "Table",
  apiVersion: "meta.k8s.io/v1",
  metadata: { resourceVersion: "9" },
  columnDefinitions,
  rows: [
    { cells: [name, key, "5d"], object: { kind: "PartialObjectMetadata", metadata: { name, namespace: "shop" } } },
  ],
});

test("later events of a watch of Tables, which name no columns, are masked by those of the first", async () => {
  const columns = [{ name: "Name" }, { name: "Key" }, { name: "Age" }];
  answer(
    frames(
      { type: "ADDED", object: table(columns, "a", "correct-horse") },
      { type: "MODIFIED", object: table(null, "b", "correct-horse") },
      { type: "MODIFIED", object: table([], "c", "correct-horse") },
    ),
  );
  const { text } = await kube(rig, "GET", WIDGETS + WATCH, { token, headers: TABLE });
  expect(text).not.toContain("correct-horse");
  const tables = eventsOf(text).map(({ object }) => object as unknown as ReturnType<typeof table>);
  // Name and age stay readable in each, and the definitions are as they came.
  expect(tables.map(({ rows }) => [rows[0]?.cells[0], rows[0]?.cells[2]])).toEqual([
    ["a", "5d"],
    ["b", "5d"],
    ["c", "5d"],
  ]);
  expect(tables.map(({ columnDefinitions }) => columnDefinitions)).toEqual([columns, null, []]);
});

test("WatchList: the initial events are masked, and the bookmark that ends them keeps its annotation", async () => {
  const annotations = { "k8s.io/initial-events-end": "true" };
  const bookmark = {
    type: "BOOKMARK",
    object: {
      kind: "Secret",
      apiVersion: "v1",
      metadata: { resourceVersion: "260", creationTimestamp: null, annotations },
    },
  };
  answer(frames({ type: "ADDED", object: secret() }, bookmark, { type: "MODIFIED", object: secret() }));
  const query = `${WATCH}&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true`;
  const { text } = await kube(rig, "GET", SECRETS + query, { token });
  expectNoValue(text);
  const events = eventsOf(text);
  expect(events.map(({ type }) => type)).toEqual(["ADDED", "BOOKMARK", "MODIFIED"]);
  expect(events[1]).toEqual(bookmark);
  expect(rig.upstream.seen.at(-1)?.url).toBe(SECRETS + query);
});

test("a watch of metadata alone keeps the last-applied annotation masked", async () => {
  const { metadata } = secret();
  answer(frames({ type: "ADDED", object: { kind: "PartialObjectMetadata", apiVersion: "meta.k8s.io/v1", metadata } }));
  const headers = { accept: "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io" };
  expectNoValue((await kube(rig, "GET", SECRETS + WATCH, { token, headers })).text);
});

test("an ERROR event reaches the client, and the watch ends as its upstream ended it", async () => {
  const status = {
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Failure",
    message: "too old resource version: 1 (9)",
    reason: "Expired",
    code: 410,
  };
  answer(frames({ type: "ERROR", object: status }));
  const { text, status: code } = await kube(rig, "GET", `${SECRETS}${WATCH}&resourceVersion=1`, { token });
  expect(code).toBe(200);
  expect(eventsOf(text)[0]).toMatchObject({ type: "ERROR", object: { code: 410, reason: "Expired" } });
});

test("a frame in which nothing can be masked passes as the bytes that it was", async () => {
  const frame =
    '{"type":"ADDED","object":{"kind":"Widget","metadata":{"name":"a"},"spec":{"size":1.0,"html":"<b>"}}}\n';
  answer(frame);
  const stranger = await rig.token("bob");
  expect((await kube(rig, "GET", WIDGETS + WATCH, { token: stranger })).text).toBe(frame);
});

test.each([
  ["an object by itself", JSON.stringify(secret())],
  ["a type that there is not", JSON.stringify({ type: "SECRET", object: secret() })],
  ["an event without an object", '{"type":"ADDED"}'],
  ["an event whose object is text", `{"type":"ADDED","object":"${ENCODED}"}`],
  ["an event and more on one line", `${JSON.stringify({ type: "ADDED", object: secret() })}{}`],
  ["an event that is a key short of its end", JSON.stringify({ type: "ADDED", object: secret() }).slice(0, -1)],
  [
    "two objects in one event",
    `{"type":"ADDED","object":{},"object":${JSON.stringify(secret())}}`.replace("ADDED", "NONE"),
  ],
])("what is no event cuts the watch: %s", async (_title, line) => {
  answer(`${frames({ type: "ADDED", object: secret() })}${line}\n`);
  const { body, headers } = await open(rig, "GET", `/connections/local${SECRETS}${WATCH}`, { token });
  let text = "";
  const read = async (): Promise<void> => {
    for await (const chunk of body) text += String(chunk);
  };
  await expect(read()).rejects.toThrow();
  expectNoValue(text);
  const row = await until(() =>
    spooled(rig).find((one) => one.exchange_id === headers["audit-id"] && one.status === 200),
  );
  expect(JSON.parse(row.payload)).toHaveProperty("cut");
});

test("a client that reads nothing but CBOR gets masked events as a CBOR sequence", async () => {
  answer(frames({ type: "ADDED", object: secret() }));
  const { body, headers, statusCode } = await open(rig, "GET", `/connections/local${SECRETS}${WATCH}`, {
    token,
    headers: { accept: "application/cbor-seq, application/cbor" },
  });
  expect([statusCode, headers["content-type"]]).toEqual([200, "application/cbor-seq"]);
  const bytes = Buffer.from(await body.arrayBuffer());
  expectNoValue(bytes.toString("latin1"));
  // {type, object}, of which the object is self-described CBOR by itself.
  const object = bytes.subarray(bytes.lastIndexOf(Buffer.from("d9d9f7", "hex")));
  expect(bytes.subarray(0, -object.length).toString("latin1")).toBe("\xd9\xd9\xf7\xa2DtypeEADDEDFobject");
  expect(decodeCbor(object)).toMatchObject({ data: { password: MASKED } });
});

test("a watch in YAML is not acceptable, as to the API server", async () => {
  answer(frames({ type: "ADDED", object: secret() }));
  const reply = await kube(rig, "GET", SECRETS + WATCH, { token, headers: { accept: "application/yaml" } });
  expect(reply.status).toBe(406);
  expect(causesOf(reply)).toEqual(["request/not-acceptable"]);
  expectNoValue(reply.text);
});

test("a list for a client that reads nothing but CBOR is masked and written anew, up to a limit", async () => {
  const items = [secret(), secret()];
  answer(JSON.stringify({ kind: "SecretList", apiVersion: "v1", metadata: {}, items }));
  const { body, headers } = await open(rig, "GET", `/connections/local${SECRETS}`, {
    token,
    headers: { accept: "application/cbor" },
  });
  expect(headers["content-type"]).toBe("application/cbor");
  const bytes = Buffer.from(await body.arrayBuffer());
  expectNoValue(bytes.toString("latin1"));
  expect(decodeCbor(bytes)).toMatchObject({ kind: "SecretList", items: [{ data: { password: MASKED } }, {}] });

  answer(
    `{"kind":"SecretList","items":[${`${JSON.stringify({ ...secret(), spec: "x".repeat(100_000) })},`.repeat(170)}{}]}`,
  );
  const reply = await kube(rig, "GET", SECRETS, { token, headers: { accept: "application/cbor" } });
  expect(causesOf(reply)).toEqual(["request/unmaskable"]);
  expect(reply.text).not.toContain(VALUE);
});
