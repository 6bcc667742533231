import { SECRET } from "../objects.ts";
import { said, see, type TourStep, witnessed } from "./step.ts";

export const masked: TourStep = {
  title: "a Secret is read with its values masked",
  async run(environment) {
    const args = ["get", "secret", "database", "--namespace", "shop", "--output", "yaml"];
    const answer = await environment.agent.kubectl(args).finished;
    see(answer.code === 0, () => `kubectl ${args.join(" ")} should succeed, and ended with ${said(answer)}`);
    const encoded = Buffer.from(SECRET).toString("base64");
    see(!answer.stdout.includes(SECRET) && !answer.stdout.includes(encoded), "the Secret's value reached the agent");
    see(answer.stdout.includes("password:"), () => `the Secret's key should be visible: ${said(answer)}`);
    const direct = await environment.cluster.admin([...args.slice(0, -1), "jsonpath={.data.password}"]);
    see(direct.stdout === encoded, () => `an administrator should read the value unmasked: ${said(direct)}`);
    const entries = await witnessed(
      environment,
      ({ verb, objectRef }) => verb === "get" && objectRef?.resource === "secrets",
      { wait: true },
    );
    see(
      entries === undefined || entries.length > 0,
      "the API server's audit log has no get of the Secret by the agent",
    );
    return {
      command: `kubectl ${args.join(" ")}`,
      answer: answer.stdout,
      verified: [
        "kubectl exited 0, and its output holds the value neither plain nor encoded",
        "an administrator reads the real value",
        ...(entries === undefined ? [] : ["the API server's audit log has the read"]),
      ],
    };
  },
};
