import { randomBytes } from "node:crypto";
import type { ServerResponse } from "node:http";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openStoreReader } from "../../audit/store/open.ts";
import { type Call, kube, type Reply, send, until } from "./client.ts";
import { answerJson } from "./cluster.ts";
import { type Rig, type Seen, startRig } from "./rig.ts";
import { filesBelow, recordFrom, recordOf, standingIn, standsIn } from "./search-record.ts";
import { dial, down, EXEC, SPDY, switchProtocols, type TunnelServer, up, V5 } from "./tunnel-client.ts";

/**
 * Every way by which a secret could get to the record. Each row has a value and a session of its own; what it does is
 * recorded in full (RequestResponse), and then the value is looked for in the raw bytes of the spool, in each encoding
 * that anything here writes. When the gateway has closed, the store is searched for all of them.
 */
const READABLE = Object.fromEntries(["read", "write", "list"].map((rule) => [`secrets/${rule}`, { effect: "allow" }]));
let rig: Rig;
beforeAll(async () => {
  rig = await startRig({
    guardrails: {
      profiles: ["baseline"],
      defaults: { record: "RequestResponse", approval: { approvers: ["group:dev:sre"], holdSeconds: 0 } },
      rules: {
        "secrets/write": { effect: "record" },
        "secrets/list": { effect: "mask" },
        "access/exec": { effect: "record" },
        "access/port-forward": { effect: "record" },
        "access/proxy": { effect: "record" },
        "identity/service-account-token": { effect: "record" },
        "workload/image-tag": { effect: "deny" },
      },
      scopes: [
        {
          name: "open",
          match: { namespaces: ["open"] },
          profiles: ["observe"],
          rules: READABLE,
        },
        { name: "quiet", match: { namespaces: ["quiet"] }, profiles: ["observe"], rules: READABLE, record: "Metadata" },
        { name: "shut", match: { namespaces: ["shut"] }, rules: { "secrets/write": { effect: "deny" } } },
        { name: "held", match: { namespaces: ["held"] }, rules: { "secrets/write": { effect: "hold" } } },
        { name: "counted", match: { namespaces: ["counted"] }, record: "Metadata" },
      ],
      masks: [
        { group: "", resource: "configmaps", fields: ["data['db-password']"], patterns: ["jwt", "private-key"] },
        { group: "", resource: "pods", fields: ["spec.containers[*].image", "spec.containers[*].env[*].value"] },
      ],
    },
  });
  rig.upstream.answer = answer;
});
afterAll(() => rig.close());

/** What the row that runs is about. */
interface Row {
  value: string;
  base64: string;
  token: string;
  /** What came on record since it began. */
  record(): Buffer[];
}
let row: Row;
const values: string[] = [];
/** What nothing marks as secret, and so is on record. */
let control = "";

async function newRow(
  shape: (random: string) => string = (random) => `${random}"q\\ ü<&>${random.toUpperCase()}`,
): Promise<Row> {
  const value = shape(randomBytes(9).toString("hex"));
  values.push(value);
  row = { value, base64: Buffer.from(value).toString("base64"), token: await newSession(), record: recordFrom(rig) };
  return row;
}

const idTokens = new Map<string, Promise<string>>();
function idToken(login: string): Promise<string> {
  const token = idTokens.get(login) ?? rig.token(login);
  idTokens.set(login, token);
  return token;
}

async function newSession(login = "agent"): Promise<string> {
  const body = {
    grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
    subject_token: await idToken(login),
    subject_token_type: "urn:ietf:params:oauth:token-type:id_token",
  };
  return String((await send(rig, "POST", "/session", { body })).json?.access_token);
}

const object = (kind: string, name: string, more: object): Record<string, unknown> => ({
  kind,
  apiVersion: "v1",
  metadata: { name, namespace: "shop", resourceVersion: "7", uid: "u" },
  ...more,
});
const secretOf = ({ base64 }: Row): Record<string, unknown> =>
  object("Secret", "db", { data: { password: base64 }, type: "Opaque" });
