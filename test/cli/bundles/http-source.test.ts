import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { beforeAll, expect, onTestFinished, test } from "vitest";
import { canonicalJson } from "../../../base/canonical-json.ts";
import { type HttpSourceOptions, httpSource } from "../../../cli/serve/bundles/http-source.ts";
import { backoffMs } from "../../../cli/serve/bundles/poll.ts";
import { EvaluationWorker } from "../../../engine/wasm/evaluation-worker.ts";
import { type WatchedPolicy, watchPolicy } from "../../../engine/watch.ts";
import { createAuthority } from "../../../tools/control-plane/certificates.ts";
import { freePort } from "../../../tools/free-port.ts";
import { folder, input, opa } from "../../engine/support.ts";
import { archive, type BundleServer, bundleFiles, bundleServer, deciding, OURS, THEIRS } from "./support.ts";

const GUARDRAILS =
  'apiVersion: sallyport.dev/v1alpha1\nkind: Guardrails\ndefaults: {approval: {approvers: ["group:corp:oncall"]}}\n';

let allow1: Uint8Array;
let deny2: Uint8Array;
let allow3: Uint8Array;
beforeAll(async () => {
  allow1 = await archive(await bundleFiles(deciding("allow"), { serial: 1, revision: "one" }));
  deny2 = await archive(await bundleFiles(deciding("deny"), { serial: 2, revision: "two" }));
  allow3 = await archive(await bundleFiles(deciding("allow"), { serial: 3, revision: "three" }));
});

interface Setup {
  watched: WatchedPolicy;
  rejections: string[];
  close(): Promise<void>;
}

async function home(): Promise<string> {
  return folder({ "guardrails.yaml": GUARDRAILS, "ours.pem": OURS.publicKey });
}

async function start(
  at: string,
  server: Pick<BundleServer, "url">,
  more: Partial<HttpSourceOptions> = {},
): Promise<Setup> {
  const rejections: string[] = [];
  const worker = new EvaluationWorker();
  const state = join(at, "state");
  const source = httpSource({
    url: server.url,
    verify: true,
    publicKeyFiles: [join(at, "ours.pem")],
    state,
    pollMs: 30,
    retryMs: 20,
    longPollSeconds: 0,
    deadlineMs: 5_000,
    maxBytes: 1_000_000,
    ...more,
  });
  const watched = await watchPolicy({
    source,
    state,
    guardrailsFile: join(at, "guardrails.yaml"),
    worker,
    onRejected: (error) => rejections.push(String(error)),
  }).catch(async (error: unknown) => {
    await worker.close();
    throw error;
  });
  let closed = false;
  const close = async (): Promise<void> => {
    if (closed) return;
    closed = true;
    await watched.close();
    await worker.close();
  };
  onTestFinished(close);
  return { watched, rejections, close };
}

const revision = ({ watched }: Setup): string => watched.holder.current.revision.bundle;
const serves = async ({ watched }: Setup): Promise<string> => (await watched.holder.current.decide(input())).effect;

test("what is new is in force with no restart, and what is not is asked for by its ETag and answered 304", async () => {
  const server = await bundleServer();
  server.put(allow1);
  const setup = await start(await home(), server);
  expect([revision(setup), await serves(setup)]).toEqual(["one", "allow"]);
  await expect.poll(() => server.seen.filter(({ status }) => status === 304).length).toBeGreaterThan(2);
  expect(server.seen.filter(({ status }) => status === 200)).toHaveLength(1);
  server.put(deny2);
  await expect.poll(() => revision(setup)).toBe("two");
  expect(await serves(setup)).toBe("deny");
  expect(setup.rejections).toEqual([]);
});

test("a server that has no ETags sends the same again, and nothing is put in force twice", async () => {
  const server = await bundleServer();
  let answers = 0;
  server.answer = (_req, res) => {
    answers++;
    res.end(allow1);
  };
  const setup = await start(await home(), server);
  const swaps: string[] = [];
  setup.watched.holder.onSwap((next) => swaps.push(next.revision.bundle));
  await expect.poll(() => answers).toBeGreaterThan(4);
  expect(swaps).toEqual([]);
});

test("a server that polls long keeps the question until there is something new", async () => {
  const server = await bundleServer({ longPoll: true });
  server.put(allow1);
  const setup = await start(await home(), server, { longPollSeconds: 60 });
  const waiting = (): number => server.seen.length;
  await expect.poll(waiting).toBe(1);
  // Its second question is not answered until now.
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(waiting()).toBe(1);
  server.put(deny2);
  await expect.poll(() => revision(setup)).toBe("two");
  server.put(allow3);
  await expect.poll(() => revision(setup)).toBe("three");
  expect(server.seen.slice(1).map(({ headers }) => headers.prefer)).toContain("modes=snapshot;wait=60");
});

