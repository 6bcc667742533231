import { isRawNumber } from "../base/lossless-json.ts";

/**
 * How the entries of well-known lists are told apart (patchMergeKey and listMapKey of k8s.io/api), by the
 * list's own name. Where several keys are named, the first set that every entry has in full is used; lists
 * that are not here go by index.
 */
const MERGE_KEYS: Record<string, string[][]> = {
  containers: [["name"]],
  initContainers: [["name"]],
  ephemeralContainers: [["name"]],
  env: [["name"]],
  volumes: [["name"]],
  volumeMounts: [["mountPath"]],
  volumeDevices: [["devicePath"]],
  // A Service's ports come first: they have `port`, a container's have `containerPort`.
  ports: [["containerPort", "protocol"], ["containerPort"], ["port", "protocol"], ["port"], ["name"]],
  imagePullSecrets: [["name"]],
  secrets: [["name"]],
  hostAliases: [["ip"]],
  topologySpreadConstraints: [["topologyKey", "whenUnsatisfiable"]],
  resourceClaims: [["name"]],
  ownerReferences: [["uid"]],
  conditions: [["type"]],
  webhooks: [["name"]],
  versions: [["name"]],
  volumeClaimTemplates: [["metadata.name"]],
};

function read(entry: unknown, key: string): string | undefined {
  let value: unknown = entry;
  for (const step of key.split(".")) {
    if (typeof value !== "object" || value === null || Array.isArray(value) || isRawNumber(value)) return undefined;
    value = (value as Record<string, unknown>)[step];
  }
  return typeof value === "string" || typeof value === "number" ? String(value) : undefined;
}

/** The identity of one entry, for example `name=web`; undefined where it lacks a key. */
function identity(entry: unknown, keys: string[]): string | undefined {
  const parts: string[] = [];
  for (const key of keys) {
    const value = read(entry, key);
    if (value === undefined) return undefined;
    parts.push(`${key}=${JSON.stringify(value)}`);
  }
  return parts.join(",");
}

/**
 * The entries of two lists by what identifies them in both; undefined where an entry lacks the key or two
 * share it, and the lists have to be compared by index.
 */
export function entriesByKey(name: string, lists: unknown[][]): Map<string, unknown>[] | undefined {
  // A field may be called toString.
  const candidates = Object.hasOwn(MERGE_KEYS, name) ? (MERGE_KEYS[name] ?? []) : [];
  for (const keys of candidates) {
    const maps = lists.map((list) => {
      const map = new Map<string, unknown>();
      for (const entry of list) {
        const id = identity(entry, keys);
        if (id === undefined || map.has(id)) return undefined;
        map.set(id, entry);
      }
      return map;
    });
    if (maps.every((map) => map !== undefined)) return maps;
  }
  return undefined;
}
