import { stringify } from "yaml";
import type { KubernetesObject } from "../../engine/input.ts";
import { encodeCbor } from "../../kubernetes/body/cbor.ts";
import { encodeProtobuf } from "../../kubernetes/body/protobuf/encode.ts";
import {
  type Cell,
  type ConnectCell,
  type DeleteCell,
  type Deleted,
  labelledAs,
  type Raw,
  type RawCell,
  type ReadCell,
  type Resource,
  urlOf,
  type WriteCell,
  type Written,
} from "./cell.ts";
import { jsonPatch, mergePatch, strategicPatch } from "./patches.ts";

/** A raw request, with what is stored at its place. */
export interface Asked {
  method: string;
  path: string;
  headers?: Record<string, string>;
  contentType?: string;
  body?: Uint8Array;
  oldObject?: KubernetesObject | null;
}

/** A request that must be found, and the same with only the offending part changed. */
export interface Pair {
  path: string;
  bad: Asked;
  ok: Asked;
  /** The bad one is no request that the API server takes: it is refused before any rule. */
  refused?: true;
}

/** Encoded when it is asked for: of most cells only some paths are. */
function lazy(path: string, bad: () => Asked, ok: () => Asked): Pair {
  return {
    path,
    get bad() {
      return bad();
    },
    get ok() {
      return ok();
    },
  };
}

/** Every path by which a cell may be asked. */
export function pairsOf(cell: Cell): Pair[] {
  switch (cell.kind) {
    case "write":
      return writes(cell);
    case "delete":
      return deletes(cell);
    case "connect":
      return connects(cell);
    case "read":
      return reads(cell);
    case "raw":
      return raws(cell);
  }
}

type Make = (written: Written) => Asked;

function writes(cell: WriteCell): Pair[] {
  const { bad, ok, only } = cell;
  const custom = bad.of.custom === true;
  const pair = (path: string, make: Make): Pair =>
    lazy(
      path,
      () => make(bad),
      () => make(ok),
    );
  const name = ({ object }: Written): string => (object.metadata as { name: string }).name;
  const collection: Make = ({ of }) => ({ method: "POST", path: urlOf(of), oldObject: null });
  const put: Make = (w) => ({ method: "PUT", path: urlOf(w.of, name(w), w.subresource), oldObject: w.old });
  const patch: Make = (w) => ({ ...put(w), method: "PATCH" });
  const encodings = (path: string, of: Make): Pair[] => [
    pair(`${path}, JSON`, (w) => ({ ...of(w), ...json(w.object) })),
    pair(`${path}, YAML`, (w) => ({ ...of(w), ...yaml(w.object) })),
    ...(custom ? [] : [pair(`${path}, protobuf`, (w) => ({ ...of(w), ...protobuf(w.object) }))]),
    pair(`${path}, CBOR`, (w) => ({ ...of(w), ...cbor(w.object) })),
  ];
  const pairs: Pair[] = [];
  if (only !== "update" && bad.subresource === undefined) {
    pairs.push(
      ...encodings("POST", collection),
      pair("POST, dryRun", (w) => ({ ...collection(w), path: `${urlOf(w.of)}?dryRun=All`, ...json(w.object) })),
      ...encodings("PUT that creates", (w) => ({ ...put(w), oldObject: null })),
      pair("apply, upsert", (w) => ({ ...apply(patch(w), w.object), oldObject: null })),
      pair("apply in CBOR, upsert", (w) => ({ ...applyCbor(patch(w), w.object), oldObject: null })),
      ...refusals(cell, collection(bad), collection(ok)),
    );
  }
  if (only !== "create") {
    pairs.push(
      ...encodings("PUT", put),
      pair("JSON patch", (w) => ({ ...patch(w), ...typed("json-patch+json", jsonPatch(w.old, w.object)) })),
      pair("merge patch", (w) => ({ ...patch(w), ...typed("merge-patch+json", mergePatch(w.old, w.object)) })),
      pair("merge patch, dryRun", (w) => ({
        ...patch(w),
        path: `${patch(w).path}?dryRun=All`,
        ...typed("merge-patch+json", mergePatch(w.old, w.object)),
      })),
      ...(custom
        ? []
        : [
            pair("strategic merge patch", (w) => ({
              ...patch(w),
              ...typed("strategic-merge-patch+json", strategicPatch(w.old, w.object)),
            })),
          ]),
      ...(cell.takesAway === true ? [] : [pair("apply", (w) => apply(patch(w), w.object))]),
    );
    if (cell.kept === true) pairs.push(...keeping(bad, put, patch));
    if (cell.statusIgnored === true) {
      const fragment = (): Body => typed("merge-patch+json", mergePatch(bad.old, bad.object));
      pairs.push(
        lazy(
          "merge patch, of status",
          () => ({ ...patch(bad), ...fragment() }),
          () => ({ ...patch(bad), path: `${patch(bad).path}/status`, ...fragment() }),
        ),
      );
    }
  }
  return pairs;
}

/** The same request where the offending part is stored already: whoever changes a label did not ask for it. */
function keeping(bad: Written, put: Make, patch: Make): Pair[] {
  const labelled = labelledAs(bad.object);
  const pair = (path: string, of: () => Asked): Pair => lazy(path, of, () => ({ ...of(), oldObject: bad.object }));
  return [
    pair("PUT of what is stored", () => ({ ...put(bad), ...json(labelled) })),
    pair("apply of what is stored", () => apply(patch(bad), labelled)),
    pair("merge patch of what is stored", () => ({
      ...patch(bad),
      ...typed("merge-patch+json", mergePatch(bad.old, labelled)),
    })),
  ];
}

