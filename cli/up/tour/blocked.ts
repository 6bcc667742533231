import { said, see, type TourStep, witnessed } from "./step.ts";

export const blocked: TourStep = {
  title: "granting itself the cluster is blocked, before the API server hears of it",
  async run(environment) {
    const args = [
      "create",
      "clusterrolebinding",
      "agent-admin",
      "--clusterrole=cluster-admin",
      "--user=dev:agent@example.com",
    ];
    const answer = await environment.agent.kubectl(args).finished;
    see(answer.code !== 0, () => `kubectl ${args.join(" ")} should be refused, and succeeded`);
    see(
      answer.stderr.includes("rbac/cluster-role-binding"),
      () => `the refusal should name its rule, and says ${said(answer)}`,
    );
    const direct = await environment.cluster.admin(["get", "clusterrolebinding", "agent-admin"]);
    see(direct.code !== 0 && direct.stderr.includes("NotFound"), () => `the binding should not exist: ${said(direct)}`);
    const entries = await witnessed(
      environment,
      ({ verb, objectRef }) => verb === "create" && objectRef?.resource === "clusterrolebindings",
    );
    see(entries === undefined || entries.length === 0, "the API server's audit log shows the create");
    return {
      command: `kubectl ${args.join(" ")}`,
      answer: answer.stderr,
      verified: [
        `kubectl exited ${answer.code}`,
        "an administrator's get says NotFound",
        ...(entries === undefined ? [] : ["the API server's audit log has no such create"]),
      ],
    };
  },
};
