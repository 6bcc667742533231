import type { CommandRequest } from "../types.ts";
import { type Asked, fromFile, namesFiles } from "./asked.ts";
import * as change from "./change.ts";
import { isSet, type KubectlLine, lastOf, rawPath } from "./command-line.ts";
import * as connect from "./connect.ts";
import { created } from "./create.ts";
import { documents } from "./documents.ts";
import * as reading from "./read.ts";
import { exposed, ran } from "./run.ts";

type Verb = (asked: Asked) => CommandRequest[];

const VERBS: Readonly<Record<string, Verb>> = {
  get: reading.read,
  describe: reading.read,
  events: reading.events,
  wait: reading.waited,
  "top pod": (asked) => reading.topped(asked, "pods"),
  "top node": (asked) => reading.topped(asked, "nodes"),
  "auth can-i": (asked) =>
    reading.reviewed(asked, isSet(asked.line, "list") ? "selfsubjectrulesreviews" : "selfsubjectaccessreviews"),
  "auth whoami": (asked) => reading.reviewed(asked, "selfsubjectreviews"),
  "auth reconcile": (asked) => documents(asked, "update"),
  "certificate approve": (asked) => reading.certified(asked, "Approved"),
  "certificate deny": (asked) => reading.certified(asked, "Denied"),
  logs: connect.logs,
  exec: (asked) => connect.connected(asked, "exec"),
  attach: (asked) => connect.connected(asked, "attach"),
  "port-forward": connect.forwarded,
  cp: connect.copied,
  debug: connect.debugged,
  // A create where nothing is there yet, else a patch: what it would store is judged alike.
  apply: (asked) =>
    isSet(asked.line, "server-side")
      ? documents(asked, "patch").map((one) => ({ ...one, contentType: "application/apply-patch+yaml" }))
      : documents(asked, "create"),
  "apply edit-last-applied": change.edited,
  "apply set-last-applied": (asked) => documents(asked, "patch").map((one) => open(one)),
  "apply view-last-applied": reading.read,
  diff: (asked) => documents(asked, "create").map((one) => ({ ...one, dryRun: true })),
  create: (asked) => {
    const raw = rawPath(asked.line);
    if (raw !== undefined) return [change.rawRequest(asked, "post", raw)];
    return namesFiles(asked) ? documents(asked, "create") : [];
  },
  replace: (asked) => {
    const raw = rawPath(asked.line);
    if (raw !== undefined) return [change.rawRequest(asked, "put", raw)];
    // By force it is deleted first.
    const force = isSet(asked.line, "force");
    return [...(force ? change.deleted(asked) : []), ...documents(asked, force ? "create" : "update")];
  },
  edit: change.edited,
  patch: change.patched,
  delete: change.deleted,
  scale: change.scaled,
  autoscale: change.autoscaled,
  label: (asked) => change.labelled(asked, "labels"),
  annotate: (asked) => change.labelled(asked, "annotations"),
  taint: change.tainted,
  cordon: (asked) => change.cordoned(asked, true),
  uncordon: (asked) => change.cordoned(asked, false),
  drain: change.drained,
  run: ran,
  expose: exposed,
};

const open = (one: CommandRequest): CommandRequest => ({
  ...one,
  unknown: [...new Set([...one.unknown, "object" as const])],
});

/** Commands that ask nothing of a cluster, or only what it serves (discovery). */
const QUIET = new Set([
  ...["", "api-resources", "api-versions", "completion", "explain", "kustomize", "proxy", "version", "cluster-info"],
  ...["create secret", "create service", "set", "rollout", "auth", "top", "certificate", "config", "kuberc", "plugin"],
]);

/**
 * What a kubectl command line asks of the API server to do its deed. What it looks up before (discovery, the object
 * that `apply` compares with, the events that `describe` shows) is left out.
 */
export function kubectlRequests(asked: Omit<Asked, "dryRun">): CommandRequest[] {
  const { line } = asked;
  const { command } = line;
  if (isSet(line, "help")) return [];
  const dryRun = lastOf(line, "dry-run") ?? "none";
  // A raw request is sent as it stands, a dry run or not.
  const raw = rawPath(line) !== undefined;
  // On the client nothing is changed; without a value it is the client's (deprecated).
  const whole = { ...asked, dryRun: !raw && dryRun === "server" };
  if (!raw && (dryRun === "client" || dryRun === "true")) return [];
  if (command.startsWith("create ")) return created(whole) ?? [];
  if (command.startsWith("set ")) return change.set(whole);
  if (command.startsWith("rollout ")) return change.rolledOut(whole);
  if (command === "cluster-info dump") return dumped(whole);
  if (Object.hasOwn(VERBS, command)) return VERBS[command]?.(whole) ?? [];
  if (
    QUIET.has(command) ||
    command.startsWith("config ") ||
    command.startsWith("kuberc ") ||
    command.startsWith("plugin ")
  )
    return [];
  // A command of kubectl's that nobody here has read yet.
  return [fromFile(whole, "")];
}

function dumped(asked: Asked): CommandRequest[] {
  const line: KubectlLine = { ...asked.line, args: ["nodes,events,rc,svc,ds,deploy,rs,pods"] };
  return reading.read({ ...asked, line });
}