/** Bodies that readers take in different ways: the server takes none of them, or takes another part than others do. */
function refusals({ bad, ok }: WriteCell, to: Asked, toOk: Asked): Pair[] {
  const list = { apiVersion: "v1", kind: "List", metadata: {}, items: [bad.object] };
  const refused = (path: string, body: () => Body): Pair => {
    const pair = lazy(
      path,
      () => ({ ...to, ...body() }),
      () => ({ ...toOk, ...json(ok.object) }),
    );
    return Object.assign(pair, { refused: true } as const);
  };
  const doubled = (type: string): Body => {
    const differs = (key: string): boolean => JSON.stringify(bad.object[key]) !== JSON.stringify(ok.object[key]);
    const key = Object.keys(bad.object).find((one) => one !== "metadata" && differs(one));
    const [twice, hidden] = key === undefined ? ["kind", bad.object.kind] : [key, ok.object[key] ?? null];
    const text = `${JSON.stringify(bad.object).slice(0, -1)},${JSON.stringify(twice)}:${JSON.stringify(hidden)}}`;
    return { contentType: `application/${type}`, body: Buffer.from(text) };
  };
  return [
    refused("kind: List, JSON", () => json(list)),
    refused("kind: List, YAML", () => yaml(list)),
    refused("duplicate keys, JSON", () => doubled("json")),
    refused("duplicate keys, YAML", () => doubled("yaml")),
    refused("a second YAML document", () => ({
      contentType: "application/yaml",
      body: Buffer.from(`${stringify(ok.object)}---\n${stringify(bad.object)}`),
    })),
  ];
}

function deletes({ bad, ok, options }: DeleteCell): Pair[] {
  const to = ({ of, name, stored }: Deleted): Asked => ({
    method: "DELETE",
    path: urlOf(of, name),
    oldObject: stored ?? null,
  });
  const body = (more: Record<string, unknown>): KubernetesObject => ({
    apiVersion: "v1",
    kind: "DeleteOptions",
    ...more,
  });
  const [badOptions, okOptions] = [options?.bad ?? BACKGROUND, options?.ok ?? BACKGROUND];
  const pair = (path: string, of: (deleted: Deleted, asked: Record<string, unknown>) => Asked): Pair => ({
    path,
    bad: of(bad, badOptions),
    ok: of(ok, okOptions),
  });
  const query = (asked: Record<string, unknown>): string => {
    const flat = Object.entries(asked).flatMap(([key, value]): [string, string][] =>
      typeof value === "object" && value !== null
        ? Object.entries(value).map(([inner, text]) => [inner, String(text)])
        : [[key, String(value)]],
    );
    return `?${new URLSearchParams(flat)}`;
  };
  return [
    ...(options === undefined ? [pair("DELETE", (d) => to(d))] : []),
    pair("DELETE, options in the query", (d, o) => ({ ...to(d), path: `${urlOf(d.of, d.name)}${query(o)}` })),
    pair("DELETE, options as JSON", (d, o) => ({ ...to(d), ...json(body(o)) })),
    pair("DELETE, options as YAML", (d, o) => ({ ...to(d), ...yaml(body(o)) })),
    pair("DELETE, options as protobuf", (d, o) => ({ ...to(d), ...protobuf(body(o)) })),
    pair("DELETE, options as CBOR", (d, o) => ({ ...to(d), ...cbor(body(o)) })),
    pair("DELETE, dryRun in the body", (d, o) => ({ ...to(d), ...json(body({ ...o, dryRun: ["All"] })) })),
    // The server reads no query where there is a body, and really deletes.
    pair("DELETE, dryRun in the query beside a body", (d, o) => ({
      ...to(d),
      path: `${urlOf(d.of, d.name)}?dryRun=All`,
      ...json(body(o)),
    })),
  ];
}

const BACKGROUND = { propagationPolicy: "Background" };

const WEBSOCKET = {
  connection: "Upgrade",
  upgrade: "websocket",
  "sec-websocket-version": "13",
  "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
};

function connects({ path, ok, by }: ConnectCell): Pair[] {
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

function reads({ of, ok, name }: ReadCell): Pair[] {
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

function raws({ bad, ok }: RawCell): Pair[] {
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

type Body = Required<Pick<Asked, "contentType" | "body">>;
const json = (object: unknown): Body => typed("json", object);
const typed = (type: string, value: unknown): Body => ({
  contentType: `application/${type}`,
  body: Buffer.from(JSON.stringify(value)),
});
const yaml = (object: KubernetesObject): Body => ({
  contentType: "application/yaml",
  body: Buffer.from(stringify(object)),
});
const protobuf = (object: KubernetesObject): Body => ({
  contentType: "application/vnd.kubernetes.protobuf",
  body: encodeProtobuf(object),
});
const cbor = (object: KubernetesObject): Body => ({ contentType: "application/cbor", body: encodeCbor(object) });

const forced = (to: Asked): Asked => ({ ...to, path: `${to.path}?fieldManager=kubectl&force=true` });
const apply = (to: Asked, object: KubernetesObject): Asked => ({
  ...forced(to),
  contentType: "application/apply-patch+yaml",
  body: Buffer.from(stringify(object)),
});
const applyCbor = (to: Asked, object: KubernetesObject): Asked => ({
  ...forced(to),
  contentType: "application/apply-patch+cbor",
  body: encodeCbor(object),
});
