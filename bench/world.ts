import type { Cluster } from "../cli/up/cluster.ts";
import type { DevelopmentIssuer } from "../identity/development/issuer.ts";
import type { Child } from "./child.ts";
import type { Row } from "./table.ts";

/** What every part of the bench stands on. */
export interface World {
  directory: string;
  cluster: Cluster;
  /** Of the gateway's account in the cluster. */
  token: string;
  issuer: DevelopmentIssuer;
  /** Of the stub upstreams. */
  files: { ca: string; cert: string; key: string };
  /** Starts a program of bench/servers, which prints the port that it listens on; it ends with the bench. */
  start(script: string, ...args: string[]): Promise<Child>;
  /** Done when the bench is over, the last first. */
  later(end: () => Promise<unknown> | unknown): void;
  say(what: string): void;
}

export interface Benched {
  rows: Row[];
  /** Why the run counts for nothing: what was sent and what is on record differ. */
  mistakes: string[];
}
