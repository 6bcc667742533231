import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { Ajv, type ValidateFunction } from "ajv";
import formats from "ajv-formats";

interface Schema {
  $ref?: string;
  properties?: Record<string, Schema>;
  additionalProperties?: unknown;
  items?: Schema;
  allOf?: Schema[];
  anyOf?: Schema[];
  oneOf?: Schema[];
}
interface Operation {
  responses: Record<string, { $ref?: string; content?: Record<string, { schema: Schema }> }>;
  requestBody?: { content?: Record<string, { schema: Schema }> };
}
interface Description {
  paths: Record<string, Record<string, Operation>>;
  components: Record<string, Record<string, unknown>>;
}

const pointer = (part: string) => part.replaceAll("~", "~0").replaceAll("/", "~1");

/** `nullable` without a type is OpenAPI 3.0's, and none of JSON Schema: what it says is one more alternative. */
function typeNull(value: unknown): void {
  if (value === null || typeof value !== "object") return;
  const schema = value as { nullable?: unknown; type?: unknown; anyOf?: unknown; oneOf?: unknown; allOf?: unknown };
  if (schema.nullable === true && schema.type === undefined) {
    delete schema.nullable;
    for (const list of [schema.anyOf, schema.oneOf]) if (Array.isArray(list)) list.push({ type: "null" });
    if (schema.allOf !== undefined) {
      schema.anyOf = [{ allOf: schema.allOf }, { type: "null" }];
      delete schema.allOf;
    }
  }
  for (const inner of Object.values(value)) typeNull(inner);
}

/** GitHub's published description of its REST API (`@octokit/openapi`, api.github.com), to hold messages against. */
export class PublishedShapes {
  readonly #description: Description;
  readonly #ajv = new Ajv({ strict: false, allErrors: true, inlineRefs: false, formats: { "repo.nwo": true } });
  readonly #compiled = new Map<string, ValidateFunction>();

  constructor() {
    const file = createRequire(import.meta.url).resolve("@octokit/openapi/generated/api.github.com.json");
    this.#description = JSON.parse(readFileSync(file, "utf8")) as Description;
    typeNull(this.#description);
    formats.default(this.#ajv);
    // The description is no schema itself: what is compiled of it is one.
    this.#ajv.addSchema(this.#description, "github", undefined, false);
  }

  /** What is wrong with an answer: `pattern` as the description names the path. Nothing: []. */
  answer(method: string, pattern: string, status: number, body: unknown): string[] {
    const operation = this.#description.paths[pattern]?.[method.toLowerCase()];
    if (operation === undefined) return [`${method} ${pattern} is not published`];
    const place = ["paths", pattern, method.toLowerCase(), "responses", String(status)];
    const published = operation.responses[String(status)];
    if (status >= 400) return this.#error(body);
    if (published === undefined) return [`${method} ${pattern} does not answer ${status}`];
    const at = published.$ref?.replace("#/", "").split("/") ?? place;
    const content = (this.#at(at) as typeof published).content;
    if (content === undefined) return body === undefined ? [] : ["a body, where none is published"];
    const [type = ""] = Object.keys(content).filter((type) => type.includes("json"));
    return this.#check([...at, "content", type, "schema"], body);
  }

  /** What is wrong with a request's body. */
  request(method: string, pattern: string, body: unknown): string[] {
    const operation = this.#description.paths[pattern]?.[method.toLowerCase()];
    if (operation === undefined) return [`${method} ${pattern} is not published`];
    if (operation.requestBody === undefined) return [];
    const at = ["paths", pattern, method.toLowerCase(), "requestBody", "content", "application/json", "schema"];
    return this.#check(at, body);
  }

  #error(body: unknown): string[] {
    return this.#check(["components", "schemas", "basic-error"], body).filter(
      (text) => !/unknown: \/errors/.test(text),
    );
  }

  #check(at: string[], body: unknown): string[] {
    const ref = `github#/${at.map(pointer).join("/")}`;
    const validate = this.#compiled.get(ref) ?? this.#ajv.compile({ $ref: ref });
    this.#compiled.set(ref, validate);
    const wrong = validate(body) ? [] : (validate.errors ?? []).map((e) => `${e.instancePath || "/"} ${e.message}`);
    return [...wrong, ...this.#unknown([this.#at(at) as Schema], body, "")];
  }

  #at(path: string[]): unknown {
    let found: unknown = this.#description;
    for (const part of path) found = (found as Record<string, unknown> | undefined)?.[part];
    return found;
  }

  /** A schema and all that it is made of. */
  #parts(schema: Schema): Schema[] {
    const real = schema.$ref === undefined ? schema : (this.#at(schema.$ref.replace("#/", "").split("/")) as Schema);
    const of = [...(real.allOf ?? []), ...(real.anyOf ?? []), ...(real.oneOf ?? [])];
    return [real, ...of.flatMap((part) => this.#parts(part))];
  }

  /** Fields that are not published: whoever reads one reads what the real API never says. */
  #unknown(schemas: Schema[], value: unknown, path: string): string[] {
    const parts = schemas.flatMap((schema) => this.#parts(schema));
    if (Array.isArray(value)) {
      const items = parts.flatMap(({ items }) => (items === undefined ? [] : [items]));
      return items.length === 0 ? [] : value.flatMap((one, i) => this.#unknown(items, one, `${path}/${i}`));
    }
    if (value === null || typeof value !== "object") return [];
    const open = parts.some(({ additionalProperties }) => additionalProperties);
    const named = parts.flatMap(({ properties }) => (properties === undefined ? [] : [properties]));
    if (named.length === 0) return [];
    return Object.entries(value).flatMap(([key, inner]) => {
      const of = named.flatMap((properties) => (properties[key] === undefined ? [] : [properties[key]]));
      if (of.length === 0) return open ? [] : [`unknown: ${path}/${key}`];
      return this.#unknown(of, inner, `${path}/${key}`);
    });
  }
}
