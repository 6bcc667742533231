import { said, see, type TourStep, witnessed } from "./step.ts";

export const allowed: TourStep = {
  title: "an ordinary read goes through",
  async run(environment) {
    const args = ["get", "pods", "--namespace", "shop"];
    const answer = await environment.agent.kubectl(args).finished;
    see(answer.code === 0, () => `kubectl ${args.join(" ")} should succeed, and ended with ${said(answer)}`);
    see(answer.stdout.includes("web"), () => `kubectl should list the pod web, and printed ${said(answer)}`);
    const entries = await witnessed(
      environment,
      ({ verb, objectRef }) => verb === "list" && objectRef?.resource === "pods",
      { wait: true },
    );
    see(entries === undefined || entries.length > 0, "the API server's audit log has no list of pods by the agent");
    return {
      command: `kubectl ${args.join(" ")}`,
      answer: answer.stdout,
      verified: [
        "kubectl exited 0",
        ...(entries === undefined
          ? []
          : [`the API server's audit log has it, as ${entries[0]?.impersonatedUser?.username}`]),
      ],
    };
  },
};
