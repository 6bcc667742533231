import { beforeAll, describe, expect, test } from "vitest";
import type { Finished } from "../../cli/up/command.ts";
import { spooled } from "../gateway/client.ts";
import {
  type ApprovalView,
  approveNext,
  call,
  decide,
  idToken,
  openWorld,
  pending,
  until,
  type World,
} from "./harness.ts";
import { deployment, documents, hostPathPod } from "./objects.ts";

let world: World;

beforeAll(async () => {
  world = await openWorld({
    guardrails: {
      scopes: [
        { name: "brief", match: { namespaces: ["brief*"] }, approval: { holdSeconds: 1 } },
        {
          name: "bobs",
          match: { namespaces: ["brief-bobs"] },
          approval: { approvers: ["user:dev:bob@example.com", "user:dev:carol@example.com"] },
        },
      ],
    },
  });
  for (const name of ["brief", "brief-bobs"]) await world.admin(["create", "namespace", name]);
});

/** kubectl in an agent's session of its own: what one session has waited for is no other's business. */
function kubectlIn(session: string, args: readonly string[], input?: string): Promise<Finished> {
  return world.agent.kubectl(args, {
    env: { CLAUDE_CODE_SESSION_ID: session },
    ...(input === undefined ? {} : { input }),
  }).finished;
}

async function hostPathOf(name: string): Promise<string> {
  const path = "jsonpath={.spec.template.spec.volumes[0].hostPath.path}";
  return (await world.admin(["get", "deployment", name, "-n", "shop", "-o", path])).stdout;
}

/** The approval that a refusal names. */
function approvalIn({ stderr }: Finished): ApprovalView {
  const [url = "", name = ""] = /https:\S+\/approvals\/([0-9a-f]{16}-\d+)/.exec(stderr) ?? [];
  return { name, url, state: "", seen: "", summary: { name: "" } };
}

async function full(name: string, login = "alice"): Promise<ApprovalView> {
  const { json } = await call(world, "GET", `/v1alpha1/approvals/${name}`, { token: await idToken(world, login) });
  return json as ApprovalView;
}

/** Runs a command that is held, approves it, and gives both back. */
async function approved(run: Promise<Finished>): Promise<[Finished, ApprovalView]> {
  const held = await approveNext(world);
  return [await run, held];
}

