import type { Approval } from "../../../approvals/types.ts";
import type { StoredObject } from "../../gateway/cluster.ts";
import type { ClientRequest } from "./gateway.ts";

/** One request that agents make again and again; each is one digest, known by its command. */
export interface Kind {
  command: string;
  request: ClientRequest;
  /** Where its object is stored. */
  path: string;
  /** Puts the object into the state that it is asked to change: `n` is what it says then. */
  prepare(objects: Map<string, StoredObject>, n: number): void;
}

const VOLUMES = [{ name: "v", hostPath: { path: "/etc" } }];
const CONTAINERS = [{ name: "a", image: "b" }];

function createPod(namespace: string, name: string): Kind {
  const collection = `/api/v1/namespaces/${namespace}/pods`;
  const path = `${collection}/${name}`;
  const body = {
    kind: "Pod",
    apiVersion: "v1",
    metadata: { name, namespace },
    spec: { containers: CONTAINERS, volumes: VOLUMES },
  };
  return kind("POST", collection, path, `create ${namespace}/${name}`, body, (objects) => objects.delete(path));
}

/** Adds a hostPath to a Deployment, and sets its replicas: what the approver is shown depends on what is stored. */
function changeDeployment(namespace: string, name: string, replicas: number): Kind {
  const path = `/apis/apps/v1/namespaces/${namespace}/deployments/${name}`;
  const deployment = (count: number, volumes: object) => ({
    kind: "Deployment",
    apiVersion: "apps/v1",
    metadata: { name, namespace },
    spec: {
      replicas: count,
      selector: { matchLabels: { app: name } },
      template: { metadata: { labels: { app: name } }, spec: { containers: CONTAINERS, ...volumes } },
    },
  });
  const body = deployment(replicas, { volumes: VOLUMES });
  return kind("PUT", path, path, `change ${namespace}/${name} to ${replicas}`, body, (objects, n) => {
    const stored = deployment(n, {});
    const metadata = { ...stored.metadata, uid: `uid-${path}`, resourceVersion: String(++version) };
    objects.set(path, { ...stored, metadata });
  });
}

let version = 1_000_000;

function kind(
  method: string,
  path: string,
  object: string,
  command: string,
  body: object,
  prepare: (objects: Map<string, StoredObject>, n: number) => void,
): Kind {
  return { command, path: object, prepare, request: { method, path, headers: { "kubectl-command": command }, body } };
}

export const KINDS: readonly Kind[] = [
  createPod("once", "a"),
  createPod("twice", "b"),
  changeDeployment("once", "web", 50),
  changeDeployment("once", "web", 60),
  changeDeployment("twice", "api", 70),
];

/** Whether a write lets a host's folder in: only that is held, whoever's turn it is. */
export function isHeld(before: StoredObject | undefined, after: StoredObject): boolean {
  return JSON.stringify(after).includes("hostPath") && !JSON.stringify(before ?? {}).includes("hostPath");
}

type Leaves = Map<string, string>;
const SERVERS_OWN = /^\.(status|metadata\.(uid|resourceVersion|generation|managedFields))(\.|$)/;

/** Each value of an object by its path, list entries without what tells them apart. */
function leaves(value: unknown, path = "", into: Leaves = new Map()): Leaves {
  if (typeof value !== "object" || value === null) {
    if (value !== undefined && !SERVERS_OWN.test(path)) into.set(path.replaceAll(/\[[^\]]*\]/g, "[]"), String(value));
    return into;
  }
  for (const [key, entry] of Object.entries(value)) {
    leaves(entry, Array.isArray(value) ? `${path}[${key}]` : `${path}.${key}`, into);
  }
  return into;
}

function signature(from: Leaves, to: Leaves): string {
  const paths = [...new Set([...from.keys(), ...to.keys()])].sort();
  const differ = paths.filter((path) => from.get(path) !== to.get(path));
  return differ.map((path) => `${path}: ${from.get(path) ?? "-"} → ${to.get(path) ?? "-"}`).join("\n");
}

/** What a write did, told from the objects alone. */
export function doneBy(before: StoredObject | undefined, after: StoredObject): string {
  return signature(leaves(before ?? {}), leaves(after));
}

/** What an approver was shown, said in the same way. */
export function shownBy({ proposal }: Approval): string {
  const [from, to]: [Leaves, Leaves] = [new Map(), new Map()];
  for (const change of proposal.changes) {
    const path = change.path === "" ? "" : change.path.startsWith("[") ? change.path : `.${change.path}`;
    leaves(change.from, path, from);
    leaves(change.to, path, to);
  }
  return signature(from, to);
}
