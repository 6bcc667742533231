import type { NamedQuery, ParameterSchema } from "../../audit/questions/question.ts";
import { didYouMean } from "../../base/config/issues.ts";
import { UserError } from "../../base/errors.ts";
import { parseWhen } from "../evidence/source.ts";
import type { QueryOptions } from "./query.ts";

type Type = ParameterSchema["properties"][string];

/**
 * The parameters of a question as JSON, less those that are said `elsewhere`, from `--param name=value` and the options that stand for some of them. Throws a
 * UserError for one that it does not take, that is said twice or that has no sense.
 */
export function parametersOf(
  { name: query, parameters: { properties, required = [] } }: Pick<NamedQuery, "name" | "parameters">,
  { param = [], since, until, limit }: Pick<QueryOptions, "param" | "since" | "until" | "limit">,
  now: number,
  elsewhere: readonly string[] = [],
): Record<string, unknown> {
  const given: [string, string, string][] = [];
  for (const [name, value] of Object.entries({ since, until, limit })) {
    if (value !== undefined) given.push([name, value, `--${name} ${value}`]);
  }
  for (const one of param) {
    const at = one.indexOf("=");
    if (at < 1) throw wrong(`--param ${one}`, "must be name=value", properties);
    given.push([one.slice(0, at), one.slice(at + 1), `--param ${one}`]);
  }
  const found: Record<string, unknown> = Object.create(null);
  for (const [name, text, flag] of given) {
    const type = Object.hasOwn(properties, name) ? properties[name] : undefined;
    if (type === undefined) {
      throw wrong(
        flag,
        `${query} has no parameter "${name}"; ${didYouMean(name, Object.keys(properties))}`,
        properties,
      );
    }
    if (type.type === "array") found[name] = [...((found[name] as string[]) ?? []), ...text.split(",")];
    else if (name in found) throw wrong(flag, `${name} is given twice`, properties);
    else found[name] = readValue(type, text, flag, now);
  }
  const missing = required.filter((name) => !(name in found) && !elsewhere.includes(name));
  if (missing.length > 0) throw wrong(query, `needs --param ${missing.join("=… --param ")}=…`, properties);
  return { ...found };
}

function readValue({ type, format }: Type, text: string, flag: string, now: number): unknown {
  if (format === "date-time") return new Date(parseWhen(text, now)).toISOString();
  if (type !== "integer") return text;
  const value = Number(text);
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new UserError(`${flag}: must be a whole number above 0`, { exitCode: 2 });
}

function wrong(flag: string, why: string, properties: ParameterSchema["properties"]): UserError {
  const known = Object.entries(properties).map(([name, { description = "" }]) => `${name} (${description})`);
  return new UserError(`${flag}: ${why}`, { exitCode: 2, next: `It takes ${known.join(", ")}.` });
}
