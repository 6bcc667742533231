import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { loadGatewayConfig } from "../../../base/config/gateway.ts";
import type { Log } from "../../../base/log.ts";
import { type OpenShadow, openShadow } from "../../../cli/serve/shadow.ts";
import { EvaluationWorker } from "../../../engine/wasm/evaluation-worker.ts";
import { type WatchedPolicy, watchPolicy } from "../../../engine/watch.ts";
import { folder, input, opa, writeFiles } from "../../engine/support.ts";
import { config } from "./config.ts";
import { deciding } from "./support.ts";

const GUARDRAILS =
  'apiVersion: sallyport.dev/v1alpha1\nkind: Guardrails\ndefaults: {approval: {approvers: ["group:corp:oncall"]}}\n';

async function opened(
  shadow: Record<string, string>,
): Promise<{ at: string; live: WatchedPolicy; open: OpenShadow; warnings: string[] }> {
  const at = await folder({ "guardrails.yaml": GUARDRAILS, "candidate.yaml": GUARDRAILS });
  await writeFiles(join(at, "rego"), deciding("allow"));
  const worker = new EvaluationWorker();
  const live = await watchPolicy({
    source: { bundle: join(at, "rego"), rules: [], verify: false, publicKeyFiles: [] },
    guardrailsFile: join(at, "guardrails.yaml"),
    opa,
    worker,
  });
  const file = await config(at, { bundle: "rego", guardrails: "guardrails.yaml", verify: false, shadow });
  const warnings: string[] = [];
  const quiet = (): void => {};
  const error = (message: string): void => {
    throw new Error(`logged as an error: ${message}`);
  };
  const warn: Log["warn"] = (message, fields) => void warnings.push(`${message}: ${String(fields?.error)}`);
  const log: Log = { debug: quiet, info: quiet, warn, error };
  const open = openShadow(loadGatewayConfig(file), live, { log, opa, retryMs: 50 });
  if (open === undefined) throw new Error("there is no candidate");
  onTestFinished(async () => {
    await open.close();
    await live.close();
    await worker.close();
  });
  return { at, live, open, warnings };
}

const status = (live: WatchedPolicy) =>
  live.holder.status().shadow as { revision?: { bundle: string; guardrails: string }; rejected?: { reason: string } };

test("a candidate that does not load is a warning, said once, and is asked once it does", async () => {
  const { at, live, open, warnings } = await opened({ bundle: "candidate" });
  await expect.poll(() => warnings.length).toBe(1);
  expect(warnings[0]).toMatch(/^shadow: the candidate does not load, and nothing is asked of it: .*candidate/);
  expect(status(live).rejected?.reason).toContain("candidate");
  const decision = await live.holder.current.decide(input());
  expect(decision.effect).toBe("allow");
  expect(open.shadow.ask(input(), decision, new Set())).toBeUndefined();
  await writeFiles(join(at, "candidate"), deciding("deny"));
  await expect.poll(() => status(live).revision?.bundle).toMatch(/^[0-9a-f]{16}$/);
  await open.shadow.ask(input(), decision, new Set());
  await expect.poll(() => open.shadow.counts.different).toBe(1);
  expect(warnings.length).toBeLessThanOrEqual(2);
});

test("a candidate of guardrails alone follows the bundle in force, and one of a bundle the guardrails in force", async () => {
  const { at, live } = await opened({ guardrails: "candidate.yaml" });
  await expect.poll(() => status(live).revision).toEqual(live.holder.current.revision);
  await writeFiles(join(at, "rego"), { "more.rego": "package more\n\nx := 1\n" });
  const before = live.holder.current.revision.bundle;
  await expect.poll(() => live.holder.current.revision.bundle).not.toBe(before);
  await expect.poll(() => status(live).revision?.bundle).toBe(live.holder.current.revision.bundle);
  await writeFile(join(at, "candidate.yaml"), `${GUARDRAILS}profiles: [strict]\n`);
  await expect.poll(() => status(live).revision?.guardrails).not.toBe(live.holder.current.revision.guardrails);
});
