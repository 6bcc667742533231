import { request } from "node:https";
import type { EventRow } from "../../audit/event.ts";
import type { Decision, Finding } from "../../engine/decision.ts";
import type { KubernetesObject } from "../../engine/input.ts";
import type { Cell, Deleted, Row, Written } from "./cell.ts";
import type { Case } from "./judge.ts";
import { type Asked, pairsOf } from "./paths.ts";

/**
 * A cell of each row that an API server takes as it stands, with nothing that a rule would hide behind: no custom
 * resource, no container list that validation refuses.
 */
const CELLS: Record<string, string> = {
  "Exec, attach, cp": "exec",
  "Port-forward, proxy": "a proxy to a service",
  Debug: "a debug container",
  "nodes/proxy": "a command in any pod",
  "Secrets: list, watch": "the Secrets of a namespace",
  "Secrets: get": "a Secret",
  "Secrets: write": "a Secret",
  "Consuming Secrets": "a secret volume in deployments",
  "ServiceAccount tokens": "a token of a service account",
  RBAC: "view in rolebindings",
  Impersonation: "the header impersonate-user",
  CSR: "a certificate signing request",
  "Admission and API machinery": "a write of validatingwebhookconfigurations",
  "Escape fields": "privileged in containers of deployments",
  "Escape fields: hostPath": "a hostPath volume in deployments",
  "Scheduling and identity": "nodeName in deployments",
  "Scheduling and identity, by params": "nodeName in deployments",
  "Images: registry": "a registry in containers of deployments",
  "Images: tag": "a tag that moves in containers of deployments",
  "Images: digest": "no digest in containers of deployments",
  "System namespaces": "configmaps in kube-system",
  Persistence: "a CronJob",
  Nodes: "labels of a node",
  Storage: "a delete of persistentvolumeclaims",
  Destruction: "replicas: 0 of deployments",
  Network: "a Service of type NodePort",
  "Cloud identity": "an IAM role of AWS",
  Evidence: "a delete of events",
  "Guardrail and tenancy self-edit": "a write of resourcequotas",
  Recon: "selfsubjectaccessreviews",
};

/** A case whose requests are about objects of their own: what one request stores no other meets. */
export interface LiveCase {
  one: Case;
  bad: Asked;
  ok: Asked;
}

/** A row's cell by each path that `wanted` says yes to; `id` tells its objects from those of other rows. */
export function liveCases(row: Row, id: string, wanted: (index: number, paths: number) => boolean): LiveCase[] {
  const cell = row.cells.find(({ what }) => what === CELLS[row.name]);
  if (cell === undefined) throw new Error(`${row.name} has no cell "${CELLS[row.name]}"`);
  return pairsOf(cell).flatMap((_, i, { length }) => {
    if (!wanted(i, length)) return [];
    const [bad, ok] = ["bad", "ok"].map((side) => pairsOf(renamed(cell, `${id}-${side}-${i}`))[i]);
    if (bad === undefined || ok === undefined) return [];
    const one: Case = Object.assign(Object.create(bad) as typeof bad, { row, cell });
    return [{ one, bad: bad.bad, ok: ok.ok }];
  });
}

function renamed(cell: Cell, suffix: string): Cell {
  const object = (value: KubernetesObject): KubernetesObject => {
    const metadata = value.metadata as { name: string };
    return { ...value, metadata: { ...metadata, name: `${metadata.name}-${suffix}` } };
  };
  if (cell.kind === "write") {
    const written = (w: Written): Written => ({ ...w, object: object(w.object), old: object(w.old) });
    return { ...cell, bad: written(cell.bad), ok: written(cell.ok) };
  }
  if (cell.kind !== "delete") return cell;
  const deleted = (d: Deleted): Deleted => ({
    ...d,
    ...(d.name === undefined ? {} : { name: `${d.name}-${suffix}` }),
    ...(d.stored === undefined ? {} : { stored: object(d.stored) }),
  });
  return { ...cell, bad: deleted(cell.bad), ok: deleted(cell.ok) };
}

/** What has to be there before a request. */
export function storedFor(asked: readonly Asked[]): KubernetesObject[] {
  return asked.flatMap(({ oldObject }) => (oldObject === undefined || oldObject === null ? [] : [oldObject]));
}

export interface Door {
  /** Of the connection. */
  url: string;
  caPem: string;
  token: string;
}

/** Asks, and resolves with the status once the answer has begun: a watch has no end. */
export function askLive({ url, caPem, token }: Door, asked: Asked, userAgent: string): Promise<number> {
  const { body = new Uint8Array(0), contentType } = asked;
  const headers = {
    ...asked.headers,
    authorization: `Bearer ${token}`,
    "user-agent": userAgent,
    ...(contentType === undefined ? {} : { "content-type": contentType }),
    ...(body.length === 0 ? {} : { "content-length": body.length }),
  };
  return new Promise((resolve, reject) => {
    const sent = request(`${url}${asked.path}`, { method: asked.method, headers, ca: caPem, timeout: 60_000 });
    sent.once("timeout", () => sent.destroy(new Error(`${asked.method} ${asked.path} has no answer`)));
    sent.once("upgrade", (response, socket) => {
      socket.destroy();
      resolve(response.statusCode ?? 0);
    });
    sent.once("response", (response) => {
      response.once("data", () => response.destroy()).once("error", () => {});
      response.once("close", () => resolve(response.statusCode ?? 0));
      response.resume();
    });
    sent.once("error", reject);
    sent.end(body);
  });
}

const refusal = (rule: string): Finding => ({
  rule,
  effect: "deny",
  message: "",
  severity: "high",
  ids: [],
  fields: [],
  privileged: false,
  absolute: true,
});

/** The gateway's verdict on a request as its own record has it; undefined where the record has none. */
export function verdictOf(events: readonly EventRow[]): Decision | undefined {
  const end = events.findLast(({ kind }) => kind === "request.outcome" || kind === "request.refused");
  if (end === undefined) return undefined;
  const { findings: judged = [], code } = JSON.parse(end.payload) as { findings?: Finding[]; code?: string };
  // What is refused for another reason than policy's carries what metadata had said.
  const other = end.rules.some((rule) => rule.startsWith("request/")) || code === "refused-by-upstream";
  const findings = end.kind === "request.refused" && other ? [refusal(`request/${code}`)] : judged;
  const strongest = ["deny", "hold"].find((effect) => findings.some((finding) => finding.effect === effect));
  return {
    decisionId: "",
    revision: { bundle: "", guardrails: "" },
    effect: (strongest ?? "allow") as Decision["effect"],
    findings,
    approval: null,
    mask: findings.some(({ effect }) => effect === "mask")
      ? [{ selector: {}, fields: end.masked_fields, placeholder: "" }]
      : [],
    record: end.record_level as Decision["record"],
  };
}