test("a server that says that it polls long, and sends the same at once, is asked at each interval and no sooner", async () => {
  const server = await bundleServer();
  const at: number[] = [];
  server.answer = (_req, res) => {
    at.push(performance.now());
    res.writeHead(200, { "content-type": "application/vnd.openpolicyagent.bundles" }).end(allow1);
  };
  await start(await home(), server, { longPollSeconds: 60, pollMs: 200 });
  await expect.poll(() => at.length).toBeGreaterThan(3);
  const waits = at.slice(1).map((time, i) => time - (at[i] ?? 0));
  expect(Math.min(...waits)).toBeGreaterThan(100);
});

test("opa's own client asks the same server the same questions as ours does, and takes what we signed", async () => {
  const server = await bundleServer({ longPoll: true });
  server.put(allow1);
  const setup = await start(await home(), server, { longPollSeconds: 60 });
  await expect.poll(() => server.asked.length).toBe(2);
  await setup.close();
  const [ours] = server.asked.splice(0).slice(-1);

  // opa as it is released runs no WASM: this one has data alone, signed as ours are.
  const bundle = (revision: string): Promise<Uint8Array> =>
    archive(new Map(Object.entries({ ".manifest": { revision, roots: ["x"] }, "data.json": { x: 1 } }).map(bytes)));
  server.put(await bundle("one"));
  const at = await folder({ "ours.pem": OURS.publicKey });
  const port = await freePort();
  const { origin, pathname } = new URL(server.url);
  const child = spawn(
    opa,
    [
      ...["run", "--server", "--addr", `127.0.0.1:${port}`, "--log-level", "error"],
      ...["--set", `services.s.url=${origin}`, "--set", "bundles.b.service=s"],
      ...["--set", `bundles.b.resource=${pathname}`, "--set", "bundles.b.polling.long_polling_timeout_seconds=60"],
      ...["--set", "bundles.b.signing.keyid=k", "--set", "keys.k.algorithm=ES256"],
      ...["--set-file", `keys.k.key=${join(at, "ours.pem")}`],
    ],
    { stdio: "ignore" },
  );
  onTestFinished(async () => {
    child.kill("SIGKILL");
    await once(child, "exit");
  });
  const active = async (): Promise<string> => {
    const url = `http://127.0.0.1:${port}/v1/data/system/bundles/b/manifest/revision`;
    const answer = await fetch(url).catch(() => undefined);
    return answer === undefined ? "" : String(((await answer.json()) as { result?: string }).result ?? "");
  };
  await expect.poll(active).toBe("one");
  await expect.poll(() => server.asked.length).toBeGreaterThan(1);
  const [opas] = server.asked.slice(-1);
  // The same but for deltas, which we never ask for.
  expect(ours?.headers.prefer).toBe("modes=snapshot;wait=60");
  expect(opas?.headers.prefer).toBe("modes=snapshot,delta;wait=60");
  for (const { headers } of [ours, opas].filter((one) => one !== undefined)) {
    expect(headers["if-none-match"]).toMatch(/^"[0-9a-f]{64}"$/);
  }
  server.put(await bundle("two"));
  await expect.poll(active).toBe("two");
});

const bytes = ([name, content]: [string, object]): [string, Uint8Array] => [
  name,
  new TextEncoder().encode(canonicalJson(content)),
];

test("a token of a file goes with each request, read again when it is rotated, over TLS of the configured authority", async () => {
  const authority = await createAuthority("bundles");
  const { certificate, key } = await authority.issueServer(["127.0.0.1"]);
  const server = await bundleServer({ tls: { cert: certificate, key }, token: "second" });
  server.put(allow1);
  const at = await home();
  await writeFile(join(at, "ca.crt"), authority.certificate);
  await writeFile(join(at, "token"), "first\n");
  const tokenFile = join(at, "token");
  const caFile = join(at, "ca.crt");
  await expect(start(at, server, { tokenFile, caFile })).rejects.toThrow("it answered 401");
  await writeFile(tokenFile, "second\n");
  const setup = await start(at, server, { tokenFile, caFile });
  expect(revision(setup)).toBe("one");
  await setup.close();
  await expect(start(await home(), server, { tokenFile })).rejects.toThrow(/unable to (get local issuer|verify)/);
});

