import type { KubernetesObject } from "../../../engine/input.ts";
import type { Random } from "../../fuzz/random.ts";
import { withAt } from "../resources.ts";
import { CONTAINER_LISTS } from "../templates.ts";
import { CONTROLS, type Field } from "./controls.ts";

export interface Template {
  metadata: KubernetesObject;
  spec: KubernetesObject;
}

const FIELDS = CONTROLS.flatMap(({ fields }) => fields);
const POD_FIELDS = FIELDS.filter(({ of }) => of === "pod");
const CONTAINER_FIELDS = FIELDS.filter(({ of }) => of === "container");
const RELAXING: readonly [string, unknown][] = [
  ["spec.hostUsers", false],
  ["spec.hostUsers", true],
  ["spec.os", { name: "windows" }],
  ["spec.os", { name: "linux" }],
];
const COMPLIANT = {
  pod: { runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } },
  container: { allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } },
};

/** A value that the standards name for a field, as often allowed as not; now and then null, which is as good as absent. */
function someValue(random: Random, { bad, ok }: Field): unknown {
  return random.chance(0.1) ? null : random.pick(random.chance(0.5) ? bad : ok);
}

/** `withAt`, unless something that is no object is in the way. */
function put(object: KubernetesObject, field: Field, random: Random): KubernetesObject {
  try {
    return withAt(object, field.at, someValue(random, field));
  } catch (error) {
    if (error instanceof TypeError) return object;
    throw error;
  }
}

/** A pod template that complies with restricted, or one that says nothing, with some fields of its own. */
export function generateTemplate(random: Random): Template {
  const careful = random.chance(0.6);
  const context = (of: "pod" | "container"): object =>
    careful && random.chance(0.95)
      ? { securityContext: COMPLIANT[of] }
      : random.chance(0.1)
        ? { securityContext: null }
        : {};
  const container = (name: string): KubernetesObject => {
    let made: KubernetesObject = { name, image: "registry.example.com/app:1", ...context("container") };
    for (let n = random.below(3); n > 0; n--) made = put(made, random.pick(CONTAINER_FIELDS), random);
    return made;
  };
  const lists = CONTAINER_LISTS.filter((list) => list === "containers" || random.chance(0.3));
  let object: KubernetesObject = {
    metadata: { labels: { app: "web" } },
    spec: {
      ...context("pod"),
      ...Object.fromEntries(
        lists.map((list) => [
          list,
          Array.from({ length: 1 + random.below(2) }, (_, i) => container(`${list.slice(0, 4).toLowerCase()}-${i}`)),
        ]),
      ),
    },
  };
  for (let n = random.below(3); n > 0; n--) object = put(object, random.pick(POD_FIELDS), random);
  if (random.chance(0.3)) object = withAt(object, ...random.pick(RELAXING));
  return JSON.parse(JSON.stringify(object)) as Template & KubernetesObject;
}
