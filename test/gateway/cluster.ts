import type { ServerResponse } from "node:http";
import type { Seen, StubUpstream } from "./rig.ts";

export type StoredObject = Record<string, unknown> & { metadata: Record<string, unknown> };

/** The few manners of an API server that judging needs: objects by path, dry runs, resource versions, 409 and 404. */
export interface Cluster {
  objects: Map<string, StoredObject>;
  /** Called before a real write is applied; a returned status refuses it. */
  onWrite?: (seen: Seen) => number | undefined;
}

export function answerJson(res: ServerResponse, status: number, body: object): void {
  res.writeHead(status, { "content-type": "application/json" });
  res.end(JSON.stringify(body));
}

const status = (code: number, reason: string): object => ({
  kind: "Status",
  apiVersion: "v1",
  status: "Failure",
  message: reason,
  reason,
  code,
});

/** Makes the stub answer as a small API server. */
export function serveObjects(upstream: StubUpstream): Cluster {
  const cluster: Cluster = { objects: new Map() };
  let version = 100;
  upstream.answer = (seen, res) => {
    const url = new URL(seen.url, upstream.server);
    const dryRun = isDryRun(seen);
    const body = seen.body === "" ? undefined : (JSON.parse(seen.body) as StoredObject);
    const stored = cluster.objects.get(url.pathname);
    if (seen.method === "GET") {
      if (stored === undefined) answerJson(res, 404, status(404, "NotFound"));
      else answerJson(res, 200, stored);
      return;
    }
    const refused = dryRun ? undefined : cluster.onWrite?.(seen);
    if (refused !== undefined) {
      answerJson(res, refused, status(refused, refused === 409 ? "Conflict" : "Invalid"));
      return;
    }
    if (seen.method === "DELETE") {
      if (!dryRun) cluster.objects.delete(url.pathname);
      answerJson(res, stored === undefined ? 404 : 200, stored ?? status(404, "NotFound"));
      return;
    }
    const created = seen.method === "POST";
    const path = created ? `${url.pathname}/${String(body?.metadata.name)}` : url.pathname;
    const before = cluster.objects.get(path);
    const given = body?.metadata?.resourceVersion;
    if (!created && before === undefined) {
      answerJson(res, 404, status(404, "NotFound"));
      return;
    }
    if ((created && before !== undefined) || (given !== undefined && given !== before?.metadata.resourceVersion)) {
      answerJson(res, 409, status(409, "Conflict"));
      return;
    }
    const resourceVersion = dryRun ? (before?.metadata.resourceVersion ?? "") : String(++version);
    const metadata = { uid: `uid-${path}`, ...before?.metadata, ...body?.metadata, resourceVersion };
    const merged = { ...before, ...body, metadata };
    if (!dryRun) cluster.objects.set(path, merged);
    answerJson(res, created ? 201 : 200, merged);
  };
  return cluster;
}

/** As the server reads it: a delete's body hides its query. */
export function isDryRun({ method, url, body }: Seen): boolean {
  if (method === "DELETE" && body !== "") return (JSON.parse(body) as { dryRun?: string[] }).dryRun?.[0] === "All";
  return new URL(url, "http://a").searchParams.get("dryRun") === "All";
}

/** The writes that the upstream saw and that were not dry runs. */
export function realWrites(upstream: StubUpstream): Seen[] {
  return upstream.seen.filter((seen) => seen.method !== "GET" && !isDryRun(seen));
}
