import { errorMessage, UserError } from "../../base/errors.ts";
import type { KubernetesObject } from "../../engine/input.ts";
import { parseYaml } from "../../kubernetes/body/yaml.ts";

/** One object of a file that a person named, by `parse` or as YAML. Throws a UserError (exit 2). */
export function parseObject(
  file: string,
  parse: ((text: string) => unknown) | undefined,
  text: string,
): KubernetesObject {
  let value: unknown;
  try {
    value = parse === undefined ? parseYaml(text) : parse(text);
  } catch (error) {
    throw new UserError(`${file}: ${errorMessage(error)}`, { exitCode: 2, cause: error });
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as KubernetesObject;
  throw new UserError(`${file} holds no object`, { exitCode: 2 });
}
