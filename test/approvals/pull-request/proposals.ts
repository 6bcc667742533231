import type { Approval, Proposal } from "../../../approvals/types.ts";

export const AT = Date.parse("2026-11-22T12:00:00Z");
export const CONTEXT = {
  url: "https://sallyport.test/approvals/0123456789abcdef-1",
  docsUrl: "https://docs.test/rules",
};

export function proposal(more: Partial<Proposal> = {}): Proposal {
  return {
    connection: "prod",
    digest: "0123456789abcdef".repeat(4),
    change: "f".repeat(64),
    rules: ["workload/host-path"],
    requester: {
      issuer: "https://idp.test",
      username: "corp:agent-alice",
      session: "s-1",
      owner: { issuer: "https://idp.test", username: "corp:alice" },
      promptId: "prompt-7",
    },
    summary: {
      verb: "patch",
      resource: "apps/deployments",
      namespace: "shop",
      name: "web",
      command: "kubectl apply",
      agent: "claude-code",
      reason: "deploy the new image",
    },
    findings: [
      {
        rule: "workload/host-path",
        message: "volume x mounts / of the node",
        severity: "high",
        fields: ["spec.template.spec.volumes[0].hostPath"],
        title: "hostPath volumes",
        remediation: "Use a persistentVolumeClaim, an emptyDir, or a projected volume.",
      },
    ],
    blastRadius: "changes Deployment shop/web and replaces its 3 pods, on prod",
    changes: [{ path: 'spec.template.spec.containers[name="web"].image', from: "nginx:1", to: "nginx:2" }],
    policyRevision: "b/g",
    requirements: [{ rules: ["workload/host-path"], approvers: ["group:corp:sre", "user:corp:bob"], required: 1 }],
    notAfter: AT + 900_000,
    maxUses: 1,
    ...more,
  };
}

export function approval(more: Partial<Proposal> = {}, state: Partial<Approval> = {}): Approval {
  return {
    name: "0123456789abcdef-1",
    state: "pending",
    proposal: proposal(more),
    file: "kind: PolicyException\n",
    openedAt: AT,
    approvals: [],
    uses: [],
    ...state,
  };
}

/** A proposal of which every text that an agent can write is this one. */
export function hostile(text: string): Partial<Proposal> {
  const { summary, requester, findings } = proposal();
  return {
    requester: { ...requester, username: text, session: text, promptId: text },
    summary: { ...summary, resource: text, namespace: text, name: text, command: text, agent: text, reason: text },
    findings: findings.map((finding) => ({ ...finding, message: text, fields: [text] })),
    blastRadius: text,
    changes: [
      { path: `metadata.annotations[${JSON.stringify(text)}]`, from: text, to: `${text}\n${text}` },
      { path: text, to: { [text]: [text] } },
    ],
  };
}
