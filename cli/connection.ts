import type { Command } from "commander";
import { UserError } from "../base/errors.ts";
import { action } from "./action.ts";
import { collect } from "./collect.ts";
import type { Wish } from "./connection/manifests.ts";

interface AddOptions {
  server: string;
  caFile?: string;
  namespace: string;
  serviceAccount: string;
  impersonate: boolean;
  user: string[];
  group: string[];
  extraKey: string[];
  tokenRequest?: string;
  seconds: string;
}

export function register(program: Command): void {
  const connection = program
    .command("connection")
    .description("connect the gateway to a cluster, and check what it can reach");

  connection
    .command("add")
    .description(
      "print the service account and the least RBAC that the gateway needs, and the lines for sallyport.yaml",
    )
    .argument("<name>", "the connection's name, as in /connections/<name>/")
    .requiredOption("--server <url>", "the API server, https")
    .option("--ca-file <file>", "what to trust for it instead of the system's authorities")
    .option("--namespace <name>", "where the gateway's service account lives", "sallyport")
    .option("--service-account <name>", "the gateway's service account", "sallyport-gateway")
    .option("--no-impersonate", "agents' requests go upstream as the service account itself")
    .option("--user <username>", "impersonate only this user, prefix included (repeat)", collect, [])
    .option("--group <group>", "impersonate only this group, prefix included (repeat)", collect, [])
    .option("--extra-key <key>", "impersonate this extra key too (repeat)", collect, [])
    .option("--token-request <namespace/name>", "mint a token of this service account for each session")
    .option("--seconds <n>", "life of such a token, 600 to 3600", "600")
    .addHelpText(
      "after",
      "\nThe output is one YAML stream: `sallyport connection add prod --server … | kubectl apply -f -`.",
    )
    .action(
      action<AddOptions>(async ([name = ""], options) => {
        const { connectionStanza, manifests, renderAdd } = await import("./connection/manifests.ts");
        const wish = toWish(name, options);
        const json = { connection: connectionStanza(wish), manifests: manifests(wish) };
        return { json, text: renderAdd(wish) };
      }),
    );

  connection
    .command("check")
    .description("say what the gateway can and cannot reach, and what it has too much of")
    .argument("[name]", "one connection; all Kubernetes connections where none is named")
    .requiredOption("--config <file>", "the gateway's sallyport.yaml")
    .action(
      action<{ config: string }>(async ([name], options) => {
        const { checkConnections } = await import("./connection/check.ts");
        return checkConnections(options.config, name);
      }),
    );
}

function toWish(name: string, options: AddOptions): Wish {
  const wrong = (message: string): never => {
    throw new UserError(message, { exitCode: 2 });
  };
  if (!/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(name))
    wrong(`"${name}" is not a DNS label: lower-case letters, digits and dashes`);
  if (!URL.canParse(options.server) || !options.server.startsWith("https://"))
    wrong(`--server ${options.server}: must be an https URL`);
  const [sessionNamespace = "", sessionAccount = ""] = options.tokenRequest?.split("/") ?? [];
  if (options.tokenRequest !== undefined && (sessionNamespace === "" || sessionAccount === ""))
    wrong("--token-request must be NAMESPACE/NAME");
  const seconds = Number(options.seconds);
  if (!Number.isInteger(seconds) || seconds < 600 || seconds > 3600)
    wrong("--seconds must be 600 to 3600: the API server gives no less, and we take no more");
  for (const entry of [...options.user, ...options.group]) {
    if (entry.startsWith("system:")) wrong(`"${entry}" is the cluster's own: the gateway never impersonates it`);
  }
  const wish: Wish = {
    name,
    server: options.server,
    namespace: options.namespace,
    serviceAccount: options.serviceAccount,
    impersonate: options.impersonate,
    users: options.user,
    groups: options.group,
    extraKeys: options.extraKey,
  };
  if (options.caFile !== undefined) wish.caFile = options.caFile;
  if (options.tokenRequest !== undefined)
    wish.tokenRequest = { namespace: sessionNamespace, serviceAccount: sessionAccount, seconds };
  return wish;
}
