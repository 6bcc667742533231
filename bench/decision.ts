import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { guardrailsSchema } from "../base/config/guardrails.ts";
import { UserError } from "../base/errors.ts";
import { compileBundle, prepareSources } from "../engine/bundle/compile.ts";
import { errorsOf, runOpa } from "../engine/bundle/opa.ts";
import { stageSources } from "../engine/bundle/sources.ts";
import type { PolicyInput } from "../engine/input.ts";
import { createPolicy } from "../engine/policy.ts";
import { ensureTool } from "../tools/ensure.ts";
import { GET } from "./policy/inputs.ts";

const REGO = fileURLToPath(new URL("../rego", import.meta.url));
const GUARDRAILS = guardrailsSchema.parse({
  apiVersion: "sallyport.dev/v1alpha1",
  kind: "Guardrails",
  defaults: { approval: { approvers: ["group:corp:oncall"] } },
});

export interface DecisionBench {
  /** Of a created pod with a hostPath volume, the last of `inputs`. */
  inProcessMedianUs: number;
  opaBenchMedianUs: number;
  /** `inProcessMedianUs / opaBenchMedianUs`; the aim is 0.15 at most. */
  ratio: number;
  inputs: { name: string; bytes: number; inProcessMedianUs: number; opaBenchMedianUs: number }[];
  /** New guardrails to a policy that serves: data parsed, smoke decision in the worker, instance. */
  swapMedianMs: number;
}

/**
 * Our in-process decision beside `opa bench`, on the same rules, guardrails and inputs. Both start from what
 * the caller has: ours from the object, so that writing it as JSON and reading the decision are in the figure.
 */
export async function benchDecision(options: { rounds?: number } = {}): Promise<DecisionBench> {
  const opa = await ensureTool("opa");
  const { bundle } = await compileBundle({ sources: [REGO], opa });
  const policy = await createPolicy({ bundle, guardrails: GUARDRAILS });
  const inputs: DecisionBench["inputs"] = [];
  for (const [name, input] of [
    ["GET of a ConfigMap", GET],
    ["POST of a 1.3 KB pod", POD],
  ] as const) {
    const ours = await medianOf(options.rounds ?? 20_000, () => policy.decide(input));
    inputs.push({
      name,
      bytes: JSON.stringify(input).length,
      inProcessMedianUs: ours * 1000,
      opaBenchMedianUs: await opaBench(opa, input),
    });
  }
  let n = 1;
  const swapMedianMs = await medianOf(20, () =>
    createPolicy({ bundle, guardrails: { ...GUARDRAILS, rules: { "secrets/read": { approval: { maxUses: n++ } } } } }),
  );
  const pod = inputs[1] as DecisionBench["inputs"][number];
  const { inProcessMedianUs, opaBenchMedianUs } = pod;
  return { inProcessMedianUs, opaBenchMedianUs, ratio: inProcessMedianUs / opaBenchMedianUs, inputs, swapMedianMs };
}

/** Median milliseconds of one call, after a warm-up of a tenth of the rounds. */
async function medianOf(rounds: number, call: () => unknown): Promise<number> {
  for (let i = 0; i < rounds / 10; i++) await call();
  const times: number[] = [];
  for (let i = 0; i < rounds; i++) {
    const started = performance.now();
    const result = call();
    if (result instanceof Promise) await result;
    times.push(performance.now() - started);
  }
  return times.sort((a, b) => a - b)[rounds >> 1] ?? 0;
}

interface OpaBench {
  Extra?: Record<string, number>;
}

async function opaBench(opa: string, input: PolicyInput): Promise<number> {
  await using staged = await stageSources([REGO]);
  const rules = await prepareSources(staged, opa);
  await writeFile(join(staged.folder, "data.json"), JSON.stringify({ rules, guardrails: GUARDRAILS }));
  await writeFile(join(staged.folder, ".input.json"), JSON.stringify(input));
  const args = [
    "bench",
    "--format",
    "json",
    "--ignore",
    ".*",
    "-d",
    ".",
    "-i",
    ".input.json",
    "data.sallyport.decision",
  ];
  const result = await runOpa(opa, args, { cwd: staged.folder });
  if (result.code !== 0) throw new UserError(`opa bench failed: ${errorsOf(result)}`);
  const report = JSON.parse(result.stdout) as OpaBench;
  const median = report.Extra?.histogram_timer_rego_query_eval_ns_median;
  if (median === undefined) throw new UserError("opa bench reports no median of timer_rego_query_eval_ns");
  return median / 1000;
}

const SPEC = {
  serviceAccountName: "shop",
  containers: ["web", "sidecar"].map((name) => ({
    name,
    image: `registry.example.com/shop/${name}:1.4.2`,
    args: ["--listen", ":8080", "--log-format", "json"],
    env: [{ name: "REGION", value: "eu-central-1" }],
    ports: [{ name: "http", containerPort: 8080 }],
    resources: { requests: { cpu: "100m", memory: "128Mi" }, limits: { memory: "256Mi" } },
    readinessProbe: { httpGet: { path: "/ready", port: 8080 }, periodSeconds: 5 },
    volumeMounts: [{ name: "data", mountPath: "/data" }],
  })),
  volumes: [{ name: "data", hostPath: { path: "/var/lib/shop" } }],
};

const POD: PolicyInput = {
  ...GET,
  request: {
    ...GET.request,
    verb: "create",
    operation: "CREATE",
    path: "/api/v1/namespaces/shop/pods",
    kind: { group: "", version: "v1", kind: "Pod" },
    resource: { group: "", version: "v1", resource: "pods" },
    name: "",
    contentType: "application/json",
  },
  object: { apiVersion: "v1", kind: "Pod", metadata: { name: "shop", labels: { app: "shop" } }, spec: SPEC },
  podSpecs: [{ path: "spec", spec: SPEC }],
};
