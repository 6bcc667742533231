import { z } from "zod";
import { didYouMean } from "../../base/config/issues.ts";
import { periodOf } from "../period.ts";
import type { StoreReader } from "../store/store.ts";
import { limit, PERIOD } from "./parameters.ts";

export type Row = Record<string, unknown>;

/** Rows, and whether there are more than were asked for. */
export interface Answered {
  items: Row[];
  more: boolean;
}

/** A question to the record that auditors ask by its name. */
export interface NamedQuery {
  name: string;
  title: string;
  /** JSON schema of its parameters, an object: what HTTP, the command line and the docs go by. */
  parameters: ParameterSchema;
  /** What it asks ClickHouse, with `{name:Type}` for what is bound; absent where it asks more than once. */
  sql?: string;
  /**
   * Checks the parameters and answers for one tenant. Times are RFC 3339, as in JSON.
   * @throws ParameterError that names each parameter at fault.
   */
  run(store: StoreReader, tenant: string, parameters?: unknown): Promise<Row[]>;
  /** As `run`, and says whether there are more rows than `limit` let through. */
  ask(store: StoreReader, tenant: string, parameters?: unknown): Promise<Answered>;
}

export interface ParameterSchema {
  type: "object";
  properties: Record<
    string,
    { type?: string; description?: string; format?: string; enum?: string[]; default?: unknown }
  >;
  required?: string[];
  additionalProperties: false;
}

/** Parameters that a question does not take. */
export class ParameterError extends Error {
  readonly mistakes: readonly string[];
  constructor(name: string, mistakes: readonly string[]) {
    super(`the parameters of ${name} are not valid: ${mistakes.join("; ")}`);
    this.name = "ParameterError";
    this.mistakes = mistakes;
  }
}

/** Checked parameters; the period is in milliseconds since the epoch. */
export type Checked<Shape extends z.ZodRawShape> = z.output<z.ZodObject<Shape>> & {
  since: number;
  until: number;
  limit: number;
};

interface Definition<Shape extends z.ZodRawShape> {
  name: string;
  title: string;
  /** Beside since, until and limit, which every question takes. */
  parameters?: Shape;
  /** Rows where the caller asks for no number of them. */
  rows?: number;
}

/**
 * A question that is one SELECT. It binds `tenant`, `since` and `until` (Int64, milliseconds; see `within`), `limit`
 * and each parameter of its own: text that is absent is '', a list that is absent [].
 */
export function sqlQuestion<Shape extends z.ZodRawShape>(definition: Definition<Shape> & { sql: string }): NamedQuery {
  const { sql, parameters } = definition;
  const absent = Object.fromEntries(
    Object.entries(parameters ?? {}).map(([name, type]) => [name, isList(type as z.ZodType) ? [] : ""]),
  );
  const named = question(definition, (store, tenant, checked) => {
    const given = Object.entries(checked).filter(([, value]) => value !== undefined);
    return store.query<Row>(sql, { tenant, ...absent, ...Object.fromEntries(given) });
  });
  return { ...named, sql };
}

/** A question that `answer` answers; it is asked for one row more than the caller wants. */
export function question<Shape extends z.ZodRawShape>(
  { name, title, parameters, rows = 1000 }: Definition<Shape>,
  answer: (store: StoreReader, tenant: string, parameters: Checked<Shape>) => Promise<object[]>,
): NamedQuery {
  const schema = z.strictObject({ ...PERIOD, limit: limit.default(rows), ...parameters });
  const ask: NamedQuery["ask"] = async (store, tenant, given = {}) => {
    const {
      since,
      until,
      limit: most,
      ...rest
    } = readParameters(name, schema, given) as {
      since?: string;
      until?: string;
      limit: number;
    };
    const period = periodOf({ since: millis(since), until: millis(until) });
    const items = await answer(store, tenant, { ...rest, ...period, limit: most + 1 } as Checked<Shape>);
    return { items: items.slice(0, most) as Row[], more: items.length > most };
  };
  return {
    name,
    title,
    parameters: parameterSchema(schema),
    ask,
    run: async (...question) => (await ask(...question)).items,
  };
}

const millis = (text: string | undefined): number | undefined => (text === undefined ? undefined : Date.parse(text));

function isList(type: z.ZodType): boolean {
  return type instanceof z.ZodOptional ? isList(type.unwrap() as z.ZodType) : type instanceof z.ZodArray;
}

/** Checks parameters as JSON. Throws a ParameterError with every mistake. */
export function readParameters<Shape extends z.ZodRawShape>(
  question: string,
  schema: z.ZodObject<Shape, z.core.$strict>,
  given: unknown,
): z.output<z.ZodObject<Shape>> {
  const found = schema.safeParse(given);
  if (found.success) return found.data as z.output<z.ZodObject<Shape>>;
  throw new ParameterError(question, mistakesOf(found.error, Object.keys(schema.shape)));
}

/** The JSON schema that says the same. */
export function parameterSchema(schema: z.ZodType): ParameterSchema {
  const { $schema: _, ...found } = z.toJSONSchema(schema, {
    io: "input",
    // A pattern of RFC 3339 tells a person nothing that `format` does not.
    override: ({ jsonSchema: part }) => void (part.format === "date-time" && delete part.pattern),
  });
  return found as unknown as ParameterSchema;
}

function mistakesOf(error: z.ZodError, known: string[]): string[] {
  return error.issues.flatMap((issue) =>
    issue.code === "unrecognized_keys"
      ? issue.keys.map((key) => `${key.slice(0, 60)}: unknown parameter; ${didYouMean(key.slice(0, 60), known)}`)
      : [`${issue.path.join(".")}: ${issue.message}`],
  );
}
