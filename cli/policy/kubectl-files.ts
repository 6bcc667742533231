import { readFile } from "node:fs/promises";
import { UserError } from "../../base/errors.ts";
import type { KubernetesObject } from "../../engine/input.ts";
import { parseYaml } from "../../kubernetes/body/yaml.ts";
import { type ApiResource, resourceOfKind, resourcePath } from "../../kubernetes/resources.ts";
import type { ExplainRequest } from "../../proxy/explain/request.ts";
import { type Flags, json, withQuery } from "./kubectl-flags.ts";
import { readInput } from "./read-input.ts";

/** One request for each object of the files. */
export async function written(
  { values, namespace }: Flags,
  method: "POST" | "PUT" | "APPLY",
): Promise<ExplainRequest[]> {
  if (values.filename === undefined) throw new UserError("the command names no file (-f)", { exitCode: 2 });
  const objects = (await Promise.all(values.filename.map(objectsOf))).flat();
  return objects.map((object) => {
    const { resource, name, own } = identityOf(object);
    const of = own === "" ? namespace : own;
    if (method === "POST") {
      return { method, path: resourcePath(resource, of), contentType: "application/json", body: json(object) };
    }
    const path = resourcePath(resource, of, name);
    if (method === "PUT") return { method, path, contentType: "application/json", body: json(object) };
    const query = "fieldManager=kubectl&force=false";
    const contentType = "application/apply-patch+yaml";
    return { method: "PATCH", path: withQuery(path, query), contentType, body: json(object) };
  });
}

/** The objects of a YAML or JSON file, as kubectl splits them. */
async function objectsOf(file: string): Promise<KubernetesObject[]> {
  const text = await readInput(file, (path) => readFile(path, "utf8"));
  const objects = text
    .split(/^---\s*$/m)
    .filter((document) => document.replace(/^\s*#.*$/gm, "").trim() !== "")
    .flatMap((document) => {
      const object = parseYaml(document) as KubernetesObject | null;
      return object?.kind === "List" && Array.isArray(object.items) ? (object.items as KubernetesObject[]) : [object];
    });
  // As kubectl has it: an answer about nothing would pass for one about everything.
  if (objects.length === 0) throw new UserError(`there is no object in ${file}`, { exitCode: 2 });
  return objects.map((object) => object ?? {});
}

function identityOf(object: KubernetesObject): { resource: ApiResource; name: string; own: string } {
  const { apiVersion, kind, metadata = {} } = object as { apiVersion?: string; kind?: string; metadata?: object };
  if (typeof apiVersion !== "string" || typeof kind !== "string") {
    throw new UserError("a document has no apiVersion and kind", { exitCode: 2 });
  }
  const { name = "", namespace = "" } = metadata as { name?: string; namespace?: string };
  return { resource: resourceOfKind(apiVersion, kind), name, own: namespace };
}
