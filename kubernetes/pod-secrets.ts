import type { KubernetesObject } from "./types.ts";

const CONTAINER_LISTS = ["containers", "initContainers", "ephemeralContainers"] as const;

/** A volume source names its Secret in one of these fields (core/v1 VolumeSource). */
const VOLUME_REFERENCES = ["secretRef", "nodePublishSecretRef"] as const;

function object(value: unknown): KubernetesObject {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as KubernetesObject) : {};
}

function list(value: unknown): KubernetesObject[] {
  return Array.isArray(value) ? value.map(object) : [];
}

/**
 * The names of the Secrets, all of the pod's own namespace, that a pod's spec hands to its containers or pulls their
 * images with: env, envFrom, volumes (secret, projected, CSI and those of storage drivers) and imagePullSecrets.
 * Sorted. What a CSI driver mounts from a store of its own is in no Secret, and is not among them.
 */
export function podSecretNames(pod: KubernetesObject): string[] {
  const spec = object(pod.spec);
  const names = new Set<string>();
  const add = (name: unknown): void => {
    if (typeof name === "string" && name !== "") names.add(name);
  };
  for (const kind of CONTAINER_LISTS) {
    for (const container of list(spec[kind])) {
      for (const { valueFrom } of list(container.env)) add(object(object(valueFrom).secretKeyRef).name);
      for (const { secretRef } of list(container.envFrom)) add(object(secretRef).name);
    }
  }
  for (const volume of list(spec.volumes)) {
    for (const source of Object.values(volume).map(object)) {
      // secret and azureFile; storage drivers say whose Secret they mean.
      add(source.secretName);
      for (const key of VOLUME_REFERENCES) add(object(source[key]).name);
    }
    for (const { secret } of list(object(volume.projected).sources)) add(object(secret).name);
  }
  for (const { name } of list(spec.imagePullSecrets)) add(name);
  return [...names].sort();
}
