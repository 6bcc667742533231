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
  /** Host names or addresses of API servers beside the well-known ones. */
  servers?: readonly string[];
}
