import type { KubernetesObject } from "../../engine/input.ts";
import type { Resource } from "./cell.ts";
import {
  CRON_JOB,
  custom,
  DAEMON_SET,
  DEPLOYMENT,
  JOB,
  namespaced,
  objectOf,
  POD,
  POD_TEMPLATE,
  REPLICA_SET,
  REPLICATION_CONTROLLER,
  STATEFUL_SET,
} from "./resources.ts";

/** A kind that has a pod template, and where it has it. */
export interface TemplateKind {
  of: Resource;
  /** Path of the PodTemplateSpec: what holds `metadata` and `spec`; empty for the object itself. */
  at: string;
  /** An object of the kind with an ordinary template. */
  object: KubernetesObject;
}

export const CONTAINER = { name: "main", image: "registry.example.com/app:1" };
/** The second of its list: who looks at the first alone misses it. */
export const SIDE = { name: "side", image: "registry.example.com/side:1" };
export const CONTAINER_LISTS = ["containers", "initContainers", "ephemeralContainers"] as const;

const metadata = { labels: { app: "web" } };
const spec = { containers: [CONTAINER] };
const template = { metadata, spec };
const selector = { matchLabels: metadata.labels };
const restartPolicy = "Never";

const kind = (of: Resource, at: string, fields: KubernetesObject): TemplateKind => ({
  of,
  at,
  object: objectOf(of, fields),
});
const controller = (of: Resource, more: KubernetesObject = {}): TemplateKind =>
  kind(of, "spec.template", { spec: { selector, template, ...more } });
const job = { template: { metadata, spec: { ...spec, restartPolicy } } };

export const PODS: TemplateKind = kind(POD, "", { spec });
export const DEPLOYMENTS: TemplateKind = controller(DEPLOYMENT, { replicas: 2 });
/** Of a CRD that says nothing of pods: recognised by its shape. */
export const WIDGETS: TemplateKind = controller(custom(namespaced("example.com/v1", "Widget", "widgets")));

/** Every kind that has a pod template. */
export const TEMPLATE_KINDS: readonly TemplateKind[] = [
  PODS,
  DEPLOYMENTS,
  controller(STATEFUL_SET, { serviceName: "web" }),
  controller(DAEMON_SET),
  controller(REPLICA_SET),
  kind(REPLICATION_CONTROLLER, "spec.template", { spec: { selector: metadata.labels, template } }),
  kind(JOB, "spec.template", { spec: job }),
  kind(CRON_JOB, "spec.jobTemplate.spec.template", { spec: { schedule: "0 * * * *", jobTemplate: { spec: job } } }),
  kind(POD_TEMPLATE, "template", { template }),
  kind(namespaced("apps/v1", "ControllerRevision", "controllerrevisions"), "data.spec.template", {
    revision: 1,
    data: { spec: { template } },
  }),
  WIDGETS,
];

/** Dotted path of something in a kind's template. */
export const inTemplate = ({ at }: TemplateKind, path: string): string => (at === "" ? path : `${at}.${path}`);

/** Kinds that hold by themselves, whatever their template says: row Persistence. */
export const PERSISTENCE = /^persistence\//;