const SPEC = { containers: [{ name: "app", image: "registry.example.com/app:1" }] };

/** Objects as the row has them, writes as they came, and whatever else a row asks for. */
function answer(seen: Seen, res: ServerResponse): void {
  const { pathname, searchParams } = new URL(seen.url, "https://upstream");
  if (special?.(seen, res) === true) return;
  if (seen.method === "GET" && /\/secrets\/[\w-]+$/.test(pathname)) answerJson(res, 200, secretOf(row));
  else if (seen.method === "GET" && pathname.endsWith("/secrets")) {
    if (searchParams.get("watch") === null) {
      answerJson(res, 200, { kind: "SecretList", apiVersion: "v1", metadata: {}, items: [secretOf(row)] });
      return;
    }
    res.writeHead(200, { "content-type": "application/json" });
    res.end(`${JSON.stringify({ type: "ADDED", object: secretOf(row) })}\n`);
  } else if (seen.method === "GET" && /\/pods\/[\w-]+$/.test(pathname)) {
    answerJson(res, 200, object("Pod", "web", { spec: SPEC }));
  } else if (seen.method === "GET") answerJson(res, 200, object("ConfigMap", "x", { data: {} }));
  else answerJson(res, 200, echo(seen));
}
let special: ((seen: Seen, res: ServerResponse) => boolean) | undefined;

function echo({ body, url }: Seen): object {
  try {
    const sent = JSON.parse(body) as Record<string, unknown>;
    const stored = object("Secret", "db", {});
    const metadata = { ...(stored.metadata as object), ...(sent.metadata as object | undefined) };
    if (!Array.isArray(sent)) return { ...stored, ...sent, metadata };
  } catch {
    // YAML, or a JSON patch: the object as it is stored.
  }
  return url.includes("/secrets") ? secretOf(row) : object("ConfigMap", "x", { data: { "db-password": row.value } });
}

const path = (resource: string, namespace = "shop", name = ""): string =>
  `/api/v1/namespaces/${namespace}/${resource}${name === "" ? "" : `/${name}`}`;
const call = (method: string, target: string, more: Call = {}): Promise<Reply> =>
  kube(rig, method, target, { token: row.token, ...more });
const patch = (type: string, target: string, body: unknown): Promise<Reply> =>
  call("PATCH", target, { headers: { "content-type": `application/${type}` }, body: JSON.stringify(body) });
/** The session sees the placeholder of the value, and knows from then on what it must not see. */
const learn = async (): Promise<void> => void (await call("GET", path("secrets", "shop", "db")));

/** The row means what it says: its caller sees the value. */
async function inClear(reply: Promise<Reply>): Promise<void> {
  expect((await reply).text).toContain(row.base64);
}

async function tunnel(
  headers: readonly string[],
  target = EXEC,
): Promise<{ server: TunnelServer; client: Awaited<ReturnType<typeof dial>> }> {
  const servers = switchProtocols(rig);
  const method = headers === SPDY ? "POST" : "GET";
  const client = await dial(rig, `${method} ${target}`, [`Authorization: Bearer ${row.token}`, ...headers]);
  rig.upstream.upgrade = undefined;
  expect(client.status).toBe(101);
  return { server: servers[0] as TunnelServer, client };
}

async function exec(
  say: (server: TunnelServer, client: Awaited<ReturnType<typeof dial>>) => void | Promise<void>,
  target = EXEC,
): Promise<void> {
  const { server, client } = await tunnel(V5, target);
  await say(server, client);
  server.socket.end();
  await until(() => client.closed);
  client.socket.destroy();
}

const halves = (text: string): [string, string] => [text.slice(0, text.length >> 1), text.slice(text.length >> 1)];
const jwtOf = (random: string): string => {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  return `${part({ alg: "HS256" })}.${part({ sub: random })}.${randomBytes(32).toString("base64url")}`;
};
/** Of a token the signature is the secret. */
const plain = (random: string): string => `${random}-${random.toUpperCase()}`;

type Way = [title: string, go: () => Promise<unknown>, shape?: (random: string) => string];

