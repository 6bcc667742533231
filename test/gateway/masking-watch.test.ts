import { afterAll, beforeAll, expect, test } from "vitest";
import { kube, open, spooled, until } from "./client.ts";
import { type Rig, startRig } from "./rig.ts";

const VALUE = "correct-horse-battery";
const ENCODED = Buffer.from(VALUE).toString("base64");
const WATCH = "/api/v1/namespaces/shop/secrets?watch=true";

let rig: Rig;
let token: string;
beforeAll(async () => {
  rig = await startRig({ guardrails: { scopes: [{ name: "all", rules: { "secrets/list": { effect: "mask" } } }] } });
  token = await rig.token("agent");
});
afterAll(() => rig.close());

const event = (type: string): string => {
  const metadata = { name: "db", namespace: "shop" };
  return `${JSON.stringify({ type, object: { kind: "Secret", apiVersion: "v1", metadata, data: { p: ENCODED } } })}\n`;
};
const bookmark = '{"type":"BOOKMARK","object":{"kind":"Secret","metadata":{"resourceVersion":"9"}}}\n';

test("hoop inspector: watch frames split at every byte offset are masked whole", async () => {
  const frames = Buffer.from(event("ADDED") + bookmark);
  const offsets = Array.from({ length: frames.length - 1 }, (_, i) => i + 1);
  rig.upstream.answer = (seen, res) => {
    const at = Number(new URL(seen.url, "http://a").searchParams.get("at"));
    res.writeHead(200, { "content-type": "application/json" });
    res.write(frames.subarray(0, at));
    setTimeout(() => res.end(frames.subarray(at)), 2);
  };
  while (offsets.length > 0) {
    const replies = await Promise.all(
      offsets.splice(0, 32).map((at) => kube(rig, "GET", `${WATCH}&at=${at}`, { token })),
    );
    for (const { text } of replies) {
      expect(text).not.toContain(ENCODED);
      expect(
        text
          .split("\n")
          .filter((line) => line !== "")
          .map((line) => JSON.parse(line).type),
      ).toEqual(["ADDED", "BOOKMARK"]);
    }
  }
});

test("a masked event arrives before the next one is sent", async () => {
  const sent = Promise.withResolvers<() => void>();
  rig.upstream.answer = (_seen, res) => {
    res.writeHead(200, { "content-type": "application/json" });
    res.write(event("ADDED"));
    sent.resolve(() => res.end(event("DELETED")));
  };
  const { body } = await open(rig, "GET", `/connections/local${WATCH}`, { token });
  const types: string[] = [];
  for await (const chunk of body) {
    for (const line of String(chunk).split("\n")) if (line !== "") types.push(JSON.parse(line).type);
    if (types.length === 1) (await sent.promise)();
  }
  expect(types).toEqual(["ADDED", "DELETED"]);
});

test.each([
  ["a frame that is no JSON", "not json\n"],
  ["a frame that the upstream leaves unfinished", event("MODIFIED").slice(0, -20)],
  ["a frame over the limit", `{"type":"ADDED","object":{"data":{"p":"${"x".repeat(9_000_000)}`],
])("%s destroys the connection after the frames before it, and is never passed", async (_title, broken) => {
  rig.upstream.answer = (_seen, res) => {
    res.writeHead(200, { "content-type": "application/json" });
    res.write(event("ADDED"));
    setTimeout(() => res.end(broken), 20);
  };
  const { body, headers } = await open(rig, "GET", `/connections/local${WATCH}`, { token });
  let text = "";
  const read = async (): Promise<void> => {
    for await (const chunk of body) text += String(chunk);
  };
  await expect(read()).rejects.toThrow();
  expect(text.split("\n").filter((line) => line !== "")).toHaveLength(1);
  expect(text).not.toContain(ENCODED);
  const id = String(headers["audit-id"]);
  const row = await until(() => spooled(rig).find((one) => one.exchange_id === id && one.kind === "request.outcome"));
  expect(JSON.parse(row.payload)).toHaveProperty("cut");
});
