import type { Cluster } from "../gateway/cluster.ts";
import { isDryRun, serveObjects } from "../gateway/cluster.ts";
import type { StubUpstream } from "../gateway/rig.ts";
import type { Points } from "./points.ts";

const SECRETS = "/api/v1/namespaces/shop/secrets";
const base64 = (text: string): string => Buffer.from(text).toString("base64");

export const pathOf = (name: string): string => `${SECRETS}/${name}`;

export function secret(name: string, password: string, more: object = {}) {
  const metadata = { name, namespace: "shop", ...more };
  return { kind: "Secret", apiVersion: "v1", metadata, data: { password: base64(password) } };
}

export function store(cluster: Cluster, name: string): void {
  cluster.objects.set(pathOf(name), secret(name, "first-value", { uid: `u-${name}`, resourceVersion: "1" }));
}

/** The API server of the flow: its points are what it is asked about the object, told before and after it does so. */
export function watchUpstream(
  upstream: StubUpstream,
  flow: () => { object: string; points: Points; decided: boolean } | undefined,
): Cluster {
  const cluster = serveObjects(upstream);
  const { answer } = upstream;
  upstream.answer = (seen, res) => {
    const now = flow();
    if (now === undefined || new URL(seen.url, upstream.server).pathname !== pathOf(now.object)) {
      answer(seen, res);
      return;
    }
    const judging = seen.method === "GET" ? "read" : "dry run";
    const isWrite = seen.method !== "GET" && !isDryRun(seen);
    const point = isWrite ? "write" : now.decided ? `${judging} again` : judging;
    void (async () => {
      if (!(await now.points.pass(point, "before"))) {
        res.destroy();
        return;
      }
      // What it answers is held back until the trap has had its turn; what it does is done.
      const { end } = res;
      res.end = ((...args: Parameters<typeof end>) => {
        void now.points.pass(point, "after").then(() => end.apply(res, args));
        return res;
      }) as typeof end;
      answer(seen, res);
    })();
  };
  return cluster;
}
