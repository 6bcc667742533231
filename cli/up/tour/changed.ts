import { readFileSync, writeFileSync } from "node:fs";
import { parseDocument } from "yaml";
import type { Environment } from "../environment.ts";
import { HOST_PATH_POD } from "./held.ts";
import { said, see, type TourStep, Unseen } from "./step.ts";

export const changed: TourStep = {
  title: "a guardrail is edited, and the change is in force with no restart",
  async run(environment) {
    const { agent, cluster, state } = environment;
    const original = readFileSync(state.guardrailsFile, "utf8");
    const before = await revisionOf(environment);
    const document = parseDocument(original);
    document.setIn(["rules", "workload/host-path"], { effect: "deny" });
    writeFileSync(state.guardrailsFile, document.toString());
    try {
      const after = await anotherRevision(environment, before);
      const answer = await agent.kubectl(["create", "-f", "-"], { input: HOST_PATH_POD("log-reader-again") }).finished;
      see(answer.code !== 0, "the pod should be blocked now, and was created");
      see(
        answer.stderr.includes("blocked by workload/host-path"),
        () => `the refusal should say that the rule blocks: ${said(answer)}`,
      );
      const direct = await cluster.admin(["get", "pod", "log-reader-again", "--namespace", "shop"]);
      see(direct.code !== 0, "the pod should not exist");
      return {
        command:
          "edit guardrails.yaml: rules: {workload/host-path: {effect: deny}}, then kubectl create -f pod-with-host-path.yaml",
        answer: answer.stderr,
        verified: [
          `revision ${before} gave way to ${after}, in the same process`,
          `kubectl exited ${answer.code} at once, with no hold`,
          "an administrator's get says NotFound",
        ],
      };
    } finally {
      writeFileSync(state.guardrailsFile, original);
    }
  },
};

async function revisionOf({ alice }: Environment): Promise<string> {
  const policy = await alice.sallyport(["policy", "status", "--output", "json"]).finished;
  see(policy.code === 0, () => `\`sallyport policy status\` failed: ${said(policy)}`);
  const { revision } = JSON.parse(policy.stdout) as { revision: { bundle: string; guardrails: string } };
  return `${revision.bundle}/${revision.guardrails}`;
}

async function anotherRevision(environment: Environment, before: string): Promise<string> {
  for (let attempt = 0; attempt < 50; attempt++) {
    const now = await revisionOf(environment);
    if (now !== before) return now;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Unseen("the edited guardrails were not in force within some seconds");
}
