import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Finished } from "../../cli/up/command.ts";
import { openTerminal } from "../../tools/terminal.ts";
import { atHomeOn, openGitHub } from "../gateway/github.ts";
import type { GitHubDouble } from "../github/double.ts";
import { call as callGitHub } from "../github/rig.ts";
import { type ApprovalView, call, idToken, openWorld, pending, until, type World } from "./harness.ts";
import { deployment } from "./objects.ts";

let github: GitHubDouble;
let world: World;
beforeAll(async () => {
  github = await openGitHub();
  world = await openWorld({
    kubelet: true,
    guardrails: { scopes: [{ name: "brief", match: { namespaces: ["brief"] }, approval: { holdSeconds: 6 } }] },
    configure: atHomeOn(github),
  });
});
afterAll(() => github.close());

const WHERE = ["-n", "shop"];

/** kubectl in a session of its own: what one has waited for is no other's business. */
function kubectl(session: string, args: readonly string[], input?: string): Promise<Finished> {
  const env = { CLAUDE_CODE_SESSION_ID: session };
  return world.agent.kubectl(args, { env, ...(input === undefined ? {} : { input }) }).finished;
}

const apply = (name: string, hostPath: string): Promise<Finished> =>
  kubectl(name, ["apply", "-f", "-"], deployment(name, { hostPath }));

async function hostPathOf(name: string): Promise<string> {
  const path = "jsonpath={.spec.template.spec.volumes[0].hostPath.path}";
  return (await world.admin(["get", "deployment", name, ...WHERE, "-o", path])).stdout;
}

/** What is held about this object, and the number of its pull request. */
async function proposed(name: string): Promise<{ held: ApprovalView; number: number }> {
  const held = await pending(world, name);
  const number = await until(
    () => [...github.state.pulls.values()].find(({ headRef, body }) => isAbout(held, headRef, body))?.number,
  );
  return { held, number };
}

function isAbout({ name }: ApprovalView, headRef: string, body: string | null): boolean {
  return headRef.startsWith(`sallyport/${name.slice(0, 16)}`) && String(body).includes(name);
}

/** A person's request to GitHub's API, with a token of their own. */
async function api(login: string, asked: string, body: object): Promise<Record<string, unknown>> {
  const answer = await callGitHub(github, github.token(login), asked, body, { "content-type": "application/json" });
  if (answer.status >= 300) throw new Error(`${asked} answered ${answer.status}: ${JSON.stringify(answer.body)}`);
  return answer.body;
}
const review = (login: string, number: number): Promise<Record<string, unknown>> =>
  api(login, `POST /repos/R/pulls/${number}/reviews`, { event: "APPROVE" });
const merge = (login: string, number: number): Promise<Record<string, unknown>> =>
  api(login, `PUT /repos/R/pulls/${number}/merge`, { merge_method: "squash" });

describe("approved on GitHub", () => {
  test("a held kubectl apply finishes when its pull request is reviewed and merged, and is commented on there", async () => {
    expect((await kubectl("web", ["apply", "-f", "-"], deployment("web"))).code).toBe(0);
    const running = apply("web", "/a");
    const { held, number } = await proposed("web");
    const pull = github.state.pull(number);
    expect(pull.body).toContain("dev:agent@example.com");
    expect(pull.body).toContain("workload/host-path");
    expect(pull.body).toContain("/a");
    await review("alice", number);
    await merge("alice", number);
    expect(await running).toMatchObject({ code: 0, stdout: "deployment.apps/web configured\n" });
    expect(await hostPathOf("web")).toBe("/a");
    await until(() => pull.comments.length > 0);
    const token = await idToken(world, "alice");
    const { json } = await call(world, "GET", `/v1alpha1/approvals/${held.name}`, { token });
    expect(json).toMatchObject({ state: "consumed", uses: [{ n: 1 }] });
  });

  test("a held kubectl exec -it opens its terminal", async () => {
    await world.admin(["run", "shell", ...WHERE, "--image=none"]);
    await world.admin(["wait", "pod/shell", ...WHERE, "--for=condition=Ready", "--timeout=15s"]);
    const { kubectl: program } = world.cluster;
    const env = { PATH: process.env.PATH, HOME: world.agent.home, KUBECONFIG: world.agent.kubeconfig };
    const terminal = await openTerminal([program, "exec", "-it", "shell", ...WHERE, "--", "sh"], {
      ...env,
      SALLYPORT_URL: world.url,
      SALLYPORT_CONNECTION: "local",
      NODE_EXTRA_CA_CERTS: world.state.caFile,
      XDG_CONFIG_HOME: `${world.agent.home}/.config`,
      SALLYPORT_ID_TOKEN_FILE: `${world.agent.home}/id.token`,
    });
    const { number } = await proposed("shell");
    await review("alice", number);
    await merge("alice", number);
    await until(async () => {
      terminal.type("echo $((6 * 7))\r");
      await new Promise((resolve) => setTimeout(resolve, 100));
      return terminal.shown().includes("42");
    });
    terminal.type("exit\r");
    expect(await terminal.exited).toBe(0);
  });
});