describe("a held kubectl goes through by itself when the approval merges", () => {
  test("a pod with a hostPath, created", async () => {
    const [answer] = await approved(world.kubectl(["create", "-f", "-"], hostPathPod("reader")));
    expect(answer).toMatchObject({ code: 0, stdout: "pod/reader created\n" });
    expect((await world.admin(["get", "pod", "reader", "-n", "shop"])).code).toBe(0);
  });

  test("an apply, by the command of an approver", async () => {
    const running = world.kubectl(["apply", "-f", "-"], deployment("commanded", { hostPath: "/0" }));
    const { name } = await pending(world, "commanded");
    const args = ["approvals", "approve", name, "--yes", "--reason", "for the collector"];
    const decided = await world.alice.sallyport(args, await world.alice.asApprover()).finished;
    expect(decided).toMatchObject({ code: 0, stdout: `${name} is approved\n` });
    expect(await running).toMatchObject({ code: 0, stdout: "deployment.apps/commanded created\n" });
    expect(await hostPathOf("commanded")).toBe("/0");
  });

  test("Teleport 40792: kubectl debug, an ephemeral container of a running pod", async () => {
    await world.admin(["create", "-f", "-"], hostPathPod("debugged"));
    // The profile `general` adds SYS_PTRACE, which is denied.
    const debug = ["debug", "debugged", "-n", "shop", "--image=registry.example.com/shell:1", "--profile=baseline"];
    const [answer, { rules }] = await approved(world.kubectl([...debug, "-q", "--attach=false"]));
    expect(answer.code).toBe(0);
    // The pod mounts a directory of its node, which one more container gets with it.
    expect(rules).toEqual(["access/debug", "workload/program-change"]);
    const containers = ["get", "pod", "debugged", "-n", "shop", "-o", "jsonpath={.spec.ephemeralContainers[*].image}"];
    expect((await world.admin(containers)).stdout).toBe("registry.example.com/shell:1");
  });

  test("Teleport 40792: kubectl debug --copy-to of a pod with a hostPath", async () => {
    const copy = ["debug", "debugged", "-n", "shop", "--copy-to=copied", "--set-image=*=registry.example.com/shell:1"];
    const [answer, { rules }] = await approved(world.kubectl([...copy, "-q", "--attach=false"]));
    expect(answer.code).toBe(0);
    expect(rules).toEqual(["access/debug-copy", "workload/host-path"]);
    expect((await world.admin(["get", "pod", "copied", "-n", "shop"])).code).toBe(0);
  });

  test("an apply that brings a hostPath into a Deployment, by strategic merge", async () => {
    expect((await world.kubectl(["apply", "-f", "-"], deployment("merged"))).code).toBe(0);
    const [answer, held] = await approved(
      world.kubectl(["apply", "-f", "-"], deployment("merged", { hostPath: "/a" })),
    );
    expect(answer).toMatchObject({ code: 0, stdout: "deployment.apps/merged configured\n" });
    expect(await hostPathOf("merged")).toBe("/a");
    expect(JSON.stringify(held.changes)).toContain("volumes");
  });

  test("a server-side apply of what does not exist yet", async () => {
    const manifest = deployment("upserted", { hostPath: "/b" });
    const [answer] = await approved(world.kubectl(["apply", "--server-side", "-f", "-"], manifest));
    expect(answer).toMatchObject({ code: 0, stdout: "deployment.apps/upserted serverside-applied\n" });
    expect(await hostPathOf("upserted")).toBe("/b");
  });

  test("a JSON patch", async () => {
    await world.admin(["apply", "-f", "-"], deployment("patched"));
    const volumes = [{ name: "host", hostPath: { path: "/c" } }];
    const patch = JSON.stringify([{ op: "add", path: "/spec/template/spec/volumes", value: volumes }]);
    const args = ["patch", "deployment", "patched", "-n", "shop", "--type=json", "-p", patch];
    const [answer] = await approved(world.kubectl(args));
    expect(answer.code).toBe(0);
    expect(await hostPathOf("patched")).toBe("/c");
  });

  test("a merge patch", async () => {
    await world.admin(["apply", "-f", "-"], deployment("overlaid"));
    const volumes = [{ name: "host", hostPath: { path: "/d" } }];
    const patch = JSON.stringify({ spec: { template: { spec: { volumes } } } });
    const args = ["patch", "deployment", "overlaid", "-n", "shop", "--type=merge", "-p", patch];
    const [answer] = await approved(world.kubectl(args));
    expect(answer.code).toBe(0);
    expect(await hostPathOf("overlaid")).toBe("/d");
  });

  test("a replace", async () => {
    await world.admin(["create", "-f", "-"], deployment("replaced"));
    const [answer] = await approved(world.kubectl(["replace", "-f", "-"], deployment("replaced", { hostPath: "/e" })));
    expect(answer).toMatchObject({ code: 0, stdout: "deployment.apps/replaced replaced\n" });
    expect(await hostPathOf("replaced")).toBe("/e");
  });

  test("the deletion of a Secret", async () => {
    await world.admin(["create", "secret", "generic", "old", "-n", "shop", "--from-literal=a=hunter2-and-more"]);
    const [answer, held] = await approved(world.kubectl(["delete", "secret", "old", "-n", "shop"]));
    expect(answer.code).toBe(0);
    expect((await world.admin(["get", "secret", "old", "-n", "shop"])).stderr).toContain("NotFound");
    expect(JSON.stringify(held)).not.toContain("hunter2-and-more");
    expect(JSON.stringify(held)).not.toContain(Buffer.from("hunter2-and-more").toString("base64"));
  });
});

/** How long requests waited for an answer to this approval that did not come, as the record has it. */
async function heldMs(name: string, requests = 1): Promise<number> {
  const rows = await until(() => {
    const of = spooled(world).filter(({ approval_id }) => approval_id === name);
    return of.filter(({ kind }) => kind === "hold.timed_out").length >= requests && of;
  });
  return rows
    .filter(({ kind }) => kind === "hold.timed_out")
    .map(({ at, exchange_id }) => {
      const began = rows.find((row) => row.exchange_id === exchange_id && /^hold\.(opened|reattached)$/.test(row.kind));
      return Date.parse(`${at}Z`) - Date.parse(`${began?.at}Z`);
    })
    .reduce((sum, ms) => sum + ms, 0);
}

