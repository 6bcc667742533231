import type { KubernetesObject } from "../../../engine/input.ts";
import { type DeleteCell, type Deleted, urlOf } from "../cell.ts";
import { cbor, json, protobuf, yaml } from "./bodies.ts";
import type { Asked, Pair } from "./pair.ts";

/** Deletes, with their options wherever the server reads them. */
export function deletes({ bad, ok, options }: DeleteCell): Pair[] {
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