const bodies: Way[] = [
  ["data of a Secret that is created", () => call("POST", path("secrets"), { body: secretOf(row) })],
  [
    "stringData",
    () => call("POST", path("secrets"), { body: object("Secret", "db", { stringData: { password: row.value } }) }),
  ],
  [
    "the last-applied annotation of a Secret",
    () => {
      const applied = JSON.stringify({ kind: "Secret", data: { password: row.base64 } });
      const annotations = { "kubectl.kubernetes.io/last-applied-configuration": applied };
      const metadata = { name: "db", namespace: "shop", annotations };
      return call("PUT", path("secrets", "shop", "db"), { body: { ...secretOf(row), metadata } });
    },
  ],
  ["a merge patch", () => patch("merge-patch+json", path("secrets", "shop", "db"), { data: { password: row.base64 } })],
  [
    "a strategic merge patch",
    () => patch("strategic-merge-patch+json", path("secrets", "shop", "db"), { stringData: { p: row.value } }),
  ],
  [
    "a JSON patch",
    () =>
      patch("json-patch+json", path("secrets", "shop", "db"), [
        { op: "replace", path: "/data/password", value: row.base64 },
      ]),
  ],
  [
    "server-side apply in YAML",
    () =>
      call("PATCH", `${path("secrets", "shop", "db")}?fieldManager=t`, {
        headers: { "content-type": "application/apply-patch+yaml" },
        body: `apiVersion: v1\nkind: Secret\nmetadata: {name: db}\nstringData:\n  password: ${JSON.stringify(row.value)}\n`,
      }),
  ],
  ["a dry run", () => call("POST", `${path("secrets")}?dryRun=All`, { body: secretOf(row) })],
  ["a Secret sent to another resource", () => call("POST", path("configmaps"), { body: secretOf(row) })],
  [
    "a list with a Secret, sent to another resource",
    () => call("POST", path("configmaps"), { body: { kind: "List", apiVersion: "v1", items: [secretOf(row)] } }),
  ],
  [
    "a Secret sent to another resource as YAML",
    () =>
      call("POST", path("configmaps"), {
        headers: { "content-type": "application/yaml" },
        body: `apiVersion: v1\nkind: Secret\nmetadata: {name: db}\ndata: {password: ${row.base64}}\n`,
      }),
  ],
  ["a write of a Secret that policy denies", () => call("POST", path("secrets", "shut"), { body: secretOf(row) })],
  [
    "a write of a Secret that is held and times out",
    () => call("POST", path("secrets", "held"), { body: secretOf(row) }),
  ],
  [
    "a write of a Secret that policy lets pass unmasked",
    () => inClear(call("POST", path("secrets", "open"), { body: secretOf(row) })),
  ],
  [
    "a JSON patch that policy lets pass unmasked",
    () =>
      patch("json-patch+json", path("secrets", "open", "db"), [
        { op: "add", path: "/stringData", value: { p: row.value } },
      ]),
  ],
  [
    "a field that the guardrails mask",
    () => call("POST", path("configmaps"), { body: object("ConfigMap", "x", { data: { "db-password": row.value } }) }),
  ],
  [
    "a field that the guardrails mask, in a strategic patch's list directive",
    () =>
      patch("strategic-merge-patch+json", path("pods", "shop", "web"), {
        spec: {
          containers: [
            { name: "app", env: [{ name: "A", value: row.value }], "$setElementOrder/env": [{ name: "A" }] },
          ],
        },
      }),
  ],
  [
    "a JSON patch of what the guardrails mask",
    () =>
      patch("json-patch+json", path("configmaps", "shop", "x"), [
        { op: "add", path: "/data/db-password", value: row.value },
      ]),
  ],
  [
    "what looks like a token, where the guardrails look for it",
    () => call("POST", path("configmaps"), { body: object("ConfigMap", "x", { data: { any: row.value } }) }),
    jwtOf,
  ],
  [
    "a TokenReview",
    () =>
      call("POST", "/apis/authentication.k8s.io/v1/tokenreviews", {
        body: { kind: "TokenReview", apiVersion: "authentication.k8s.io/v1", spec: { token: row.value } },
      }),
    jwtOf,
  ],
  [
    "a Secret that is no JSON",
    () => call("POST", path("secrets"), { body: `{"kind":"Secret","data":{"password":"${row.base64}` }),
  ],
  [
    "a Secret whose YAML is broken",
    () =>
      call("POST", path("secrets"), {
        headers: { "content-type": "application/yaml" },
        body: `kind: Secret\nstringData:\n  password: '${row.value}\n  other: [`,
      }),
    plain,
  ],
  [
    "a write whose finding quotes what is masked",
    () =>
      call("POST", path("pods"), {
        body: object("Pod", "web", { spec: { containers: [{ name: "a", image: `x/${row.value}:latest` }] } }),
      }),
    plain,
  ],
  [
    "a write, recorded as metadata, whose finding quotes what is masked",
    () =>
      call("POST", path("pods", "counted"), {
        body: object("Pod", "web", { spec: { containers: [{ name: "a", image: `x/${row.value}:latest` }] } }),
      }),
    plain,
  ],
];

