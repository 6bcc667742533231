import type { CommandContext, CommandRequest, UnknownPart } from "./types.ts";

/** Options of helm 3 and 4 that take the next word as their value. */
const VALUED = new Set(
  `n namespace kubeconfig kube-context kube-apiserver kube-as-user kube-as-group kube-ca-file kube-token
   kube-tls-server-name burst-limit qps registry-config repository-cache repository-config f values set set-string
   set-file set-json set-literal version timeout description name-template o output post-renderer post-renderer-args
   repo username password ca-file cert-file key-file keyring labels l selector history-max cascade max filter offset
   revision show-only s api-versions a kube-version output-dir release-name d destination untardir time-format
   server-side`.split(/\s+/),
);

interface HelmLine {
  words: string[];
  namespace: string | undefined;
  flags: ReadonlyMap<string, string>;
}

function parse(args: readonly string[]): HelmLine {
  const words: string[] = [];
  const flags = new Map<string, string>();
  for (let i = 0; i < args.length; i++) {
    const word = args[i] ?? "";
    if (word === "--") {
      words.push(...args.slice(i + 1));
      break;
    }
    const [, long, value] = /^--([\w-]+)(?:=(.*))?$/s.exec(word) ?? [];
    if (long !== undefined) flags.set(long, value ?? (VALUED.has(long) ? (args[++i] ?? "") : "true"));
    else if (/^-[a-zA-Z]/.test(word)) {
      const letter = word.slice(1, 2);
      if (!VALUED.has(letter)) for (const one of word.slice(1)) flags.set(one, "true");
      else flags.set(letter, word.length > 2 ? word.slice(2).replace(/^=/, "") : (args[++i] ?? ""));
    } else words.push(word);
  }
  return { words, namespace: flags.get("n") ?? flags.get("namespace"), flags };
}

/** Commands that change a release: how its record in a Secret is written, and what becomes of its objects. */
const CHANGES: Readonly<Record<string, { record: "create" | "delete"; objects: string }>> = {
  install: { record: "create", objects: "create" },
  upgrade: { record: "create", objects: "patch" },
  rollback: { record: "create", objects: "patch" },
  uninstall: { record: "delete", objects: "delete" },
  delete: { record: "delete", objects: "delete" },
  del: { record: "delete", objects: "delete" },
  un: { record: "delete", objects: "delete" },
};
const READS = new Set(["list", "ls", "status", "get", "history", "hist"]);

/**
 * What is known of a helm command's requests: the Secrets that keep its releases, the namespace that it makes, and that
 * a chart's objects, which no text names, are written or deleted.
 */
export function helmRequests(args: readonly string[], context: CommandContext): CommandRequest[] {
  const { words, namespace, flags } = parse(args);
  const [command = "", first = ""] = words;
  const dryRun = flags.get("dry-run");
  if (flags.has("help") || flags.has("h") || (dryRun !== undefined && dryRun !== "none" && dryRun !== "false"))
    return [];
  const everywhere = flags.has("A") || flags.has("all-namespaces");
  const said = namespace ?? context.namespace;
  const place = everywhere ? "" : (said ?? "default");
  const open: UnknownPart[] = everywhere || said !== undefined ? [] : ["namespace"];
  const secret = (verb: string, name: string, labelSelector = ""): CommandRequest => ({
    ...{ verb, group: "", version: "v1", resource: "secrets", subresource: "", namespace: place, name, labelSelector },
    ...{ fieldSelector: "", dryRun: false },
    unknown: verb === "create" ? [...open, "object"] : name === "" && verb !== "list" ? [...open, "name"] : open,
  });
  if (READS.has(command))
    return [secret("list", "", command.startsWith("l") ? "owner=helm" : `name=${words.at(-1)},owner=helm`)];
  if (command === "test") return [secret("list", "", `name=${first},owner=helm`), objects("create", place)];
  const change = Object.hasOwn(CHANGES, command) ? CHANGES[command] : undefined;
  if (change === undefined) return [];
  const makes = flags.get("create-namespace") === "true" && namespace !== undefined;
  const body = { apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } };
  return [
    ...(makes ? [{ ...secret("create", ""), resource: "namespaces", namespace: "", body, unknown: [] }] : []),
    secret("list", "", first === "" ? "owner=helm" : `name=${first},owner=helm`),
    secret(change.record, ""),
    objects(change.objects, place),
  ];
}

/** What the chart holds. */
function objects(verb: string, namespace: string): CommandRequest {
  return {
    ...{ verb, version: "", resource: "", subresource: "", namespace, name: "", labelSelector: "", fieldSelector: "" },
    dryRun: false,
    unknown: ["group", "resource", "namespace", "name", "object"],
  };
}
