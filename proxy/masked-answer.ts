import { parseLossless } from "../base/lossless-json.ts";
import { jsonForYaml } from "../kubernetes/body/yaml.ts";

/** A masked answer as the client reads it. For YAML it is JSON that every YAML reader takes alike: `yes` stays text. */
export function renderAnswer(json: string, render: "json" | "yaml"): Buffer {
  return Buffer.from(render === "json" ? json : jsonForYaml(parseLossless(json)));
}
