import { LoadClient, type Measured, sideBySide, type Target } from "./load.ts";
import type { Row } from "./table.ts";

/** One for each way, so that neither waits for what the other wrote. */
export const DEPLOYMENTS = ["direct", "full"] as const;
export const NAMESPACE = "bench";

export function benchObjects(): object[] {
  return [
    { apiVersion: "v1", kind: "Namespace", metadata: { name: NAMESPACE } },
    ...DEPLOYMENTS.map((name) => ({
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name, namespace: NAMESPACE },
      spec: {
        replicas: 0,
        selector: { matchLabels: { app: name } },
        template: {
          metadata: { labels: { app: name } },
          spec: { containers: [{ name: "main", image: "registry.example.com/web:1" }] },
        },
      },
    })),
  ];
}

/**
 * The same strategic merge patch, whose number differs each time. In a label: an annotation raises the generation of
 * a Deployment, whose controller then writes status, and a 409 on that write is what would be measured.
 */
export function patchTarget(
  name: (typeof DEPLOYMENTS)[number],
  to: Pick<Target, "origin" | "caFile"> & { prefix: string; headers: Record<string, string | string[]> },
): Target {
  return {
    name: `PATCH ${name}`,
    origin: to.origin,
    ...(to.caFile === undefined ? {} : { caFile: to.caFile }),
    method: "PATCH",
    path: `${to.prefix}/apis/apps/v1/namespaces/${NAMESPACE}/deployments/${name}`,
    headers: { "content-type": "application/strategic-merge-patch+json", ...to.headers },
    body: (n) => JSON.stringify({ metadata: { labels: { "bench.sallyport.dev/number": String(n) } } }),
  };
}

/**
 * A patch of a Deployment on a real API server. Baseline judges it by oldObject and outcome, so the gateway asks the
 * API server three times where direct asks once.
 */
export async function benchPatch(direct: Target, full: Target): Promise<{ rows: Row[]; sent: number }> {
  const clients = [new LoadClient(direct, 1), new LoadClient(full, 1)] as const;
  let measured: Measured[];
  try {
    measured = await sideBySide(clients, { concurrency: 1, turns: 7, milliseconds: 1500 });
  } finally {
    for (const client of clients) await client.close();
  }
  const [before, after] = measured as [Measured, Measured];
  return {
    sent: clients[1].sent,
    rows: [
      { what: "PATCH of a Deployment: direct, median", value: before.median, unit: "ms" },
      { what: "PATCH of a Deployment: judged, median", value: after.median, unit: "ms" },
      {
        what: "PATCH of a Deployment: judged",
        value: after.median / before.median,
        unit: "×",
        aim: { at: "most", value: 2.3 },
        beside: "median of direct, as the same impersonated user; etcd syncs",
      },
    ],
  };
}
