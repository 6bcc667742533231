import type { KubernetesObject } from "../../../engine/input.ts";

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
export function lazy(path: string, bad: () => Asked, ok: () => Asked): Pair {
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