const answers: Way[] = [
  ["a Secret that is read masked", () => learn()],
  ["a Secret that policy lets its caller read", () => inClear(call("GET", path("secrets", "open", "db")))],
  ["a list of Secrets that policy lets its caller read", () => inClear(call("GET", path("secrets", "open")))],
  [
    "a watch of Secrets that policy lets its caller read",
    () => inClear(call("GET", `${path("secrets", "open")}?watch=true`)),
  ],
  [
    "the live token that a TokenRequest answers",
    () => {
      special = ({ url }, res) => {
        if (!url.includes("/token")) return false;
        answerJson(res, 201, {
          kind: "TokenRequest",
          apiVersion: "authentication.k8s.io/v1",
          status: { token: row.value },
        });
        return true;
      };
      return call("POST", `${path("serviceaccounts", "shop", "app")}/token`, {
        body: { kind: "TokenRequest", apiVersion: "authentication.k8s.io/v1", spec: {} },
      });
    },
    jwtOf,
  ],
  ...["", "?dryRun=All"].map(
    (query): Way => [
      `the API server's refusal of a write that quotes it${query}`,
      () => {
        special = ({ method }, res) => {
          if (method !== "POST") return false;
          answerJson(res, 422, {
            kind: "Status",
            apiVersion: "v1",
            status: "Failure",
            code: 422,
            reason: "Invalid",
            message: `data.x: Invalid value: ${JSON.stringify(row.value)}: no`,
          });
          return true;
        };
        return call("POST", `${path("configmaps")}${query}`, {
          body: object("ConfigMap", "x", { data: { "db-password": row.value } }),
        });
      },
    ],
  ),
  [
    "the API server's refusal of the dry run of a held write",
    () => {
      special = ({ method }, res) => {
        if (method !== "POST") return false;
        answerJson(res, 422, {
          kind: "Status",
          apiVersion: "v1",
          status: "Failure",
          code: 422,
          reason: "Invalid",
          message: `Invalid value: ${JSON.stringify(row.value)}`,
        });
        return true;
      };
      return call("POST", path("secrets", "held"), { body: secretOf(row) });
    },
  ],
  [
    "an answer through a pod's proxy",
    async () => {
      await learn();
      special = ({ url }, res) => {
        if (!url.includes("/proxy/")) return false;
        res.writeHead(200, { "content-type": "text/plain" }).end(`PASSWORD=${row.value}\n`);
        return true;
      };
      return call("GET", `${path("pods", "shop", "web")}/proxy/env`);
    },
  ],
  [
    "a log",
    async () => {
      await learn();
      special = logOf(() => [`it is ${row.value}\n`]);
      return call("GET", `${path("pods", "shop", "web")}/log`);
    },
  ],
  [
    "a log that is cut where a value is",
    async () => {
      await learn();
      special = logOf(() => [`it is ${row.value.slice(0, -1)}`]);
      return call("GET", `${path("pods", "shop", "web")}/log?limitBytes=20`);
    },
  ],
  [
    "a log in which a Secret stands that its caller was let read",
    async () => {
      await call("GET", path("secrets", "open", "db"));
      special = logOf(() => [`it is ${halves(row.value)[0]}`, `${halves(row.value)[1]}\n`]);
      return call("GET", `${path("pods", "shop", "web")}/log`);
    },
  ],
  [
    "another object in which a Secret stands that its caller was let read",
    async () => {
      await call("GET", path("secrets", "open", "db"));
      special = ({ url }, res) => {
        if (!url.includes("/configmaps/")) return false;
        answerJson(res, 200, object("ConfigMap", "x", { data: { url: `postgres://app:${row.value}@db` } }));
        return true;
      };
      return call("GET", path("configmaps", "shop", "x"));
    },
  ],
];

