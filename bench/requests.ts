import { type Child, residentMb } from "./child.ts";
import { benchDecision } from "./decision.ts";
import { type BenchGateway, startGateway } from "./gateway.ts";
import { benchGet } from "./get.ts";
import { LoadClient, type Target } from "./load.ts";
import { benchPatch, patchTarget } from "./patch.ts";
import { readRecorded, recordMistakes, type Sent } from "./recorded.ts";
import type { Benched, World } from "./world.ts";

const REST_MS = 10_000;
const HANDFUL = 10;
const POD = "/api/v1/namespaces/shop/pods/web";
/** The agent of the development issuer, as the gateway impersonates it. */
const AGENT = {
  "impersonate-user": "dev:agent@example.com",
  "impersonate-group": ["dev:devs", "dev:agents"],
  "impersonate-uid": "agent",
};

/** Single requests: a small read, a judged write, the decision alone, memory, and what is on record of all of it. */
export async function benchRequests({
  say,
  cluster,
  issuer,
  directory,
  token,
  files,
  start,
  later,
}: World): Promise<Benched> {
  const stub = {
    server: `https://127.0.0.1:${(await start("stub-upstream", files.cert, files.key)).ready}`,
    caFile: files.ca,
  };
  const gateway = await startGateway({ directory, issuer, cluster, stub, token });
  let child: Child | undefined = gateway.child;
  later(() => child?.stop("SIGKILL"));

  const direct: Target = { name: "direct", origin: stub.server, caFile: files.ca, path: POD };
  const full = throughGateway(gateway, "stub", POD);
  say("measuring memory at rest, and the decision meanwhile");
  const handful = await few(full);
  const [decision] = await Promise.all([benchDecision(), new Promise((resolve) => setTimeout(resolve, REST_MS))]);
  const idle = residentMb(gateway.child.pid);

  say("measuring the PATCH");
  const patch = await benchPatch(
    patchTarget("direct", {
      origin: cluster.server,
      caFile: cluster.caFile,
      prefix: "",
      headers: { authorization: `Bearer ${token}`, ...AGENT },
    }),
    patchTarget("full", { ...throughGateway(gateway, "local", ""), prefix: "/connections/local" }),
  );

  say("measuring the 4 KB GET");
  const passThrough = await start("pass-through", stub.server, files.ca, files.cert, files.key);
  const plain = await start("pass-through", stub.server, files.ca);
  const get = await benchGet({
    direct,
    passThrough: {
      ...direct,
      name: "pass-through",
      origin: `https://127.0.0.1:${passThrough.ready}`,
      pid: passThrough.pid,
    },
    plainPassThrough: { name: "plain pass-through", origin: `http://127.0.0.1:${plain.ready}`, path: POD },
    full: { ...full, pid: gateway.child.pid },
  });
  const loaded = residentMb(gateway.child.pid);

  say("stopping the gateway, and counting what is on record");
  const code = await gateway.child.stop("SIGTERM");
  child = undefined;
  const sent: Sent[] = [
    { connection: "stub", requests: handful + get.sent, writes: 0 },
    { connection: "local", requests: patch.sent, writes: patch.sent },
  ];
  const recorded = await readRecorded(gateway.state.configFile);
  const mistakes = recordMistakes(sent, recorded);
  if (code !== 0) mistakes.push(`serve ended with ${code} after SIGTERM`);

  const total = (list: readonly { requests?: number; outcomes?: number }[], key: "requests" | "outcomes"): number =>
    list.reduce((sum, one) => sum + (one[key] ?? 0), 0);
  return {
    mistakes,
    rows: [
      ...get.rows,
      ...patch.rows,
      {
        what: "decision on a 1.3 KB pod: opa bench, median",
        value: decision.opaBenchMedianUs,
        unit: "µs",
      },
      { what: "decision on a 1.3 KB pod: in process, median", value: decision.inProcessMedianUs, unit: "µs" },
      {
        what: "decision on a 1.3 KB pod: in process",
        value: decision.ratio,
        unit: "×",
        aim: { at: "most", value: 0.15 },
        beside: "median of opa bench",
      },
      { what: "guardrails swapped, median", value: decision.swapMedianMs, unit: "ms" },
      {
        what: "memory of serve at rest",
        value: idle,
        unit: "MB",
        aim: { at: "most", value: 150 },
        beside: "VmRSS, store aside",
      },
      { what: "memory of serve after the load", value: loaded, unit: "MB" },
      { what: "requests sent through the gateway", value: total(sent, "requests"), unit: "" },
      {
        what: "outcomes on record, each of another exchange",
        value: total(recorded, "outcomes"),
        unit: "",
        aim: { at: "exactly", value: total(sent, "requests") },
        beside: "requests sent",
      },
      {
        what: "attempts judged again after a 409",
        value: recorded.reduce((sum, one) => sum + one.judgedAgain, 0),
        unit: "",
      },
    ],
  };
}

function throughGateway({ origin, state, sessionToken }: BenchGateway, connection: string, path: string) {
  return {
    name: "full path",
    origin,
    caFile: state.caFile,
    path: `/connections/${connection}${path}`,
    headers: { authorization: `Bearer ${sessionToken}` },
  };
}

/** At rest is not unused: a handful of requests went through. */
async function few(target: Target): Promise<number> {
  const client = new LoadClient(target, 1);
  for (let i = 0; i < HANDFUL; i++) await client.one();
  await client.close();
  return client.sent;
}
