import { stringify } from "yaml";
import { labelledAs, urlOf, type WriteCell, type Written } from "../cell.ts";
import { jsonPatch, mergePatch, strategicPatch } from "../patches.ts";
import { apply, applyCbor, type Body, cbor, json, protobuf, typed, yaml } from "./bodies.ts";
import { type Asked, lazy, type Pair } from "./pair.ts";

type Make = (written: Written) => Asked;

/** Creates and updates: in every encoding, by every kind of patch, and in bodies that nobody may take. */
export function writes(cell: WriteCell): Pair[] {
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