function logOf(parts: () => string[]): typeof special {
  return ({ url }, res) => {
    if (!url.includes("/log")) return false;
    res.writeHead(200, { "content-type": "text/plain" });
    for (const part of parts()) res.write(part);
    res.end();
    return true;
  };
}

const query = (text: string): string => encodeURIComponent(text);
const texts: Way[] = [
  ["a label selector", () => call("GET", `${path("pods")}?labelSelector=a%3D${query(row.value)}`), plain],
  ["a field selector", () => call("GET", `${path("pods")}?fieldSelector=status.phase%3D${query(row.value)}`), plain],
  ["any parameter of the query", () => call("GET", `${path("pods")}?x=${query(row.value)}`)],
  ["the name of a parameter", () => call("GET", `${path("pods")}?${query(row.value)}=1`)],
  [
    "the command of an exec",
    () => exec((_server, client) => void client.socket.end(), EXEC.replace("command=-", `command=${query(row.value)}`)),
  ],
  [
    "the command of an exec without an upgrade, in base64",
    () =>
      call(
        "POST",
        `${path("pods", "shop", "web")}/exec?command=sh&command=-c&command=${query(`echo ${row.base64} | base64 -d`)}`,
      ),
  ],
  ["the user agent", () => call("GET", path("pods"), { headers: { "user-agent": `kubectl ${row.value}` } }), plain],
  [
    "the content type",
    () =>
      call("POST", path("configmaps"), {
        headers: { "content-type": `application/json; x="${row.value}"` },
        body: "{}",
      }),
    plain,
  ],
  [
    "an unknown content type",
    () => call("POST", path("configmaps"), { headers: { "content-type": `text/${row.value}` }, body: "{}" }),
    plain,
  ],
  [
    "the accept header",
    () => call("GET", path("secrets", "shop", "db"), { headers: { accept: `text/${row.value}` } }),
    plain,
  ],
  [
    "what kubectl says of its command",
    () => call("GET", path("pods"), { headers: { "kubectl-command": `kubectl ${row.value}` } }),
    plain,
  ],
  [
    "the path behind a proxy",
    () => call("GET", `${path("pods", "shop", "web")}/proxy/login/${query(row.value)}`),
    plain,
  ],
  ["the query behind a proxy", () => call("GET", `${path("pods", "shop", "web")}/proxy/login?p=${query(row.value)}`)],
  [
    "a header that is refused, with its value",
    () => call("GET", path("pods"), { headers: { "impersonate-user": row.value } }),
    plain,
  ],
  [
    "a subprotocol that is refused, with its name",
    () =>
      dial(rig, `GET ${EXEC}`, [
        `Authorization: Bearer ${row.token}`,
        ...V5.slice(0, 4),
        `Sec-WebSocket-Protocol: base64url.bearer.authorization.k8s.io.${row.value}`,
      ]).then(({ socket }) => socket.destroy()),
    plain,
  ],
  [
    "the reason of a query of the control API",
    () => send(rig, "GET", `/v1alpha1/sessions?user=${query(row.value)}`, { token: row.token }),
  ],
];

