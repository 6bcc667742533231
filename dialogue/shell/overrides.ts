import { namesProgram, runsInPrompt } from "./hidden.ts";
import { isSet, parseKubectl } from "./kubectl/command-line.ts";
import type { ClusterOverride } from "./types.ts";

/** Options of kubectl that name another cluster, or other credentials than the ones that the gateway gave. */
const KUBECTL = [
  "server",
  "kubeconfig",
  "token",
  "user",
  "username",
  "password",
  "client-certificate",
  "client-key",
  "cluster",
];
/** Commands whose own `--user` is whom they bind a role to. */
const BINDS = new Set(["create rolebinding", "create clusterrolebinding", "set subject"]);
const SECRET = new Set(["token", "password", "kube-token"]);
/** Options of helm; those that kubectl has as well are the same there. */
const HELM = ["kubeconfig", "kube-apiserver", "kube-token", "kube-ca-file", "kube-tls-server-name"];
const VARIABLES = new Set([
  "KUBECONFIG",
  "KUBERNETES_MASTER",
  "KUBERNETES_SERVICE_HOST",
  "KUBERNETES_SERVICE_PORT",
  "HELM_KUBEAPISERVER",
  "HELM_KUBETOKEN",
]);
/** Variables that change which program a name is, or what a shell does before it begins. */
const ENVIRONMENT = new Set([
  ...["PATH", "BASH_ENV", "ENV", "ZDOTDIR", "LD_PRELOAD", "LD_AUDIT", "LD_LIBRARY_PATH", "DYLD_INSERT_LIBRARIES"],
  ...["SHELLOPTS", "BASHOPTS", "PROMPT_COMMAND", "IFS", "KUBERC", "HELM_PLUGINS", "HELM_BIN"],
]);
/** Whether a variable, once set, has later commands ask another cluster. */
export const switchesCluster = (name: string): boolean => VARIABLES.has(name) || name === "HOME";

const DECLARES = new Set(["export", "declare", "typeset", "local", "readonly", "unset"]);

/** What a command, or the variables set for it, switches to. */
export function overridesOf(
  argv: readonly string[],
  assignments: readonly { name: string; value: string | null }[],
): { overrides: ClusterOverride[]; environment: boolean } {
  const overrides: ClusterOverride[] = [];
  let environment = false;
  const [program = "", ...words] = argv;
  const name = program.slice(program.lastIndexOf("/") + 1);
  const asksCluster = name === "kubectl" || name === "helm";
  const variable = (name: string, value: string | null): void => {
    // ~/.kube/config is below HOME, which much else is as well.
    if (VARIABLES.has(name) || (asksCluster && name === "HOME"))
      overrides.push({ name, ...(value === null ? {} : { value: shown(name, value) }) });
    if (ENVIRONMENT.has(name) || name.startsWith("BASH_FUNC_")) environment = true;
    if ((name === "PS4" && runsInPrompt(value)) || namesProgram(name, value)) environment = true;
  };
  for (const { name, value } of assignments) variable(name, value);
  if (DECLARES.has(name)) {
    for (const word of words) {
      const [, left = "", right] = /^([A-Za-z_]\w*)(?:\+?=(.*))?$/s.exec(word) ?? [];
      if (right !== undefined) variable(left, right);
      else if (name === "unset") variable(left, "");
    }
  } else if (name === "kubectl") overrides.push(...ofKubectl(words));
  else if (name === "helm") overrides.push(...ofHelm(words));
  return { overrides, environment };
}

const shown = (name: string, value: string): string => (/TOKEN/.test(name) ? "" : value.slice(0, 500));

function ofKubectl(words: readonly string[]): ClusterOverride[] {
  const line = parseKubectl(words);
  if ("unparsed" in line) return scanned(words, KUBECTL);
  const overrides: ClusterOverride[] = [];
  if (line.command.startsWith("config ")) {
    const [, verb = ""] = line.command.split(" ");
    if (verb === "set-cluster" || verb === "set-credentials") overrides.push({ name: `kubectl config ${verb}` });
    else if (verb === "set" && /^(clusters|users)\./.test(line.args[0] ?? ""))
      overrides.push({ name: "kubectl config set" });
    const file = line.options.get("kubeconfig")?.at(-1);
    if (file !== undefined) overrides.push({ name: "--kubeconfig", value: file });
    return overrides;
  }
  for (const name of KUBECTL) {
    if (name === "user" && BINDS.has(line.command)) continue;
    const value = line.options.get(name)?.at(-1);
    if (value === undefined) continue;
    overrides.push(SECRET.has(name) ? { name: `--${name}` } : { name: `--${name}`, value: value.slice(0, 500) });
  }
  if (isSet(line, "insecure-skip-tls-verify")) overrides.push({ name: "--insecure-skip-tls-verify" });
  return overrides;
}

const ofHelm = (words: readonly string[]): ClusterOverride[] => scanned(words, HELM);

/** Long options wherever they stand, of a line whose grammar is not known to the end. */
function scanned(words: readonly string[], names: readonly string[]): ClusterOverride[] {
  return words.flatMap((word, i): ClusterOverride[] => {
    const [, name = "", value] = /^--([a-z-]+)(?:=(.*))?$/s.exec(word) ?? [];
    if (!names.includes(name)) return [];
    return [
      SECRET.has(name)
        ? { name: `--${name}` }
        : { name: `--${name}`, value: (value ?? words[i + 1] ?? "").slice(0, 500) },
    ];
  });
}