interface Attack {
  title: string;
  /** What somebody does with the pull request. */
  act(number: number, held: ApprovalView): Promise<unknown>;
  /** What kubectl prints. */
  because: RegExp;
}

const REVIEWED = { state: "APPROVED" } as const;
const fileOf = ({ name }: ApprovalView): string => `exceptions/${name}.yaml`;
const branchOf = (number: number): string => github.state.pull(number).headRef;

const ATTACKS: Attack[] = [
  {
    title: "approved by the person whose agent it is",
    act: async (number) => {
      await review("bob", number);
      await merge("bob", number);
    },
    because: /bob .*(same person|themselves|own)/,
  },
  {
    title: "approved by a second account of the agent's, which nobody listed",
    act: async (number) => {
      github.team("acme/sre", ["alice", "carol", "agent-2"]);
      await review("agent-2", number);
      await merge("agent-2", number);
    },
    because: /agent-2 is not listed/,
  },
  {
    title: "merged on a review of another commit",
    act: async (number) => {
      const main = await github.state.git.ref("refs/heads/main");
      await github.as("alice").review(number, { ...REVIEWED, ...(main !== undefined && { commitId: main }) });
      await merge("mallory", number);
    },
    because: /another commit/,
  },
  {
    title: "merged with a file that was not proposed",
    act: async (number) => {
      await github.as("mallory").push(branchOf(number), { "exceptions/mine.yaml": "kind: PolicyException\n" });
      await review("alice", number);
      await merge("alice", number);
    },
    because: /pushed|commits|files/,
  },
  {
    title: "merged with other bytes than were proposed",
    act: async (number, held) => {
      await github.as("mallory").push(branchOf(number), { [fileOf(held)]: "kind: PolicyException\n" });
      await review("alice", number);
      await merge("alice", number);
    },
    because: /pushed|commits|bytes/,
  },
  {
    title: "merged after its review was dismissed",
    act: async (number) => {
      const { id } = await github.as("alice").review(number, REVIEWED);
      await github.as("carol").dismiss(number, id);
      await merge("mallory", number);
    },
    because: /alice was dismissed/,
  },
];

describe("refused with its reason, and nothing is written", () => {
  // Whoever may write the repository may do all of it: what counts is for the gateway to say.
  beforeAll(() => {
    github.protection = undefined;
  });

  test.concurrent.each(ATTACKS)("what was $title", async ({ title, act, because }) => {
    const name = `attack-${ATTACKS.findIndex((attack) => attack.title === title)}`;
    const running = apply(name, "/b");
    const { held, number } = await proposed(name);
    await act(number, held);
    const { code, stderr } = await running;
    expect(code).toBe(1);
    expect(stderr).toMatch(because);
    expect((await world.admin(["get", "deployment", name, ...WHERE])).stderr).toContain("NotFound");
  });

  test("what was approved for an object that is another one by now", async () => {
    const brief = ["-n", "brief"];
    await world.admin(["create", "namespace", "brief"]);
    await world.admin(["apply", "-f", "-"], deployment("moving", { namespace: "brief" }));
    const spec = {
      containers: [{ name: "main", image: "registry.example.com/web:2" }],
      volumes: [{ name: "host", hostPath: { path: "/c" } }],
    };
    const patch = JSON.stringify({ spec: { template: { spec } } });
    const running = kubectl("moving", ["patch", "deployment", "moving", ...brief, "-p", patch]);
    const { held, number } = await proposed("moving");
    await review("alice", number);
    const other = ["set", "image", "deployment/moving", "main=registry.example.com/other:2", ...brief];
    expect((await world.admin(other)).code).toBe(0);
    await merge("alice", number);
    // What it would change now is a question of its own.
    const { code, stderr } = await running;
    expect(code).toBe(1);
    expect(stderr).toContain(`no longer the one that was approved as ${held.name}`);
    expect(await pending(world, "moving")).toMatchObject({ supersedes: held.name });
    const volumes = ["get", "deployment", "moving", ...brief, "-o", "jsonpath={.spec.template.spec.volumes}"];
    expect((await world.admin(volumes)).stdout).toBe("");
  });
}, 60_000);