texts.push([
  "the options of a delete",
  () =>
    call("DELETE", path("configmaps", "shop", "x"), {
      body: { kind: "DeleteOptions", apiVersion: "v1", preconditions: { uid: row.value } },
    }),
  plain,
]);

/** The caller's own token, where no token belongs. */
const tokens: Way[] = [
  ["any parameter of the query", () => call("GET", `${path("pods")}?access_token=${row.token}`)],
  ["the path of what is no resource", () => call("GET", `/healthz/${row.token}`)],
  ["the path behind a proxy", () => call("GET", `${path("pods", "shop", "web")}/proxy/${row.token}`)],
  ["a path that is no connection's", () => send(rig, "GET", `/connections/none/${row.token}`, { token: row.token })],
  ["a path without a token to go by", () => send(rig, "GET", `/connections/local/${row.token}`)],
  ["the user agent", () => call("GET", path("pods"), { headers: { "user-agent": `curl ${row.token}` } })],
  ["a cookie", () => call("GET", path("pods"), { headers: { cookie: `token=${row.token}` } })],
  [
    "basic authentication",
    () => call("GET", path("pods"), { token: "", headers: { authorization: `Basic ${row.token}` } }),
  ],
  ["a token that was changed", () => call("GET", path("pods"), { token: `${row.token}x` })],
  [
    "an unknown content type",
    () => call("POST", path("configmaps"), { headers: { "content-type": `text/${row.token}` }, body: "{}" }),
  ],
  [
    "the command of an exec",
    () => exec((_server, client) => void client.socket.end(), EXEC.replace("command=-", `command=${row.token}`)),
  ],
  [
    "the subprotocol of browsers",
    async () => {
      const protocols = `Sec-WebSocket-Protocol: base64url.bearer.authorization.k8s.io.${Buffer.from(row.token).toString("base64url")}`;
      const { socket } = await dial(rig, `GET ${EXEC}`, [
        `Authorization: Bearer ${row.token}`,
        ...V5.slice(0, 4),
        protocols,
      ]);
      socket.destroy();
    },
  ],
];

const streams: Way[] = [
  [
    "what a command prints, in one frame",
    () => exec((server) => void server.socket.write(down(1, `it is ${row.value}\n`))),
  ],
  [
    "what it prints, in two",
    () => exec((server) => void server.socket.write(Buffer.concat(halves(row.value).map((half) => down(1, half))))),
  ],
  ["what it complains of", () => exec((server) => void server.socket.write(down(2, `bad ${row.base64}\n`)))],
  [
    "what the error channel says",
    () =>
      exec(
        (server) =>
          void server.socket.write(
            down(3, JSON.stringify({ status: "Failure", message: `exec ${row.value}: not found` })),
          ),
      ),
  ],
  ["what is typed, in one frame", () => typed([`${row.value}\n`])],
  ["what is typed, in two frames", () => typed(halves(row.value))],
  ["what is typed, a letter a frame", () => typed([...row.value])],
  ["what is typed in base64", () => typed([`echo ${row.base64}\n`])],
  [
    "what is typed of a Secret that its caller was let read",
    () => typed([`PGPASSWORD=${halves(row.value)[0]}`, `${halves(row.value)[1]}\n`]),
  ],
  [
    "what is typed of a Secret that its caller was let read where no answers are kept",
    async () => {
      await inClear(call("GET", path("secrets", "quiet", "db")));
      await typed([row.value]);
    },
  ],
  [
    "what is typed as its session ends",
    async () => {
      row.token = await newSession("alice");
      await learn();
      const { server, client } = await tunnel(V5);
      client.socket.write(up(0, row.value));
      await until(() => server.received().length > 0);
      await send(rig, "DELETE", "/session", { token: row.token });
      await until(() => client.closed);
      client.socket.destroy();
    },
  ],
  ["what goes up a forwarded port", () => forwarded("up")],
  ["what comes down a forwarded port", () => forwarded("down")],
];

