import type { Finished } from "../command.ts";
import type { Environment } from "../environment.ts";
import { said, see, type TourStep, Unseen, witnessed } from "./step.ts";

export const HOST_PATH_POD = (name: string): string => `apiVersion: v1
kind: Pod
metadata: {name: ${name}, namespace: shop}
spec:
  containers: [{name: main, image: registry.example.com/tool:1}]
  volumes: [{name: host, hostPath: {path: /var/log}}]
`;

export const held: TourStep = {
  title: "a pod that mounts the host is held, approved by somebody else, and created",
  async run(environment) {
    const { agent, cluster } = environment;
    const kubectl = agent.kubectl(["create", "-f", "-"], { input: HOST_PATH_POD("log-reader") });
    const name = await pendingApproval(environment, kubectl.finished);
    const before = await cluster.admin(["get", "pod", "log-reader", "--namespace", "shop"]);
    see(before.code !== 0, "the pod should not exist before its approval");
    const decided = await environment.decideApproval(name);
    const answer = await kubectl.finished;
    see(answer.code === 0, () => `the held kubectl should succeed after the approval, and ended with ${said(answer)}`);
    const direct = await cluster.admin([
      "get",
      "pod",
      "log-reader",
      "--namespace",
      "shop",
      "--output=jsonpath={.spec.volumes[0].hostPath.path}",
    ]);
    see(direct.code === 0 && direct.stdout === "/var/log", () => `the pod should mount /var/log: ${said(direct)}`);
    const entries = await witnessed(
      environment,
      ({ verb, objectRef, requestURI }) =>
        verb === "create" &&
        objectRef?.resource === "pods" &&
        objectRef.name === "log-reader" &&
        !requestURI.includes("dryRun"),
      { wait: true },
    );
    see(
      entries === undefined || entries.length === 1,
      () => `the API server's audit log should have one create of the pod, and has ${entries?.length}`,
    );
    return {
      command: "kubectl create -f pod-with-host-path.yaml",
      answer: `${decided}\n${answer.stdout}`,
      verified: [
        `approval ${name} was pending, and the pod did not exist`,
        "kubectl exited 0 once it was approved",
        "an administrator reads the pod, with its hostPath",
        ...(entries === undefined ? [] : ["the API server's audit log has exactly one create"]),
      ],
    };
  },
};

/** Waits until a request is pending, seen with the approver's own command line; no longer than the request itself. */
export async function pendingApproval({ alice, approver }: Environment, request?: Promise<Finished>): Promise<string> {
  const credential = await alice.asApprover();
  let early: Finished | undefined;
  void request?.then((finished) => {
    early = finished;
  });
  for (let attempt = 0; attempt < 100; attempt++) {
    const list = await alice.sallyport(["approvals", "list", "--state", "pending", "--output", "json"], credential)
      .finished;
    if (list.code !== 0) throw new Unseen(`\`sallyport approvals list\` failed: ${said(list)}`);
    const { items } = JSON.parse(list.stdout) as { items: { name: string }[] };
    if (items[0] !== undefined) return items[0].name;
    if (early !== undefined) throw new Unseen(`kubectl should be held, and ended with ${said(early)}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Unseen(`nothing was held for approval${approver === "you" ? "" : " within 20 s"}`);
}
