import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { open, send, spooled, until } from "./client.ts";
import { type Rig, startRig } from "./rig.ts";

let rig: Rig;
let agent: string;

beforeAll(async () => {
  rig = await startRig();
  agent = await rig.token("agent");
});
afterAll(() => rig.close());

/** Answers after the client has gone. */
let gone: PromiseWithResolvers<void>;
beforeEach(() => {
  gone = Promise.withResolvers();
  rig.upstream.answer = async (_seen, res) => {
    await gone.promise;
    res.statusCode = 201;
    res.setHeader("content-type", "application/json");
    res.end('{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"a","resourceVersion":"1"}}');
  };
});

describe.each([1, 2] as const)("over HTTP/%d", (http) => {
  const leaveEarly = async (method: string, path: string, body?: object): Promise<void> => {
    const before = rig.upstream.seen.length;
    const leave = new AbortController();
    const asked = open(rig, method, `/connections/local${path}`, {
      token: agent,
      signal: leave.signal,
      http,
      ...(body === undefined ? {} : { body }),
    });
    await until(() => rig.upstream.seen.length > before);
    leave.abort();
    await expect(asked).rejects.toThrow();
    // The gateway hears of it by a packet of its own: another request's whole way is long enough for that.
    for (let i = 0; i < 3; i++) expect((await send(rig, "GET", "/connections/local/api", { http })).status).toBe(401);
    gone.resolve();
  };

  test("a write whose client left before its answer is on record with what came of it", async () => {
    await leaveEarly("POST", `/api/v1/namespaces/gone-${http}/configmaps`, {
      kind: "ConfigMap",
      metadata: { name: "a" },
    });
    const end = await until(() =>
      spooled(rig).find(({ kind, path }) => kind === "request.outcome" && path.includes(`/gone-${http}/configmaps`)),
    );
    expect(end.status).toBe(201);
    expect(JSON.parse(end.payload)).toMatchObject({ forwarded: true, cut: expect.stringContaining("client") });
    const sent = rig.upstream.seen.at(-1)?.headers["audit-id"];
    expect(end.exchange_id).toBe(sent);
    expect(spooled(rig).filter(({ kind, exchange_id }) => kind === "request.refused" && exchange_id === sent)).toEqual(
      [],
    );
  });

  test("the gateway's own question for a client that left is on record as asked, and the request as not forwarded", async () => {
    const secret = { kind: "Secret", apiVersion: "v1", metadata: { name: "b" }, stringData: { a: "value-of-it" } };
    await leaveEarly("PUT", `/api/v1/namespaces/asked-${http}/secrets/b`, secret);
    const refused = await until(() =>
      spooled(rig).find(({ kind, path }) => kind === "request.refused" && path.includes(`/asked-${http}/secrets`)),
    );
    expect(refused.status).toBe(499);
    expect(JSON.parse(refused.payload)).toMatchObject({ forwarded: false });
    const seen = rig.upstream.seen.filter(({ url }) => url.includes(`/asked-${http}/secrets`));
    // A question that is under way is on record once it was answered.
    const questions = await until(() => {
      const asked = spooled(rig).filter(
        ({ kind, path }) => kind === "gather" && path.includes(`/asked-${http}/secrets`),
      );
      return asked.length >= seen.length && asked;
    });
    expect(questions.map(({ exchange_id }) => exchange_id).sort()).toEqual(
      seen.map(({ headers }) => headers["audit-id"]).sort(),
    );
    for (const { payload } of questions) expect(JSON.parse(payload)).toMatchObject({ forwarded: true });
  });
});
