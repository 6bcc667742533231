import type { Deps } from "../deps.ts";

/** What the model side stands on, beside what it shares with the cluster's. */
export type ModelDeps = Pick<
  Deps,
  | "authenticator"
  | "connections"
  | "policy"
  | "recorder"
  | "refusals"
  | "underWay"
  | "openSessions"
  | "openStreams"
  | "knownValues"
  | "recordValues"
  | "dialogues"
  | "kept"
  | "thoughts"
  | "budgets"
  | "approvals"
  | "holdBudget"
  | "sharedAsks"
  | "held"
  | "hmacKey"
  | "url"
  | "limits"
  | "clock"
  | "log"
>;
