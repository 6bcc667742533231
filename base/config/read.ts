import { readFileSync } from "node:fs";
import { LineCounter, parseDocument } from "yaml";
import { z } from "zod";
import { ConfigError, toConfigIssues } from "./issues.ts";

/**
 * Reads a YAML file that a person wrote against a schema. Throws a ConfigError with every mistake at once.
 * YAML's duplicate keys and syntax errors come with their line, since they have no path.
 */
export function readYaml<S extends z.ZodType>(file: string, schema: S): z.output<S> {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "error";
    throw new ConfigError(file, [
      { path: "", message: code === "ENOENT" ? "no such file" : `cannot be read (${code})` },
    ]);
  }
  return parseYaml(file, text, schema);
}

/** As readYaml, from text; `file` is only named in messages. */
export function parseYaml<S extends z.ZodType>(file: string, text: string, schema: S): z.output<S> {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true });
  if (document.errors.length > 0) {
    throw new ConfigError(
      file,
      document.errors.map((e) => ({
        path: `line ${lines.linePos(e.pos[0]).line}`,
        message: e.message.split("\n")[0] ?? e.code,
      })),
    );
  }
  const result = schema.safeParse(document.toJS({ maxAliasCount: 50 }) ?? {});
  if (result.success) return result.data;
  throw new ConfigError(
    file,
    toConfigIssues(result.error, z.toJSONSchema(schema, { unrepresentable: "any", io: "input" }) as never),
  );
}
