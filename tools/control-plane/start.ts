import { randomBytes } from "node:crypto";
import { mkdir, readdir, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { errorMessage, UserError } from "../../base/errors.ts";
import { ensureTool, type ToolName } from "../ensure.ts";
import { freePort } from "../free-port.ts";
import { withProgress } from "../setup/progress.mjs";
import { apiServerArguments, controllerManagerArguments, etcdArguments, filesIn } from "./arguments.ts";
import { createAuthority } from "./certificates.ts";
import { type Identity, mintIdentity, writeServerFiles } from "./credentials.ts";
import { type Guarded, guard } from "./guarded.ts";
import { admitKubelet, isReady, kubeletArguments, NODE_NAME, writeKubeletFiles } from "./kubelet.ts";
import { waitFor } from "./probe.ts";

/** A Kubernetes control plane on loopback: etcd, kube-apiserver and kube-controller-manager, and no nodes unless a stub was asked for. */
export interface ControlPlane {
  /** `https://127.0.0.1:<port>` */
  server: string;
  /** The authority that signed the serving certificate, and whose client certificates are accepted. */
  caFile: string;
  directory: string;
  /** Of a user in system:masters: for set-up, and for looking. RBAC mistakes don't show with it. */
  adminKubeconfig: string;
  adminToken: string;
  /** JSON lines (`readAuditLog`); AUDIT_POLICY says what is in it. */
  auditLogFile: string;
  /** The pinned kubectl. */
  kubectl: string;
  serviceAccountIssuer: string;
  /** PEM public key that service account tokens verify with. */
  serviceAccountPublicKeyFile: string;
  /** Where the API server looks for an HTTP CONNECT proxy to pods, services and nodes: the stub kubelet's, if there is one. */
  egressSocket: string;
  /** The node that pods run on (tools/kubelet), where there is one. */
  node: string | undefined;
  /** Process ids by name: watchdog, etcd, kube-apiserver, kube-controller-manager, and stub-kubelet where there is one. */
  pids: ReadonlyMap<string, number>;
  /** Makes an ordinary user, by client certificate, with no rights but those of system:authenticated. */
  mintIdentity(user: { username: string; groups?: string[] }): Promise<Identity>;
  /** Resolves with the reason if a program ends that should not have. */
  failed: Promise<string>;
  /** Kills the programs, and removes the directory if it was made here. */
  stop(): Promise<void>;
}

export interface ControlPlaneOptions {
  /** Empty or absent, and kept after the end. Without it a temporary one is made, and removed at the end. */
  directory?: string;
  /** Give up when it is not ready after so many milliseconds (60 000). */
  timeoutMs?: number;
  /** Whether etcd has each write on disk before it answers, as in production. Tests don't wait for that. */
  syncs?: boolean;
  /** Whether there is a node, whose pods run as processes of this machine: a second more, and no sandbox. */
  kubelet?: boolean;
}

const ISSUER = "https://kubernetes.default.svc.cluster.local";

/**
 * Starts a control plane and waits until `/readyz` is 200 and the ServiceAccount `default` exists (3 to 6 s).
 * It ends with this process at the latest, kill -9 included. Throws UserError (exit 3) with what the failing
 * program said last.
 */
export async function startControlPlane(options: ControlPlaneOptions = {}): Promise<ControlPlane> {
  const tools = new Map<string, string>();
  const names: ToolName[] = ["etcd", "kube-apiserver", "kube-controller-manager", "kubectl"];
  if (options.kubelet === true) names.push("stub-kubelet");
  for (const name of names) tools.set(name, await ensureTool(name));
  return withProgress("starting a control plane", async () => {
    for (let attempt = 1; ; attempt++) {
      const kept = options.directory;
      // Short, for the sockets in it: macOS allows them 103 bytes, and its temporary folder takes 49.
      const directory = kept ?? join(tmpdir(), `sallyport-${randomBytes(6).toString("hex")}`);
      if (kept !== undefined) await makeEmpty(kept);
      // Before a temporary directory is made: from here on it goes when this process goes.
      const guarded = guard(kept === undefined ? directory : undefined);
      try {
        if (kept === undefined) await mkdir(directory, { mode: 0o700 });
        return await start(guarded, directory, tools, options);
      } catch (error) {
        await guarded.stop();
        // Between finding a port free and taking it, somebody else may.
        const taken = errorMessage(error).includes("address already in use");
        if (!taken || attempt === 3 || kept !== undefined) throw error;
      }
    }
  });
}

async function start(
  guarded: Guarded,
  directory: string,
  tools: ReadonlyMap<string, string>,
  { timeoutMs = 60_000, syncs = false, kubelet = false }: ControlPlaneOptions,
): Promise<ControlPlane> {
  const files = filesIn(directory);
  const port = await freePort();
  const authority = await createAuthority("sallyport control plane");
  const cluster = { directory, server: `https://127.0.0.1:${port}`, files, authority };
  const adminToken = randomBytes(32).toString("base64url");
  await writeServerFiles(cluster, adminToken);
  const node = kubelet ? await writeKubeletFiles(cluster) : undefined;
  const manager = await mintIdentity(cluster, { username: "system:kube-controller-manager" });

  const failed = Promise.withResolvers<string>();
  const launch = (name: string, args: string[]): void => {
    const logFile = join(directory, `${name}.log`);
    const onExit = (why: string): void => void lastWords(logFile).then((said) => failed.resolve(`${why}${said}`));
    guarded.start({ name, file: tools.get(name) ?? name, args, logFile }, onExit);
  };
  const deadline = Date.now() + timeoutMs;
  const probe = { server: cluster.server, caFile: files.ca, token: adminToken, deadline, failed: failed.promise };
  launch("etcd", etcdArguments(files, syncs));
  launch("kube-apiserver", apiServerArguments(files, port, ISSUER, kubelet));
  await waitFor(probe, "/readyz");
  launch("kube-controller-manager", controllerManagerArguments(files, manager.kubeconfig));
  const kubectl = tools.get("kubectl") ?? "kubectl";
  if (node !== undefined) {
    await admitKubelet(kubectl, files);
    launch("stub-kubelet", kubeletArguments(files, node.kubeconfig));
  }
  await waitFor(probe, "/api/v1/namespaces/default/serviceaccounts/default");
  if (node !== undefined) await waitFor(probe, `/api/v1/nodes/${NODE_NAME}`, isReady);

  return {
    server: cluster.server,
    caFile: files.ca,
    directory,
    adminKubeconfig: files.adminKubeconfig,
    adminToken,
    auditLogFile: files.auditLog,
    kubectl,
    serviceAccountIssuer: ISSUER,
    serviceAccountPublicKeyFile: files.serviceAccountPublicKey,
    egressSocket: files.egressSocket,
    node: node === undefined ? undefined : NODE_NAME,
    pids: guarded.pids,
    mintIdentity: (user) => mintIdentity(cluster, user),
    failed: failed.promise,
    stop: () => guarded.stop(),
  };
}

async function makeEmpty(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  if ((await readdir(directory)).length === 0) return;
  throw new UserError(`${directory} is not empty`, { exitCode: 2, next: "Name a directory that is empty or absent." });
}

async function lastWords(logFile: string): Promise<string> {
  const text = await readFile(logFile, "utf8").catch(() => "");
  const lines = text.trim().split("\n").slice(-3).join("\n");
  return lines === "" ? "" : `:\n${lines.slice(-2000)}`;
}
