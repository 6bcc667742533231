import { type ConnectCell, type Raw, type RawCell, type ReadCell, type Resource, urlOf } from "../cell.ts";
import { cbor, json, yaml } from "./bodies.ts";
import type { Asked, Pair } from "./pair.ts";

const WEBSOCKET = {
  connection: "Upgrade",
  upgrade: "websocket",
  "sec-websocket-version": "13",
  "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
};

/** A stream over WebSocket and SPDY, a proxy with every method. */
export function connects({ path, ok, by }: ConnectCell): Pair[] {
  const pair = (name: string, method: string, headers?: Record<string, string>): Pair => ({
    path: name,
    bad: { method, path, ...(headers === undefined ? {} : { headers }) },
    ok: { method, path: ok },
  });
  if (by === "proxy") {
    return [
      ...["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"].map((method) => pair(method, method)),
      ...["GET", "POST"].map((method) => ({
        path: `${method} under /proxy/`,
        bad: { method, path: viaPrefix(path, "proxy") },
        ok: { method, path: ok },
      })),
    ];
  }
  const portForward = path.includes("/portforward");
  const channel = portForward ? "SPDY/3.1+portforward.k8s.io" : "v5.channel.k8s.io";
  const spdy = portForward ? "portforward.k8s.io" : "v4.channel.k8s.io";
  return [
    pair("WebSocket GET", "GET", { ...WEBSOCKET, "sec-websocket-protocol": channel }),
    pair("SPDY POST", "POST", {
      connection: "Upgrade",
      upgrade: "SPDY/3.1",
      "x-stream-protocol-version": spdy,
    }),
    // Both servers upgrade whatever the method is.
    pair("WebSocket POST", "POST", { ...WEBSOCKET, "sec-websocket-protocol": channel }),
    pair("GET without an upgrade", "GET"),
  ];
}

/** `/api/v1/watch/namespaces/…`, `/api/v1/proxy/namespaces/…`: deprecated prefixes, the second without its subresource. */
function viaPrefix(path: string, prefix: "watch" | "proxy"): string {
  const prefixed = path.replace(/^(\/api\/v1|\/apis\/[^/]+\/[^/]+)\//, `$1/${prefix}/`);
  return prefix === "proxy" ? prefixed.replace(/\/proxy(?=\/|$)(?!.*\/proxy(?=\/|$))/, "") : prefixed;
}

/** A read by name; a list, and every way to watch one. */
export function reads({ of, ok, name }: ReadCell): Pair[] {
  const pair = (path: string, more: (url: string) => string, headers?: Record<string, string>): Pair => ({
    path,
    bad: { method: "GET", path: more(urlOf(of, name)), ...(headers === undefined ? {} : { headers }) },
    ok: { method: "GET", path: more(urlOf(ok, name)), ...(headers === undefined ? {} : { headers }) },
  });
  const accept = (type: string): Record<string, string> => ({ accept: type });
  const shapes = [
    pair("GET", (url) => url),
    pair("GET as a table", (url) => url, accept("application/json;as=Table;v=v1;g=meta.k8s.io")),
    pair("GET of metadata only", (url) => url, accept("application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io")),
    pair("GET in protobuf", (url) => url, accept("application/vnd.kubernetes.protobuf")),
  ];
  // A name and ?watch=true is a get: the API server reads the parameter of lists only.
  if (name !== undefined) return [...shapes, pair("GET with ?watch=true", (url) => `${url}?watch=true`)];
  const list = (resource: Resource): string => urlOf({ ...resource });
  return [
    ...shapes,
    pair("GET with ?watch=true", (url) => `${url}?watch=true`),
    pair("GET with ?watch=1", (url) => `${url}?watch=1&resourceVersion=0`),
    pair("GET under /watch/", (url) => viaPrefix(url, "watch")),
    pair("GET of one by a field selector", (url) => `${url}?fieldSelector=metadata.name%3Ddb`),
    pair("GET in pages", (url) => `${url}?limit=1`),
    {
      path: "GET in all namespaces",
      bad: { method: "GET", path: list(everywhere(of)) },
      ok: { method: "GET", path: list(everywhere(ok)) },
    },
  ];
}

function everywhere({ namespace: _, ...rest }: Resource): Resource {
  return rest;
}

/** A request as it stands. */
export function raws({ bad, ok }: RawCell): Pair[] {
  const asked = ({ method, path, headers, body, old }: Raw): Asked => ({
    method,
    path,
    ...(headers === undefined ? {} : { headers }),
    ...(body === undefined ? {} : json(body)),
    ...(old === undefined ? {} : { oldObject: old }),
  });
  const pairs: Pair[] = [{ path: bad.method, bad: asked(bad), ok: asked(ok) }];
  if (bad.body === undefined || ok.body === undefined) return pairs;
  for (const [name, encode] of Object.entries({ YAML: yaml, CBOR: cbor })) {
    pairs.push({
      path: `${bad.method}, ${name}`,
      bad: { ...asked(bad), ...encode(bad.body) },
      ok: { ...asked(ok), ...encode(ok.body) },
    });
  }
  return pairs;
}
