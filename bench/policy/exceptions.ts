import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { stringify } from "yaml";
import { openEmbeddedHome } from "../../approvals/git/home.ts";
import { parseStanding, type StandingException } from "../../approvals/standing/exception.ts";
import { silentLog } from "../../base/log.ts";
import type { Row } from "../table.ts";

export const EXCEPTIONS = 10_000;

const NOT_AFTER = new Date(Date.now() + 30 * 86_400_000).toISOString();

/** A team's exception in its own namespace: the example that fits the benchmark's requests is the first. */
export function standingFile(i: number): [name: string, file: string] {
  const name = `team-${i}`;
  const file = stringify({
    apiVersion: "sallyport.dev/v1alpha1",
    kind: "PolicyException",
    metadata: { name },
    spec: {
      rules: ["workload/host-path"],
      subjects: [{ group: "corp:devs" }],
      match: { connection: "prod", resources: ["apps/deployments"], namespaces: [i === 0 ? "shop" : name] },
      policy: { revision: "" },
      requestedBy: { issuer: "corp", username: "corp:alice@example.com", session: "" },
      reason: "the collector reads the logs of its node",
      notAfter: NOT_AFTER,
    },
  });
  return [name, file];
}

export function tenThousand(): StandingException[] {
  return Array.from({ length: EXCEPTIONS }, (_, i) => parseStanding(...standingFile(i))).filter(
    (one) => one !== undefined,
  );
}

/** All of them through the policy-exceptions repository: merged, found on main, and changed by one. */
export async function benchHome(directory: string): Promise<Row[]> {
  const folder = mkdtempSync(join(directory, "standing-"));
  const mergeKeyFile = join(folder, "merge.pem");
  const key = generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" });
  writeFileSync(mergeKeyFile, key, { mode: 0o600 });
  const options = {
    path: join(folder, "exceptions.git"),
    mergeKeyFile,
    people: [{ identities: ["corp:alice@example.com"], agents: [] }],
    log: silentLog,
    url: (name: string) => name,
  };
  const by = { issuer: "corp", username: "corp:alice@example.com" };
  const writer = await openEmbeddedHome(options);
  const reader = await openEmbeddedHome(options);
  try {
    await writer.standing.merge(new Map(Array.from({ length: EXCEPTIONS }, (_, i) => standingFile(i))), by, "bench");
    const before = process.memoryUsage.rss();
    const first = await stalled(() => reader.standing.refresh());
    const after = process.memoryUsage.rss();
    await writer.standing.merge(new Map([standingFile(EXCEPTIONS)]), by, "bench");
    const second = await stalled(() => reader.standing.refresh());
    if (reader.standing.size !== EXCEPTIONS + 1) throw new Error(`${reader.standing.size} exceptions are in force`);
    const many = "10,000 standing exceptions";
    return [
      { what: `${many}: read for the first time`, value: first.ms, unit: "ms", beside: "git and parsing" },
      { what: `${many}: longest stall meanwhile`, value: first.stallMs, unit: "ms" },
      {
        what: `${many}: memory`,
        value: (after - before) / 1e6,
        unit: "MB",
        beside: "of the process, before and after",
      },
      { what: `${many}: one more in force`, value: second.ms, unit: "ms" },
      { what: `${many}: longest stall meanwhile`, value: second.stallMs, unit: "ms", beside: "one more" },
    ];
  } finally {
    await writer.close();
    await reader.close();
  }
}

async function stalled(work: () => Promise<void>): Promise<{ ms: number; stallMs: number }> {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const started = performance.now();
  await work();
  const ms = performance.now() - started;
  delay.disable();
  return { ms, stallMs: delay.max / 1e6 };
}
