import { readFileSync, writeFileSync } from "node:fs";
import type { ServerResponse } from "node:http";
import type { ClientHttp2Session, ClientHttp2Stream } from "node:http2";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { send, spooled, until } from "./client.ts";
import {
  ask,
  block,
  CANCEL,
  END_HEADERS,
  END_STREAM,
  FRAME,
  frame,
  INTERNAL_ERROR,
  NO_ERROR,
  openSession,
  rawConnection,
  request,
} from "./h2.ts";
import { type Rig, startRig } from "./rig.ts";

let rig: Rig;
let token: string;
let session: ClientHttp2Session;
/** The answers that the stub upstream has begun. */
let answers: { res: ServerResponse; closed: boolean }[];
beforeAll(async () => {
  rig = await startRig({ guardrails: { profiles: ["baseline"] } });
  token = await rig.token("agent");
});
afterAll(() => rig.close());
beforeEach(() => {
  session = openSession(rig);
  rig.upstream.seen.splice(0);
  answers = [];
  rig.upstream.answer = (_seen, res) => {
    const answer = { res, closed: false };
    answers.push(answer);
    res.on("close", () => {
      answer.closed = true;
    });
    res.writeHead(200, { "content-type": "application/json" });
    res.write(`${EVENT}\n`);
  };
});
afterEach(() => session.destroy());

const EVENT = '{"type":"ADDED","object":{"kind":"Pod","metadata":{"name":"a"}}}';
const PODS = "/connections/local/api/v1/namespaces/shop/pods";
const WATCH = `${PODS}?watch=true`;
const list = (_seen: unknown, res: ServerResponse): void => {
  res.setHeader("content-type", "application/json");
  res.end('{"kind":"PodList","apiVersion":"v1","metadata":{},"items":[]}');
};
const headers = (path: string, method = "GET", bearer = token): Record<string, string> => ({
  ":method": method,
  ":path": path,
  authorization: `Bearer ${bearer}`,
});

interface Watch {
  stream: ClientHttp2Stream;
  id: string;
  events(): number;
  /** The code that it ended with, and whether its body came to a clean end. */
  ended: Promise<{ code: number; clean: boolean }>;
}

async function watch(path = WATCH, bearer = token): Promise<Watch> {
  const stream = session.request(headers(path, "GET", bearer));
  let events = 0;
  let clean = false;
  stream.on("error", () => {});
  stream.on("data", (chunk: Buffer) => {
    events += chunk.toString("utf8").split("\n").length - 1;
  });
  stream.on("end", () => {
    clean = true;
  });
  const ended = new Promise<{ code: number; clean: boolean }>((resolve) =>
    stream.on("close", () => resolve({ code: stream.rstCode, clean: clean && stream.rstCode === NO_ERROR })),
  );
  const id = await new Promise<string>((resolve) => stream.on("response", (head) => resolve(String(head["audit-id"]))));
  await until(() => events > 0);
  return { stream, id, events: () => events, ended };
}

const cutOf = async (id: string): Promise<unknown> => {
  const row = await until(() => spooled(rig).find((one) => one.exchange_id === id && one.kind === "request.outcome"));
  return JSON.parse(row.payload).cut;
};

