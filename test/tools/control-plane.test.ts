import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, it } from "vitest";
import { readAuditLog } from "../../tools/control-plane/audit-log.ts";
import { type ControlPlane, startControlPlane } from "../../tools/control-plane/start.ts";

const execute = promisify(execFile);
let plane: ControlPlane;

beforeAll(async () => {
  plane = await startControlPlane();
});
afterAll(() => plane.stop());

function kubectl(kubeconfig: string, ...args: string[]): Promise<{ stdout: string; stderr: string }> {
  return execute(plane.kubectl, ["--kubeconfig", kubeconfig, "--cache-dir", join(plane.directory, "kubectl"), ...args]);
}

it("the API server reports the pinned version", async () => {
  const { stdout } = await kubectl(plane.adminKubeconfig, "version", "--output", "json");
  const version = JSON.parse(stdout) as Record<string, { gitVersion: string; major: string; minor: string }>;
  expect(version.clientVersion).toMatchObject({ gitVersion: "v1.36.3", major: "1", minor: "36" });
  expect(version.serverVersion).toMatchObject({ gitVersion: "v1.36.3", major: "1", minor: "36" });
});

it("RBAC denies an ordinary user what no role grants", async () => {
  const dev = await plane.mintIdentity({ username: "corp:dev@example.com", groups: ["corp:devs"] });
  await expect(kubectl(dev.kubeconfig, "get", "secrets")).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringContaining('User "corp:dev@example.com" cannot list resource "secrets"'),
  });
});

it("a group of a minted identity is one group, whatever characters are in it", async () => {
  const user = await plane.mintIdentity({ username: "corp:a,b", groups: ["corp:x, O=system:masters"] });
  const { stdout } = await kubectl(user.kubeconfig, "auth", "whoami", "--output", "json");
  expect(JSON.parse(stdout)).toMatchObject({
    status: { userInfo: { username: "corp:a,b", groups: ["corp:x, O=system:masters", "system:authenticated"] } },
  });
});

it("a request without credentials is refused", async () => {
  const { stdout } = await execute("curl", ["-s", "--cacert", plane.caFile, `${plane.server}/version`]);
  expect(JSON.parse(stdout)).toMatchObject({ kind: "Status", code: 401 });
});

it("a pod gets the projected service account volume", async () => {
  await kubectl(plane.adminKubeconfig, "run", "p", "--image", "registry.example.com/none");
  const { stdout } = await kubectl(plane.adminKubeconfig, "get", "pod", "p", "--output", "json");
  const pod = JSON.parse(stdout) as { spec: { serviceAccountName: string; volumes: object[] } };
  expect(pod.spec.serviceAccountName).toBe("default");
  expect(pod.spec.volumes).toMatchObject([{ name: expect.stringMatching(/^kube-api-access-/), projected: {} }]);
});

it("a deployment's pods are created by the controller manager", async () => {
  await kubectl(plane.adminKubeconfig, "create", "deployment", "d", "--image", "registry.example.com/none");
  await kubectl(plane.adminKubeconfig, "wait", "--for", "create", "pod", "--selector", "app=d", "--timeout", "15s");
});

it("each request has exactly one line of stage ResponseComplete in the audit log, under the Audit-ID that was sent", async () => {
  const id = "01999999-0000-7000-8000-000000000001";
  const config = join(plane.directory, "curl.conf");
  // The token isn't a process argument.
  await writeFile(config, `header = "Authorization: Bearer ${plane.adminToken}"\n`, { mode: 0o600 });
  const path = "/api/v1/namespaces/default/secrets?limit=1";
  await execute("curl", ["-sK", config, "--cacert", plane.caFile, "-H", `Audit-ID: ${id}`, `${plane.server}${path}`]);
  await expect
    .poll(async () => (await readAuditLog(plane.auditLogFile)).filter((line) => line.auditID === id))
    .toMatchObject([
      {
        stage: "ResponseComplete",
        verb: "list",
        requestURI: path,
        user: { username: "sallyport-admin" },
        responseStatus: { code: 200 },
      },
    ]);
});

it("a watch has a line when it begins and one when it ends", async () => {
  const { stdout: raw } = await kubectl(
    plane.adminKubeconfig,
    ...["get", "--raw", "/api/v1/namespaces/default/configmaps?watch=true&timeoutSeconds=1&labelSelector=a%3Dunique"],
  );
  expect(raw).toBe("");
  await expect
    .poll(async () => {
      const log = await readAuditLog(plane.auditLogFile);
      return log.filter((line) => line.requestURI.includes("unique")).map((line) => [line.verb, line.stage]);
    })
    .toEqual([
      ["watch", "ResponseStarted"],
      ["watch", "ResponseComplete"],
    ]);
});

it("connections to pods, nodes and services stay on the machine", async () => {
  await kubectl(plane.adminKubeconfig, "create", "service", "externalname", "out", "--external-name", "example.com");
  await kubectl(
    plane.adminKubeconfig,
    "patch",
    "pod",
    "p",
    "--subresource=status",
    "--type=merge",
    "--patch",
    '{"status":{"podIPs":[{"ip":"192.0.2.1"}],"podIP":"192.0.2.1"}}',
  );
  await expect(
    kubectl(plane.adminKubeconfig, "get", "--raw", "/api/v1/namespaces/default/pods/p:80/proxy/"),
  ).rejects.toMatchObject({ stderr: expect.stringContaining("egress.sock") });
});

it("a directory that is not empty is refused, and stays as it is", async () => {
  const directory = await mkdtemp(join(tmpdir(), "kept-"));
  await writeFile(join(directory, "mine"), "");
  await expect(startControlPlane({ directory })).rejects.toThrow(`${directory} is not empty`);
  await rm(join(directory, "mine"));
  await rm(directory, { recursive: true });
});

it("a program that ends by itself is reported with what it said last", async () => {
  const other = await startControlPlane();
  try {
    process.kill(other.pids.get("etcd") ?? 0, "SIGKILL");
    await expect(other.failed).resolves.toContain("etcd ended");
  } finally {
    await other.stop();
  }
});

it("when the watchdog is killed, stopping still leaves no process and no directory", async () => {
  const other = await startControlPlane();
  const servers = [...other.pids].filter(([name]) => name !== "watchdog").map(([, pid]) => pid);
  process.kill(other.pids.get("watchdog") ?? 0, "SIGKILL");
  await expect(other.failed).resolves.toContain("the watchdog ended");
  await other.stop();
  for (const pid of servers) await expect.poll(() => isAlive(pid)).toBe(false);
  expect(existsSync(other.directory)).toBe(false);
});

/** Whether a process runs. One that has ended and that nobody waits for (an orphan under an init that doesn't) is no more. */
async function isAlive(pid: number): Promise<boolean> {
  const { stdout } = await execute("ps", ["-o", "stat=", "-p", String(pid)]).catch(() => ({ stdout: "" }));
  return stdout.trim() !== "" && !stdout.startsWith("Z");
}