test.for<[string, () => Promise<BundleServer["answer"]> | BundleServer["answer"], string, Partial<HttpSourceOptions>?]>(
  [
    ["answers 500", () => (_req, res) => res.writeHead(500).end(), "it answered 500"],
    [
      "redirects",
      () => (_req, res) => res.writeHead(302, { location: "/elsewhere" }).end(),
      "Redirects are not followed",
    ],
    [
      "breaks off",
      () => (_req, res) => void res.writeHead(200, { "content-length": "900" }).write("x", () => res.destroy()),
      "cannot be had",
    ],
    ["sends too much", () => (_req, res) => res.end(Buffer.alloc(1_000_001)), "larger than policy.fetch.maxBytes"],
    ["sends no bundle", () => (_req, res) => res.end("<html>"), "is no bundle"],
    ["sends a bomb", () => (_req, res) => res.end(gzipSync(Buffer.alloc(65 * 1024 * 1024))), "is no bundle"],
    ["says nothing", () => () => {}, "it did not answer within", { deadlineMs: 400 }],
  ],
)(
  "a server that %s leaves the old policy serving, once told and counted each time, and its repair is in force",
  async ([, answer, message, more]) => {
    const server = await bundleServer();
    server.put(allow1);
    const setup = await start(await home(), server, more);
    server.answer = await answer();
    const { holder } = setup.watched;
    await expect.poll(() => holder.status().failures).toBeGreaterThan(1);
    const told = [...setup.rejections, ...[holder.status().rejected?.reason ?? ""]].join("\n");
    if (message.startsWith("Redirects")) expect(told).toContain("it answered 302");
    else expect(told).toContain(message);
    expect(setup.rejections).toHaveLength(1);
    expect([revision(setup), await serves(setup)]).toEqual(["one", "allow"]);
    server.answer = undefined;
    server.put(deny2);
    await expect.poll(() => revision(setup)).toBe("two");
    expect(holder.status().rejected).toBeUndefined();
  },
);

test("a server that was down and has nothing new clears what was said of it", async () => {
  const server = await bundleServer();
  server.put(allow1);
  const setup = await start(await home(), server);
  const { holder } = setup.watched;
  await server.down();
  await expect.poll(() => holder.status().rejected?.reason).toContain("cannot be had");
  await server.up();
  await expect.poll(() => holder.status().rejected).toBeUndefined();
  expect(revision(setup)).toBe("one");
});

test("with its server down at the start the last good bundle serves, and what the server has later replaces it", async () => {
  const server = await bundleServer();
  server.put(allow1);
  const at = await home();
  await (await start(at, server)).close();
  await server.down();
  const setup = await start(at, server);
  expect([revision(setup), setup.rejections.length]).toEqual(["one", 1]);
  expect(setup.rejections[0]).toContain("cannot be had");
  await server.up();
  server.put(deny2);
  await expect.poll(() => revision(setup)).toBe("two");
});

test("with its server down at the first start it refuses to serve, and says so", async () => {
  const server = await bundleServer();
  await server.down();
  await expect(start(await home(), server)).rejects.toMatchObject({
    message: expect.stringMatching(/cannot be had: .*; and no policy was kept from an earlier start/),
    exitCode: 3,
  });
});

test("what stands in its URL's query is said to nobody: it may be a signature or a token", async () => {
  const server = await bundleServer();
  const url = `${server.url}?X-Amz-Signature=secret`;
  server.answer = (_request, response) => void response.writeHead(403).end();
  const failed = start(await home(), { url });
  await expect(failed).rejects.toThrow("it answered 403");
  await expect(failed).rejects.not.toMatchObject({ message: expect.stringContaining("secret") });
  server.answer = (_request, response) => void response.end("no bundle");
  const refused = start(await home(), { url });
  await expect(refused).rejects.toThrow("is no bundle");
  await expect(refused).rejects.not.toMatchObject({ message: expect.stringContaining("secret") });
});

test("what was kept is verified again: one that was altered, or whose key is no longer trusted, never serves", async () => {
  const server = await bundleServer();
  server.put(allow1);
  const at = await home();
  await (await start(at, server)).close();
  await server.down();
  const [kept] = (await readdir(join(at, "state"))).filter((name) => name.endsWith(".tar.gz"));
  const file = join(at, "state", kept ?? "");
  const good = await readFile(file);
  await writeFile(
    file,
    await archive(await bundleFiles(deciding("allow"), { serial: 1, revision: "one" }), THEIRS.privateKey),
  );
  await expect(start(at, server)).rejects.toThrow("no configured key made its signature");
  await writeFile(file, good);
  await writeFile(join(at, "ours.pem"), THEIRS.publicKey);
  await expect(start(at, server)).rejects.toThrow("no configured key made its signature");
});

test("what one server's bundle was is never taken for another's", async () => {
  const server = await bundleServer();
  server.put(allow1);
  const at = await home();
  await (await start(at, server)).close();
  await server.down();
  await expect(start(at, { url: `${server.url}?other` })).rejects.toThrow("no policy was kept");
});

test("waits after failures double up to five minutes, half of each by chance", () => {
  const certain = [1, 2, 3, 9, 10, 40].map((failures) => backoffMs(failures, () => 0));
  expect(certain).toEqual([500, 1000, 2000, 128_000, 150_000, 150_000]);
  expect([1, 40].map((failures) => backoffMs(failures, () => 1))).toEqual([1000, 300_000]);
});