describe("over HTTP/2", () => {
  test("1,000 requests on one connection are each answered with what is theirs", async () => {
    rig.upstream.answer = ({ url }, res) => {
      res.setHeader("content-type", "application/json");
      res.end(JSON.stringify({ kind: "Pod", metadata: { name: url.split("/").at(-1) } }));
    };
    // Fifty at a time: each in flight is a connection to the upstream, whose handshakes a busy machine takes long for.
    const replies: Awaited<ReturnType<typeof ask>>[] = [];
    let next = 0;
    const inTurn = async (): Promise<void> => {
      for (let i = next++; i < 1_000; i = next++) replies[i] = await ask(session, headers(`${PODS}/p-${i}`));
    };
    await Promise.all(Array.from({ length: 50 }, inTurn));
    expect(replies.map(({ text }) => JSON.parse(text).metadata.name)).toEqual(replies.map((_, i) => `p-${i}`));
    expect(new Set(replies.map((reply) => reply.headers["audit-id"])).size).toBe(1_000);
  });

  test("HEAD is answered by a head alone, and a refusal of one too", async () => {
    rig.upstream.answer = list;
    expect(await ask(session, headers(PODS, "HEAD"))).toMatchObject({ status: 200, text: "", code: NO_ERROR });
    expect(await ask(session, headers("/connections/none/api", "HEAD"))).toMatchObject({ status: 404, text: "" });
  });

  test.each([
    [
      "judged",
      "/connections/local/api/v1/namespaces/shop/configmaps",
      { kind: "ConfigMap", apiVersion: "v1", metadata: { name: "a" } },
    ],
    ["streamed", "/connections/local/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", { spec: {} }],
  ])("a body without a Content-Length that is %s goes upstream whole", async (_title, path, object) => {
    rig.upstream.answer = (_seen, res) => void res.writeHead(201).end("{}");
    const { status } = await ask(
      session,
      { ...headers(path, "POST"), "content-type": "application/json" },
      JSON.stringify(object),
    );
    expect(status).toBe(201);
    expect(JSON.parse(rig.upstream.seen.at(-1)?.body ?? "")).toEqual(object);
  });

  test.each([
    ["judged", "/connections/local/api/v1/namespaces/shop/configmaps", CANCEL],
    ["judged", "/connections/local/api/v1/namespaces/shop/configmaps", NO_ERROR],
    ["streamed", "/connections/local/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", CANCEL],
    ["streamed", "/connections/local/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", NO_ERROR],
  ])("a body that is %s and reset half-way is not forwarded as a whole", async (_title, path, code) => {
    rig.upstream.answer = list;
    const known = new Set(spooled(rig).map(({ exchange_id }) => exchange_id));
    const connection = await rawConnection(rig);
    const head = block([...request("POST", path, token), ["content-type", "application/json"]]);
    connection.send(
      frame(FRAME.headers, END_HEADERS, 1, head),
      frame(FRAME.data, 0, 1, Buffer.from('{"kind":"Half"}')),
    );
    // Until the gateway has begun to read it, there is nothing that could be taken for whole.
    await new Promise((resolve) => setTimeout(resolve, 200));
    const reset = Buffer.alloc(4);
    reset.writeUInt32BE(code);
    connection.send(frame(FRAME.rstStream, 0, 1, reset));
    const row = await until(() =>
      spooled(rig).find(({ exchange_id, status }) => !known.has(exchange_id) && status > 0),
    );
    connection.socket.destroy();
    expect(row).toMatchObject({ kind: "request.refused", status: 499 });
    expect(rig.upstream.seen).toEqual([]);
  });

  test("a body over its limit is refused while it is sent, and the rest of it is not waited for", async () => {
    const stream = session.request({
      ...headers("/connections/local/api/v1/namespaces/shop/configmaps", "POST"),
      "content-type": "application/json",
    });
    let status = 0;
    stream.on("error", () => {});
    stream.on("response", (head) => {
      status = Number(head[":status"]);
    });
    stream.resume();
    const part = Buffer.alloc(65_536, " ");
    const closed = new Promise((resolve) => stream.once("close", resolve));
    const more = (): void => {
      if (!stream.destroyed && !stream.closed) stream.write(part, () => more());
    };
    more();
    await closed;
    expect(status).toBe(413);
    expect(stream.rstCode).toBe(NO_ERROR);
    expect(rig.upstream.seen).toEqual([]);
  });

  test("an upstream that ends early resets the stream: what is missing is not passed off as whole", async () => {
    const { ended, id } = await watch();
    answers[0]?.res.destroy();
    expect(await ended).toEqual({ code: INTERNAL_ERROR, clean: false });
    expect(await cutOf(id)).toContain("the upstream ended the answer early");
  });

  test("an upstream that lies about Content-Length resets the stream", async () => {
    rig.upstream.answer = (_seen, res) => {
      res.writeHead(200, { "content-type": "application/json", "content-length": 1_000 });
      res.write("{}");
      setTimeout(() => res.destroy(), 50);
    };
    expect(await ask(session, headers(PODS))).toMatchObject({ status: 200, text: "{}", code: INTERNAL_ERROR });
  });

  test("an upstream's headers of one connection are not passed on, which HTTP/2 forbids", async () => {
    rig.upstream.answer = (_seen, res) => {
      const hop = { "keep-alive": "timeout=5", "proxy-connection": "x", "http2-settings": "x", te: "trailers" };
      res.writeHead(200, { "content-type": "application/json", ...hop }).end("{}");
    };
    const answer = await ask(session, headers(PODS));
    expect(answer.status).toBe(200);
    for (const name of ["connection", "keep-alive", "proxy-connection", "http2-settings", "te"])
      expect(answer.headers).not.toHaveProperty(name);
  });

  test("a watch shows its head before its first event, and each event as it comes", async () => {
    const { stream, events, ended } = await watch();
    for (let i = 2; i <= 5; i++) {
      answers[0]?.res.write(`${EVENT}\n`);
      await until(() => events() === i);
    }
    answers[0]?.res.end();
    expect(await ended).toEqual({ code: NO_ERROR, clean: true });
    expect(stream.rstCode).toBe(NO_ERROR);
  });

  test("a watch that its client cancels ends upstream, and the others of the connection go on", async () => {
    const one = await watch();
    const other = await watch();
    one.stream.close(CANCEL);
    await until(() => answers[0]?.closed);
    expect(await cutOf(one.id)).toBe("the client closed its connection");
    answers[1]?.res.write(`${EVENT}\n`);
    await until(() => other.events() === 2);
  });

  test("a client that ends a hundred watches and goes on in the same breath is served", async () => {
    const raw = await rawConnection(rig);
    const ids = Array.from({ length: 100 }, (_, i) => 2 * i + 1);
    const watch = block(request("GET", WATCH, token));
    raw.send(...ids.map((id) => frame(FRAME.headers, END_HEADERS | END_STREAM, id, watch)));
    await until(() => answers.length === ids.length);
    const cancel = Buffer.from([0, 0, 0, CANCEL]);
    const next = frame(FRAME.headers, END_HEADERS | END_STREAM, 201, block(request("GET", PODS, token)));
    raw.send(...ids.map((id) => frame(FRAME.rstStream, 0, id, cancel)), next);
    const first = await until(() => raw.frames.find(({ stream }) => stream === 201));
    expect(first.type).toBe(FRAME.headers);
    raw.socket.destroy();
  });

  test("a connection that is lost ends all its watches upstream", async () => {
    await Promise.all(Array.from({ length: 20 }, () => watch()));
    session.destroy();
    await until(() => answers.length === 20 && answers.every(({ closed }) => closed));
  });

  test("Teleport 51652: a watch ends with its session, reset", async () => {
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    const body = {
      grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
      subject_token: await rig.token("bob"),
      subject_token_type: "urn:ietf:params:oauth:token-type:id_token",
    };
    const bearer = String((await send(rig, "POST", "/session", { body })).json?.access_token);
    const { ended, id } = await watch(WATCH, bearer);
    expect((await send(rig, "DELETE", "/session", { token: bearer })).status).toBe(204);
    expect(await ended).toEqual({ code: INTERNAL_ERROR, clean: false });
    expect(await cutOf(id)).toBe("the session was ended");
  });

  test("watches end when a policy swap changes their verdict, reset", async () => {
    const opened = await Promise.all([watch(), watch()]);
    writeFileSync(
      rig.guardrailsFile,
      readFileSync(rig.guardrailsFile, "utf8").concat("defaults: {record: RequestResponse}\n"),
    );
    for (const { ended, id } of opened) {
      expect(await ended).toEqual({ code: INTERNAL_ERROR, clean: false });
      expect(await cutOf(id)).toBe("the policy that opened it has changed");
    }
    await until(() => answers.every(({ closed }) => closed));
  });

  test("a stream does not run ahead of a client that does not read, and holds up no other", async () => {
    let written = 0;
    const part = `${EVENT.padEnd(65_535)}\n`;
    rig.upstream.answer = (seen, res) => {
      if (!seen.url.includes("watch")) {
        list(seen, res);
        return;
      }
      res.writeHead(200, { "content-type": "application/json" });
      const more = (): void => {
        while (res.write(part)) written += part.length;
        written += part.length;
        res.once("drain", more);
      };
      more();
    };
    const streams = Array.from({ length: 5 }, () => session.request(headers(WATCH)));
    for (const stream of streams) stream.on("error", () => {}).pause();
    await until(() => written > 0);
    for (let last = -1; last !== written; ) {
      last = written;
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
    // What kernels keep of ten loopback sockets, and what the gateway may add to it.
    expect(written).toBeLessThan(5 * 32 * 1024 * 1024);
    expect((await ask(session, headers(PODS))).status).toBe(200);
  });
});

test("a gateway that ends says GOAWAY, ends watches, and lets what is under way finish", async () => {
  const kept = rig;
  rig = await startRig();
  try {
    rig.upstream.answer = kept.upstream.answer;
    token = await rig.token("agent");
    session.destroy();
    session = openSession(rig);
    const { ended } = await watch();
    const goaway = new Promise((resolve) => session.once("goaway", resolve));
    rig.upstream.answer = (_seen, res) => void setTimeout(() => res.end("{}"), 300);
    const slow = ask(session, headers(PODS));
    await until(() => rig.upstream.seen.length === 2);
    const closed = rig.gateway.close();
    expect((await ended).clean).toBe(false);
    expect(await slow).toMatchObject({ status: 200, text: "{}", code: NO_ERROR });
    expect(await goaway).toBe(NO_ERROR);
    await closed;
  } finally {
    await rig.close();
    rig = kept;
  }
});
