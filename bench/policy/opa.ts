import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Guardrails } from "../../base/config/guardrails.ts";
import { UserError } from "../../base/errors.ts";
import { prepareSources } from "../../engine/bundle/compile.ts";
import { errorsOf, runOpa } from "../../engine/bundle/opa.ts";
import { idleGroups } from "../../engine/bundle/quiet.ts";
import { stageSources } from "../../engine/bundle/sources.ts";
import type { PolicyInput } from "../../engine/input.ts";

export const REGO = fileURLToPath(new URL("../../rego", import.meta.url));

interface OpaBench {
  Extra?: Record<string, number>;
}

/**
 * Median microseconds of `opa bench` for each input, on the same rules and the same data that the gateway has. opa
 * reads the input once, before; what it measures is the evaluation alone.
 */
export async function opaBench(
  opa: string,
  guardrails: Guardrails,
  inputs: Readonly<Record<string, PolicyInput>>,
): Promise<Record<string, number>> {
  await using staged = await stageSources([REGO]);
  const rules = await prepareSources(staged, opa);
  const data = { rules, guardrails, idle: idleGroups(rules, guardrails) };
  await writeFile(join(staged.folder, "data.json"), JSON.stringify(data));
  const medians: Record<string, number> = {};
  for (const [name, input] of Object.entries(inputs)) {
    await writeFile(join(staged.folder, ".input.json"), JSON.stringify(input));
    const files = ["--ignore", ".*", "-d", ".", "-i", ".input.json"];
    const result = await runOpa(opa, ["bench", "--format", "json", ...files, "data.sallyport.decision"], {
      cwd: staged.folder,
    });
    if (result.code !== 0) throw new UserError(`opa bench failed: ${errorsOf(result)}`);
    const median = (JSON.parse(result.stdout) as OpaBench).Extra?.histogram_timer_rego_query_eval_ns_median;
    if (median === undefined) throw new UserError("opa bench reports no median of timer_rego_query_eval_ns");
    medians[name] = median / 1000;
  }
  return medians;
}
