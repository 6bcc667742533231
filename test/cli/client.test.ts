import { mkdtempSync, rmSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type ApiClient, createClient } from "../../cli/client.ts";
import { startStub } from "./gateway-stub.ts";

let folder = "";
let stub: Awaited<ReturnType<typeof startStub>>;
let client: ApiClient;
let answer: (request: IncomingMessage, response: ServerResponse) => void;
let tokens = 0;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "sallyport-client-"));
  stub = await startStub(folder, (request, response) => answer(request, response));
  client = createClient(stub, async () => `token-${++tokens}`);
});
afterAll(async () => {
  await client.close();
  await stub.close();
  rmSync(folder, { recursive: true });
});

const problem = (status: number, body: object) => {
  answer = (_request, response) =>
    response.writeHead(status, { "content-type": "application/problem+json" }).end(JSON.stringify(body));
};

test("each request carries the token that is good now, its query and its JSON body", async () => {
  answer = (request, response) => {
    let body = "";
    request.on("data", (chunk) => {
      body += chunk;
    });
    request.on("end", () =>
      response.end(
        JSON.stringify({ url: request.url, method: request.method, auth: request.headers.authorization, body }),
      ),
    );
  };
  const before = tokens;
  const sent = await client.request("POST", "/v1alpha1/approvals/x-1/approve", {
    query: { limit: 2, state: undefined },
    body: { reason: "r" },
  });
  expect(sent).toEqual({
    url: "/v1alpha1/approvals/x-1/approve?limit=2",
    method: "POST",
    auth: `Bearer token-${before + 1}`,
    body: '{"reason":"r"}',
  });
  expect(await client.request("GET", "/x")).toMatchObject({ auth: `Bearer token-${before + 2}` });
});

const problems: [status: number, exitCode: number][] = [
  [400, 2],
  [401, 3],
  [403, 1],
  [404, 1],
  [409, 1],
  [422, 2],
  [503, 3],
];
test.each(problems)(
  "a problem with status %d keeps its detail, code and decision, and exits %d",
  async (status, exitCode) => {
    problem(status, { title: "t", detail: "not yours", code: "forbidden", decisionId: "d-1", next: "Ask." });
    await expect(client.request("GET", "/x")).rejects.toMatchObject({
      message: "not yours",
      code: "forbidden",
      decisionId: "d-1",
      next: "Ask.",
      status,
      exitCode,
    });
  },
);

test("a redirect is an error, and is not followed with the token", async () => {
  let asked = 0;
  answer = (_request, response) => {
    asked++;
    response.writeHead(307, { location: "/elsewhere" }).end();
  };
  await expect(client.request("GET", "/x")).rejects.toMatchObject({ status: 307 });
  expect(asked).toBe(1);
});

test("an answer that is not JSON is an error that names the gateway", async () => {
  answer = (_request, response) => response.end("<html>");
  await expect(client.request("GET", "/x")).rejects.toMatchObject({
    message: `${stub.url} answered something that is not JSON`,
  });
});

test("NDJSON comes value by value, whatever the chunks", async () => {
  answer = (_request, response) => {
    const bytes = Buffer.from('{"n":"é"}\n\n{"n":2}');
    for (const byte of bytes) response.write(Buffer.of(byte));
    response.end();
  };
  const values: unknown[] = [];
  for await (const value of client.lines("/x")) values.push(value);
  expect(values).toEqual([{ n: "é" }, { n: 2 }]);
});

test("NDJSON that breaks off is an error, never a shorter answer", async () => {
  answer = (_request, response) => {
    response.write('{"n":1}\n');
    setTimeout(() => response.destroy(), 50);
  };
  const values: unknown[] = [];
  const read = async () => {
    for await (const value of client.lines("/x")) values.push(value);
  };
  await expect(read()).rejects.toMatchObject({ exitCode: 3 });
  expect(values).toEqual([{ n: 1 }]);
});

test("a gateway whose authority is not trusted says which setting would", async () => {
  const stranger = createClient({ url: stub.url });
  await expect(stranger.request("GET", "/x")).rejects.toMatchObject({
    exitCode: 3,
    next: expect.stringContaining("caFile"),
  });
  await stranger.close();
});

test("a gateway that is not there is an error of the environment", async () => {
  const nobody = createClient({ url: "https://127.0.0.1:1" });
  await expect(nobody.request("GET", "/x")).rejects.toMatchObject({
    exitCode: 3,
    message: expect.stringContaining("ECONNREFUSED"),
  });
  await nobody.close();
});
