import { isRawNumber } from "../base/lossless-json.ts";
import type { KubernetesObject } from "./types.ts";

/**
 * What the API server makes up anew at each dry run of a create, recorded from kube-apiserver 1.36.3: left
 * in, two dry runs of one request would be two different changes, and no approval would ever match.
 */
const TOKEN_VOLUME = /^kube-api-access-[a-z0-9]{5}$/;
const TOKEN_VOLUME_NAME = "kube-api-access-*";
const TOKEN_MOUNT = "/var/run/secrets/kubernetes.io/serviceaccount";
/** Labels of a Job's pods and its selector that hold the Job's own uid, and its name, which generateName may have made. */
const OWN_LABELS = new Set(["controller-uid", "job-name"].flatMap((name) => [name, `batch.kubernetes.io/${name}`]));

function isObject(value: unknown): value is KubernetesObject {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !isRawNumber(value);
}

/** A projected volume of the ServiceAccount admission plugin: its name ends in five random characters. */
function isTokenVolume(entry: unknown): boolean {
  return (
    isObject(entry) && typeof entry.name === "string" && TOKEN_VOLUME.test(entry.name) && isObject(entry.projected)
  );
}

function isTokenMount(entry: unknown): boolean {
  return (
    isObject(entry) &&
    entry.mountPath === TOKEN_MOUNT &&
    typeof entry.name === "string" &&
    TOKEN_VOLUME.test(entry.name)
  );
}

function renameTokenVolumes(list: unknown[], matches: (entry: unknown) => boolean): unknown[] {
  return list.map((entry) => (matches(entry) ? { ...(entry as KubernetesObject), name: TOKEN_VOLUME_NAME } : entry));
}

/** `own`: the uid and the generated name of this try. */
function stabilise(value: unknown, key: string, own: ReadonlySet<unknown>): unknown {
  if (Array.isArray(value)) {
    const list = value.map((entry) => stabilise(entry, "", own));
    if (key === "volumes") return renameTokenVolumes(list, isTokenVolume);
    if (key === "volumeMounts") return renameTokenVolumes(list, isTokenMount);
    return list;
  }
  if (!isObject(value)) return value;
  const labels = key === "labels" || key === "matchLabels";
  const kept = Object.entries(value).filter(([name, entry]) => !(labels && OWN_LABELS.has(name) && own.has(entry)));
  return Object.fromEntries(kept.map(([name, entry]) => [name, stabilise(entry, name, own)]));
}

const STAMPS = new Set(["uid", "creationTimestamp", "managedFields", "resourceVersion", "generation"]);

/**
 * The outcome of a create without what is new at each try: uid, timestamps, a name made from generateName,
 * the suffix of the service account token's volume, and a Job's own uid and generated name in its labels.
 */
export function withoutGenerated(outcome: KubernetesObject): KubernetesObject {
  const { metadata: given, ...rest } = outcome;
  const metadata = isObject(given) ? given : {};
  const generated = typeof metadata.generateName === "string" && metadata.generateName !== "";
  const own = new Set(
    [metadata.uid, generated ? metadata.name : undefined].filter((value) => typeof value === "string"),
  );
  const kept = Object.entries(metadata).filter(([key]) => !STAMPS.has(key) && !(generated && key === "name"));
  return {
    ...(stabilise(rest, "", own) as KubernetesObject),
    metadata: stabilise(Object.fromEntries(kept), "metadata", own),
  };
}
