import type { KubernetesObject } from "../../../engine/input.ts";
import type { Row, WriteCell } from "../cell.ts";
import { withAt } from "../resources.ts";
import { CONTAINER, CONTAINER_LISTS, inTemplate, PODS, SIDE, TEMPLATE_KINDS, type TemplateKind } from "../templates.ts";
import { CONTROLS, type Control, type Field, type Level } from "./controls.ts";

/** A field of a control in one kind and one list of containers, with one forbidden and one allowed value. */
export interface FieldCell {
  control: Control;
  level: Level;
  cell: WriteCell;
  /** Where the finding must be. */
  found: string;
}

const POD_CONTEXT = { runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } };
const CONTEXT = { allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } };

/** What satisfies restricted, and with it baseline: by itself, or where the pod speaks for it. */
const ALONE: KubernetesObject = { ...CONTAINER, securityContext: { ...CONTEXT, ...POD_CONTEXT } };
const SPOKEN_FOR: KubernetesObject = { ...SIDE, securityContext: CONTEXT };

/** `withAt`, and without what is undefined. */
function put(object: KubernetesObject, path: string, value: unknown): KubernetesObject {
  return JSON.parse(JSON.stringify(withAt(object, path, value))) as KubernetesObject;
}

/** The object of a kind with a template that complies: the container under test is the last of the list. */
function compliant(kind: TemplateKind, list: string, podContext: Record<string, unknown> = {}): KubernetesObject {
  const lists = list === "containers" ? { [list]: [ALONE, SPOKEN_FOR] } : { containers: [ALONE], [list]: [SPOKEN_FOR] };
  let object = put(kind.object, inTemplate(kind, "spec.securityContext"), { ...POD_CONTEXT, ...podContext });
  for (const [name, value] of Object.entries(lists)) object = put(object, inTemplate(kind, `spec.${name}`), value);
  return object;
}

/** The place of a field in a kind: of a container, in the last of its list. */
function placeOf(kind: TemplateKind, list: string, field: Field, path: string): string {
  if (field.of === "pod") return inTemplate(kind, path);
  return inTemplate(kind, `spec.${list}[${list === "containers" ? 1 : 0}].${path}`);
}

function cellOf(kind: TemplateKind, list: string, field: Field, bad: unknown, ok: unknown): WriteCell {
  const base = compliant(kind, list, field.podContext);
  const at = placeOf(kind, list, field, field.at);
  const where = field.of === "pod" ? kind.of.plural : `${list} of ${kind.of.plural}`;
  return {
    kind: "write",
    what: `${field.at} ${JSON.stringify(bad) ?? ABSENT} in ${where}`,
    bad: { of: kind.of, object: put(base, at, bad), old: put(base, at, field.ok[0]) },
    ok: { of: kind.of, object: put(base, at, ok), old: put(base, at, field.ok[0]) },
    kept: true,
    statusIgnored: true,
  };
}

/** How a cell names the value of a field that is not there. */
export const ABSENT = "absent";

const listsOf = (field: Field): readonly string[] => (field.of === "pod" ? ["containers"] : CONTAINER_LISTS);

function fieldCells(level: Level, kinds: readonly TemplateKind[], pairs: (field: Field) => [unknown, unknown][]) {
  return CONTROLS.filter(({ levels }) => levels.includes(level)).flatMap((control) =>
    control.fields.flatMap((field) =>
      kinds.flatMap((kind) =>
        listsOf(field).flatMap((list) =>
          pairs(field).map(([bad, ok]): FieldCell => {
            const found = placeOf(kind, list, field, field.found ?? field.at);
            return { control, level, cell: cellOf(kind, list, field, bad, ok), found };
          }),
        ),
      ),
    ),
  );
}

/** Every field of a level in every kind that has a pod template, and in every list of containers. */
export const everywhere = (level: Level): FieldCell[] =>
  fieldCells(level, TEMPLATE_KINDS, ({ bad, ok }) => [[bad[0], ok[0]]]);

/** Every value that the standard names for a field of a level, in pods. */
export const everyValue = (level: Level): FieldCell[] =>
  fieldCells(level, [PODS], ({ bad, ok }) =>
    Array.from({ length: Math.max(bad.length, ok.length) }, (_, i) => [bad[i % bad.length], ok[i % ok.length]]),
  );

/** Every field of a container of a level, in a debug container that joins a pod which runs. */
export const inDebugContainers = (level: Level): FieldCell[] =>
  fieldCells(level, [PODS], (field) => (field.of === "container" ? [[field.bad[0], field.ok[0]]] : []))
    .filter(({ found }) => found.includes(".ephemeralContainers["))
    .map((one): FieldCell => {
      const subresource = "ephemeralcontainers";
      const { bad, ok, statusIgnored: _, ...rest } = one.cell;
      const cell: WriteCell = {
        ...rest,
        only: "update",
        bad: { ...bad, subresource },
        ok: { ...ok, subresource },
      };
      return { ...one, cell };
    });

/** A level as a row of the matrix. */
export const rowOf = (level: Level): Row => ({
  name: `Pod Security Standards: ${level}`,
  effect: "deny",
  rule: /^pod-security\//,
  guardrails: { profiles: [`pod-security/${level}`] },
  cells: [],
});

/** The pod template that a cell writes, as the upstream checks are asked about it. */
export function templateOf(object: KubernetesObject): { metadata: unknown; spec: unknown } {
  return { metadata: object.metadata, spec: object.spec };
}