describe("past the hold budget", () => {
  const held = hostPathPod("late", "brief");
  let refusal: Finished;
  let name: string;

  test("kubectl gets the 403 with the rule, the reason and the approval's URL", async () => {
    refusal = await kubectlIn("late", ["create", "-f", "-"], held);
    name = approvalIn(refusal).name;
    expect(refusal.code).toBe(1);
    expect(refusal.stderr).toContain("Forbidden");
    expect(refusal.stderr).toContain("workload/host-path: volume host mounts /var/log of the node");
    expect(name).toMatch(/^[0-9a-f]{16}-1$/);
    expect(await heldMs(name)).toBeLessThan(20_000);
    expect((await world.admin(["get", "pod", "late", "-n", "brief"])).stderr).toContain("NotFound");
  });

  test("the URL opens a plain page, and tells a stranger no more than the state and the rules", async () => {
    const path = new URL(approvalIn(refusal).url).pathname;
    const page = await call(world, "GET", path, { headers: { accept: "text/html" } });
    expect(page.status).toBe(200);
    expect(page.headers.get("content-type")).toContain("text/html");
    expect(page.text).toContain("workload/host-path");
    expect(page.text).toContain("pending");
    expect(page.text).not.toContain("agent@example.com");
  });

  test("the same command, run again before anybody decided, is refused at once", async () => {
    const again = await kubectlIn("late", ["create", "-f", "-"], held);
    expect(again.code).toBe(1);
    expect(approvalIn(again).name).toBe(name);
  });

  test("the same command, run again after the approval, goes through exactly once", async () => {
    expect((await decide(world, await full(name), "approve")).status).toBe(200);
    const once = await kubectlIn("late", ["create", "-f", "-"], held);
    expect(once).toMatchObject({ code: 0, stdout: "pod/late created\n" });
    await world.admin(["delete", "pod", "late", "-n", "brief", "--grace-period=0", "--force"]);
    const twice = await kubectlIn("late", ["create", "-f", "-"], held);
    expect(twice.code).toBe(1);
    expect(approvalIn(twice).name).toMatch(/-2$/);
    expect((await world.admin(["get", "pod", "late", "-n", "brief"])).stderr).toContain("NotFound");
  });

  test("an approval counts only while the change is still the one that was approved", async () => {
    await world.admin(["apply", "-f", "-"], deployment("drifting", { namespace: "brief" }));
    const spec = {
      containers: [{ name: "main", image: "registry.example.com/web:2" }],
      volumes: [{ name: "host", hostPath: { path: "/f" } }],
    };
    const patch = JSON.stringify({ spec: { template: { spec } } });
    const args = ["patch", "deployment", "drifting", "-n", "brief", "-p", patch];
    const first = approvalIn(await kubectlIn("drift", args));
    expect((await decide(world, await full(first.name), "approve")).status).toBe(200);
    // Somebody else gives the Deployment another image: the same patch changes something else now.
    const other = ["set", "image", "deployment/drifting", "main=registry.example.com/other:2", "-n", "brief"];
    expect((await world.admin(other)).code).toBe(0);
    const again = await kubectlIn("drift", args);
    expect(again.code).toBe(1);
    expect(again.stderr).toContain(`no longer the one that was approved as ${first.name}`);
    const second = await full(approvalIn(again).name);
    expect(second).toMatchObject({ state: "pending", supersedes: first.name });
    const volumes = "jsonpath={.spec.template.spec.volumes}";
    expect((await world.admin(["get", "deployment", "drifting", "-n", "brief", "-o", volumes])).stdout).toBe("");
    // What is asked for now can be approved as any other.
    expect((await decide(world, second, "approve")).status).toBe(200);
    expect((await kubectlIn("drift", args)).code).toBe(0);
  });
});

describe("nobody is bothered", () => {
  const waiting = async (): Promise<string[]> => {
    const token = await idToken(world, "alice");
    const { json } = await call(world, "GET", "/v1alpha1/approvals?state=pending", { token });
    return (json as { items: ApprovalView[] }).items.map(({ name }) => name);
  };

  test("for what RBAC would refuse: the API server's own words come back at once", async () => {
    const before = await waiting();
    const answer = await world.alice.kubectl(["create", "-f", "-"], { input: hostPathPod("powerless") }).finished;
    expect(answer.code).toBe(1);
    expect(answer.stderr).toContain('User "dev:alice@example.com" cannot create resource "pods"');
    expect(await waiting()).toEqual(before);
  });

  test("for a dry run, which goes through with a warning that the real one would be held", async () => {
    const before = await waiting();
    const answer = await world.kubectl(["create", "--dry-run=server", "-f", "-"], hostPathPod("tried"));
    expect(answer.code).toBe(0);
    expect(answer.stderr).toContain("would be held for approval (workload/host-path)");
    expect(await waiting()).toEqual(before);
    expect((await world.admin(["get", "pod", "tried", "-n", "shop"])).stderr).toContain("NotFound");
  });

  test("one after the other: several held files of one command share one hold budget", async () => {
    const pods = documents(...["first", "second", "third"].map((name) => hostPathPod(name, "brief")));
    const answer = await kubectlIn("burst", ["create", "-f", "-"], pods);
    expect(answer.code).toBe(1);
    expect(new Set(answer.stderr.match(/approvals\/[0-9a-f]{16}-1/g)).size).toBe(3);
    // One second of holding, and not three, whatever else takes its time on a busy machine.
    const held = await Promise.all(["first", "second", "third"].map((name) => pending(world, name)));
    const waits = await Promise.all(held.map(({ name }) => heldMs(name)));
    expect(waits.reduce((sum, ms) => sum + ms, 0)).toBeLessThan(2000);
  });
});

