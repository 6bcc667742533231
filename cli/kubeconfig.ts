import { X509Certificate } from "node:crypto";
import { existsSync, readFileSync, realpathSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import type { Command } from "commander";
import { UserError } from "../base/errors.ts";
import { action } from "./action.ts";
import type { Context } from "./context.ts";

interface Options {
  merge?: boolean;
  connection?: string;
}

export function register(program: Command): void {
  program
    .command("kubeconfig")
    .description("print a kubeconfig for the gateway, or merge it into yours")
    .option("--merge", "write to $KUBECONFIG or ~/.kube/config, beside what is there")
    .option("--connection <name>", "which connection of the gateway")
    .action(
      action<Options>(async (_args, options) => {
        const { loadContext } = await import("./context.ts");
        const { mergeKubeconfig } = await import("./kubeconfig-merge.ts");
        const { writePrivate } = await import("./private-file.ts");
        const entries = kubeconfigEntries(loadContext(), options.connection, process.env);
        const path = kubeconfigPath(process.env);
        const before = options.merge === true && existsSync(path) ? readFileSync(path, "utf8") : "";
        const text = mergeKubeconfig(before, entries, path);
        const json = { path, context: entries.name, server: entries.cluster.server };
        if (options.merge !== true) return { json: { ...json, path: undefined, kubeconfig: text }, text };
        // A link, as dotfile managers make, stays one.
        writePrivate(existsSync(path) ? realpathSync(path) : path, text);
        return {
          json,
          text: `Wrote context ${entries.name} to ${path}.\nNext: kubectl config use-context ${entries.name}`,
        };
      }),
    );
}

/** The three entries of a kubeconfig that one connection of the gateway needs, all under one name. */
export interface KubeconfigEntries {
  name: string;
  cluster: { server: string; "certificate-authority-data"?: string };
  user: { exec: Record<string, unknown> };
}

export function kubeconfigEntries(
  context: Context,
  wanted: string | undefined,
  env: NodeJS.ProcessEnv,
): KubeconfigEntries {
  const connection = wanted ?? context.connection;
  if (connection === undefined)
    throw new UserError("which connection?", {
      exitCode: 2,
      next: "Name it with --connection or SALLYPORT_CONNECTION.",
    });
  if (!/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(connection))
    throw new UserError(`${JSON.stringify(connection)} is no name of a connection`, { exitCode: 2 });
  // What Node was told to trust in addition, kubectl would not know of.
  const caFile = context.caFile ?? (env.NODE_EXTRA_CA_CERTS || undefined);
  const ca = caFile === undefined ? {} : { "certificate-authority-data": certificates(caFile).toString("base64") };
  return {
    name: `sallyport-${connection}`,
    cluster: { server: `${context.url}/connections/${connection}`, ...ca },
    user: {
      exec: {
        apiVersion: "client.authentication.k8s.io/v1",
        command: process.execPath,
        args: [realpathSync(process.argv[1] ?? ""), "credential", "--server", context.url],
        // It never asks anything: stdin is for `kubectl apply -f -`.
        interactiveMode: "Never",
        provideClusterInfo: false,
      },
    },
  };
}

function certificates(path: string): Buffer {
  try {
    const pem = readFileSync(path);
    new X509Certificate(pem);
    return pem;
  } catch (error) {
    throw new UserError(`${path} holds no certificate that can be read`, { exitCode: 2, cause: error });
  }
}

/** As client-go chooses where new entries go: the first file of $KUBECONFIG that exists, else its last. */
export function kubeconfigPath(env: NodeJS.ProcessEnv): string {
  const files = (env.KUBECONFIG ?? "").split(delimiter).filter((file) => file !== "");
  return files.find((file) => existsSync(file)) ?? files.at(-1) ?? join(env.HOME || homedir(), ".kube", "config");
}
