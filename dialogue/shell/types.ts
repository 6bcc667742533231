/** Why a command, or a part of it, could not be decided from its text alone. Counted, and an effect of its own. */
export type UnparsedReason =
  /** The text is no shell script that the parser takes without an error. */
  | "syntax"
  | "too-long"
  | "too-deep"
  | "too-many"
  | "timeout"
  | "crash"
  /** NUL, a carriage return, or letters in a program's name that only look like ASCII. */
  | "characters"
  | "variable"
  | "substitution"
  | "glob"
  /** `~`, which is a folder that the text does not name. */
  | "home"
  /** `=name`, `$"…"` and other words that bash and zsh read differently. */
  | "dialect"
  | "alias"
  /** A function or a variable of the text changes what a name like kubectl runs. */
  | "redefined"
  | "environment"
  | "eval"
  | "source"
  /** A shell's program comes from a file, a pipe or a terminal. */
  | "script"
  | "interpreter"
  | "arguments-from-input"
  | "wrapper"
  /** Another program is told to run kubectl or helm in a way that is not read here. */
  | "indirect"
  | "plugin"
  | "flags";

/** A switch to another cluster or other credentials. The value of a secret is left out. */
export interface ClusterOverride {
  /** `--server`, `KUBECONFIG`, `kubectl config set-cluster`. */
  name: string;
  value?: string;
}

/** A simple command, as the shell would start it. */
export interface ShellCommand {
  /**
   * Word by word as the program gets them; what wraps it (`sudo`, `env`, `timeout`) is taken off. Where `unparsed` is
   * there, a word that could not be decided stands as it is written.
   */
  argv: string[];
  /** As it is written. */
  text: string;
  unparsed?: UnparsedReason;
  /** What its standard input holds, where the text says so: a here-document, a here-string, an `echo` before the pipe. */
  stdin?: string;
  /** Variables set for it, `NAME=value`; a value that is not literal is null. */
  assignments?: { name: string; value: string | null }[];
  /** Files that it reads or writes by redirection; null where the name is not literal. */
  redirects?: { operator: string; file: string | null }[];
  /** What it was reached through, from the outside in: `sudo`, `sh -c`, `xargs`, `$(…)`. */
  via?: string[];
  overrides?: ClusterOverride[];
  /** Why it talks to a cluster without kubectl's own way through the gateway, in words. */
  around?: string;
}

export interface ReadOptions {
  /** Hosts of API servers beside the well-known ones, each with its port, or the beginning of a path, where those belong to it. */
  servers?: readonly string[];
  /** Variables that are set for all of the text. */
  assignments?: readonly { name: string; value: string | null }[];
}

/** What of a request the command's text leaves open. */
export type UnknownPart = "group" | "resource" | "namespace" | "name" | "object";

/** A request that a kubectl or helm command would make of the API server, as far as its text says. */
export interface CommandRequest {
  /** As the API server's RequestInfo has it; of a path that is no resource, the method in lower case. */
  verb: string;
  /** Absent where the resource is no built-in one and its group is not said. */
  group?: string;
  version: string;
  /** Plural; as it was typed where nobody here knows it; empty where it stands in a file, and for a path. */
  resource: string;
  subresource: string;
  /** Empty for a resource of the cluster, and for all namespaces. */
  namespace: string;
  name: string;
  labelSelector: string;
  fieldSelector: string;
  /** On the server. One on the client makes no such request. */
  dryRun: boolean;
  /** Where `unknown` is empty, what the request is about is known; `name` there means that objects are picked later. */
  unknown: UnknownPart[];
  /** What would be sent: the object, the patch, or the DeleteOptions. */
  body?: unknown;
  /** Of a patch. */
  contentType?: string;
  exec?: { command: string[]; container: string; stdin: boolean; tty: boolean };
  /** Instead of a resource: `kubectl get --raw`. */
  path?: string;
  /** The object that it goes to is known by the labels that pick it, or by another that kubectl looks up first. */
  through?: string;
}

/** What a text does not say. */
export interface CommandContext {
  /** Of the kubeconfig's context, where it is known. */
  namespace?: string;
  /** A built-in resource by any name that kubectl takes; undefined for another. */
  resource(name: string): KnownResource | undefined;
  /** The resource of an object. */
  kind(apiVersion: string, kind: string): KnownResource;
}

/** As kubernetes/resources.ts has it. */
export interface KnownResource {
  group: string;
  version: string;
  resource: string;
  kind: string;
  namespaced: boolean;
}