describe("who decides", () => {
  let mine: ApprovalView;

  test("the agent's owner is the agent, and may not approve for it", async () => {
    const refused = await kubectlIn("bobs", ["create", "-f", "-"], hostPathPod("own", "brief-bobs"));
    mine = await full(approvalIn(refused).name, "bob");
    const { status, text } = await decide(world, mine, "approve", "bob");
    expect(status).toBe(403);
    expect(text).toContain("nobody approves for themselves");
    expect((await full(mine.name)).state).toBe("pending");
  });

  test("an approver whom the requirement does not name may not approve", async () => {
    const { status } = await decide(world, mine, "approve", "alice");
    expect(status).toBe(403);
    expect((await full(mine.name)).state).toBe("pending");
  });

  test("a login of the data path approves nothing", async () => {
    const { status } = await call(world, "POST", `/v1alpha1/approvals/${mine.name}/approve`, {
      token: await idToken(world, "alice"),
      body: { reason: "fine", seen: mine.seen },
    });
    expect(status).toBe(401);
    expect((await full(mine.name)).state).toBe("pending");
  });

  test("a denial answers the held kubectl with its reason, and the same command at once for ten minutes", async () => {
    const running = world.kubectl(["create", "-f", "-"], hostPathPod("unwanted"));
    const held = await pending(world, "unwanted");
    const args = ["approvals", "deny", held.name, "--yes", "--reason", "use the log collector"];
    const decided = await world.alice.sallyport(args, await world.alice.asApprover()).finished;
    expect(decided).toMatchObject({ code: 0, stdout: `${held.name} is denied\n` });
    const answer = await running;
    expect(answer.code).toBe(1);
    expect(answer.stderr).toContain("denied by dev:alice@example.com: use the log collector");
    const again = await world.kubectl(["create", "-f", "-"], hostPathPod("unwanted"));
    expect(again.code).toBe(1);
    expect(again.stderr).toContain("use the log collector");
  });
});

describe("exec and attach", () => {
  test("kubectl exec is held, over WebSocket and then over SPDY, within one hold budget, by the rule's name", async () => {
    await world.admin(["run", "target", "-n", "brief", "--image=registry.example.com/web:1"]);
    const answer = await kubectlIn("exec", ["exec", "target", "-n", "brief", "--", "cat", "/etc/passwd"]);
    expect(answer.code).not.toBe(0);
    expect(answer.stderr).toContain("access/exec: runs `cat /etc/passwd` in");
    expect(approvalIn(answer).name).toMatch(/-1$/);
    // One second of waiting for both attempts.
    expect(await heldMs(approvalIn(answer).name, 2)).toBeLessThan(2000);
  });

  test("kubectl attach is held by the rule's name", async () => {
    const answer = await kubectlIn("attach", ["attach", "target", "-n", "brief"]);
    expect(answer.code).not.toBe(0);
    expect(answer.stderr).toContain("access/exec: attaches to");
  });

  test("an approved exec into a pod that runs nowhere gets the API server's answer, each time, and loses no approval", async () => {
    const args = ["exec", "target", "-n", "brief", "--", "cat", "/etc/passwd"];
    const { name } = approvalIn(await kubectlIn("exec", args));
    expect((await decide(world, await full(name), "approve")).status).toBe(200);
    for (const _attempt of [1, 2]) {
      const answer = await kubectlIn("exec", args);
      expect(answer.code).not.toBe(0);
      expect(answer.stderr).toContain("does not have a host assigned");
    }
    expect((await full(name)).uses).toHaveLength(1);
  });
});
