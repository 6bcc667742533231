import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { apply, openCluster, prepareCluster } from "../cli/up/cluster.ts";
import { startDevelopmentIssuer } from "../identity/development/issuer.ts";
import { createAuthority } from "../tools/control-plane/certificates.ts";
import { benchApprovals } from "./approvals.ts";
import { startChild } from "./child.ts";
import { benchDialogue } from "./dialogue.ts";
import { benchExec } from "./exec.ts";
import { startGateway } from "./gateway.ts";
import { benchMask } from "./mask.ts";
import { benchObjects } from "./patch.ts";
import { benchPolicy } from "./policy.ts";
import { benchRecorder } from "./recorder.ts";
import { benchRequests } from "./requests.ts";
import { benchWatches } from "./watches.ts";
import type { Benched, World } from "./world.ts";

/** The parts of the bench, each measured by itself, one after the other. */
export const PARTS: Record<string, (world: World) => Promise<Benched>> = {
  requests: benchRequests,
  lists,
  watches,
  dialogue: benchDialogue,
  policy: benchPolicy,
  approvals: benchApprovals,
  recorder: benchRecorder,
  exec: async ({ directory, issuer, say }) => {
    say("measuring an exec");
    return { rows: await benchExec(mkdtempSync(join(directory, "exec-")), issuer), mistakes: [] };
  },
};

/** Runs the parts of those names; throws where a request failed. */
export async function benchAll(names: readonly string[], say: (what: string) => void): Promise<Benched> {
  const directory = mkdtempSync(join(tmpdir(), "sallyport-bench-"));
  const opened: (() => Promise<unknown> | unknown)[] = [() => rmSync(directory, { recursive: true, force: true })];
  const later: World["later"] = (end) => void opened.push(end);
  try {
    say("starting a control plane, an issuer, a stub upstream and the gateway");
    const cluster = await openCluster({ directory, syncs: true });
    later(() => cluster.stop());
    const token = await prepareCluster(cluster);
    await apply(cluster, benchObjects());
    const issuer = await startDevelopmentIssuer();
    later(() => issuer.close());
    const files = await writeCertificates(directory);
    const start: World["start"] = async (script, ...args) => {
      const path = fileURLToPath(new URL(`./servers/${script}.ts`, import.meta.url));
      const child = await startChild(path, args, /^\d+$/);
      later(() => child.stop("SIGTERM"));
      return child;
    };
    const benched: Benched = { rows: [], mistakes: [] };
    for (const name of names) {
      const part = await PARTS[name]?.({ directory, cluster, token, issuer, files, start, later, say });
      benched.rows.push(...(part?.rows ?? []));
      benched.mistakes.push(...(part?.mistakes ?? []));
    }
    return benched;
  } finally {
    for (const end of opened.reverse()) await end();
  }
}

async function lists({ say, start, files, issuer, cluster, token, directory, later }: World): Promise<Benched> {
  say("measuring long lists through the mask");
  const listing = await start("list-upstream", files.cert, files.key);
  const lists = { server: `https://127.0.0.1:${listing.ready}`, caFile: files.ca };
  const beside = await start("pass-through", lists.server, files.ca, files.cert, files.key);
  const rows = await benchMask({
    passThrough: {
      name: "pass-through",
      origin: `https://127.0.0.1:${beside.ready}`,
      caFile: files.ca,
      path: "",
      pid: beside.pid,
    },
    issuer,
    gateway: async (guardrails) => {
      const folder = mkdtempSync(join(directory, "lists-"));
      const started = await startGateway({ directory: folder, issuer, cluster, stub: lists, token, guardrails });
      later(() => started.child.stop("SIGKILL"));
      return started;
    },
  });
  return { rows, mistakes: [] };
}

async function watches({ say, start, files, issuer, cluster, token, directory }: World): Promise<Benched> {
  say("measuring watches");
  const said = await start("watch-upstream", files.cert, files.key);
  const teller = { server: `https://127.0.0.1:${said.ready}`, caFile: files.ca };
  const bare = await start("pass-through", teller.server, files.ca, files.cert, files.key);
  return benchWatches({
    say: { origin: teller.server, caFile: files.ca },
    passThrough: {
      pid: bare.pid,
      target: {
        name: "pass-through",
        origin: `https://127.0.0.1:${bare.ready}`,
        caFile: files.ca,
        path: "/api/v1/namespaces/shop/pods?watch=true",
      },
    },
    gateway: () =>
      startGateway({ directory: mkdtempSync(join(directory, "watches-")), issuer, cluster, stub: teller, token }),
  });
}

async function writeCertificates(directory: string): Promise<{ ca: string; cert: string; key: string }> {
  const authority = await createAuthority("sallyport bench");
  const { certificate, key } = await authority.issueServer(["127.0.0.1"]);
  const files = {
    ca: join(directory, "stub-ca.crt"),
    cert: join(directory, "stub.crt"),
    key: join(directory, "stub.key"),
  };
  writeFileSync(files.ca, authority.certificate);
  writeFileSync(files.cert, certificate);
  writeFileSync(files.key, key, { mode: 0o600 });
  return files;
}
