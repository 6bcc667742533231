import { parse, stringify } from "yaml";

/** A masked answer as the client reads it. Integers beyond 2^53 keep their digits in YAML too. */
export function renderAnswer(json: string, render: "json" | "yaml"): Buffer {
  return Buffer.from(render === "json" ? json : stringify(parse(json, { intAsBigInt: true })));
}