function typed(parts: readonly string[]): Promise<void> {
  return exec(async (server, client) => {
    const sent = parts.map((part) => up(0, part));
    client.socket.write(Buffer.concat(sent));
    await until(() => server.received().length === Buffer.concat(sent).length);
  });
}

async function forwarded(direction: "up" | "down"): Promise<void> {
  const target = "/connections/local/api/v1/namespaces/shop/pods/web/portforward?ports=5432";
  const headers = [...V5.slice(0, 4), "Sec-WebSocket-Protocol: v4.channel.k8s.io"];
  const { server, client } = await tunnel(headers, target);
  const frames = (text: string): Buffer => (direction === "up" ? up(0, text) : down(0, text));
  const port = Buffer.from([0x38, 0x15]);
  server.socket.write(Buffer.concat([down(0, port), down(1, port)]));
  const parts = Buffer.concat(["AUTH ", ...halves(row.value)].map(frames));
  if (direction === "up") client.socket.write(parts);
  else server.socket.write(parts);
  const bytes = direction === "up" ? () => server.received() : () => client.received();
  await until(() => bytes().length >= parts.length);
  server.socket.end();
  await until(() => client.closed);
  client.socket.destroy();
}

/** Runs one way, and waits until all that came of it is on disk: what was asked after it is. */
async function recorded(go: () => Promise<unknown>): Promise<void> {
  special = undefined;
  await go();
  special = undefined;
  const marker = await kube(rig, "GET", path("nodes"), { token: await idToken("bob") });
  await until(() => row.record().some((bytes) => bytes.includes(String(marker.headers["audit-id"]))));
}

describe("never on record in clear:", () => {
  test.each(bodies)("%s", async (_title, go, shape) => {
    const { value } = await newRow(shape);
    await recorded(go);
    expect(standsIn(value, row.record())).toBe(false);
  });

  test.each(answers)("%s", async (_title, go, shape) => {
    const { value } = await newRow(shape);
    await recorded(go);
    expect(standsIn(value, row.record())).toBe(false);
  });

  test.each(texts)("a known value as %s", async (_title, go, shape) => {
    const { value } = await newRow(shape);
    await learn();
    await recorded(go);
    expect(standsIn(value, row.record())).toBe(false);
  });

  test.each(tokens)("the caller's token in %s", async (_title, go) => {
    const { token } = await newRow();
    const [, , signature = ""] = token.split(".");
    values.push(signature);
    await recorded(go);
    expect(standsIn(signature, row.record())).toBe(false);
  });

  test.each(streams)("a known value in %s", async (title, go) => {
    const { value } = await newRow();
    if (title.endsWith("let read")) await call("GET", path("secrets", "open", "db"));
    else if (!title.includes("let read")) await learn();
    await recorded(go);
    expect(standsIn(value, row.record())).toBe(false);
  });
});

test("the search finds what is on record", async () => {
  const { value, token } = await newRow();
  control = values.pop() ?? "";
  await recorded(() =>
    kube(rig, "POST", path("configmaps"), { token, body: object("ConfigMap", "x", { data: { any: value } }) }),
  );
  expect(standsIn(value, row.record())).toBe(true);
});

test("nor does any of them stand in the files of the spool, or in the store once it has all", {
  timeout: 60_000,
}, async () => {
  const store = join(rig.directory, "clickhouse");
  expect(standingIn([control, ...values], recordOf(rig))).toEqual([control]);
  await rig.gateway.close();
  const reader = await openStoreReader({ embedded: store });
  const dump: Buffer[] = [];
  try {
    for (const table of ["events", "bodies"]) {
      dump.push(
        ...(await reader.query<object>(`SELECT * FROM ${table}`)).map((one) => Buffer.from(JSON.stringify(one))),
      );
    }
    const contents = await reader.query<{ content: string }>("SELECT base64Encode(content) AS content FROM bodies");
    dump.push(...contents.map(({ content }) => Buffer.from(content, "base64")));
  } finally {
    await reader.close();
  }
  dump.push(...filesBelow(store));
  expect(standingIn([control, ...values], dump)).toEqual([control]);
});
