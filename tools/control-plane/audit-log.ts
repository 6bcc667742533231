import { readFile } from "node:fs/promises";

/** The fields of audit.k8s.io/v1 Event that are compared with our own events. */
export interface AuditEntry {
  level: "Metadata";
  auditID: string;
  stage: "ResponseStarted" | "ResponseComplete" | "Panic";
  requestURI: string;
  verb: string;
  user: { username: string; groups?: string[]; uid?: string; extra?: Record<string, string[]> };
  impersonatedUser?: { username: string; groups?: string[]; uid?: string; extra?: Record<string, string[]> };
  sourceIPs?: string[];
  userAgent?: string;
  objectRef?: {
    resource?: string;
    namespace?: string;
    name?: string;
    apiGroup?: string;
    apiVersion?: string;
    subresource?: string;
  };
  responseStatus?: { code?: number; reason?: string; message?: string };
  requestReceivedTimestamp: string;
  stageTimestamp: string;
  annotations?: Record<string, string>;
}

/**
 * What is logged of a request. RequestReceived is left out, so each request has exactly one line, of stage
 * ResponseComplete; it is written when the answer has been. Long-running ones (watch, exec, attach,
 * port-forward, log -f, proxy) have one of stage ResponseStarted more, with the same auditID, when their answer begins: a
 * stream that is still open when the API server is killed has that one only. A handler that panicked has
 * stage Panic in place of ResponseComplete.
 */
export const AUDIT_POLICY = {
  apiVersion: "audit.k8s.io/v1",
  kind: "Policy",
  omitStages: ["RequestReceived"],
  rules: [{ level: "Metadata" }],
};

/** Reads the API server's own audit log: the witness that doesn't depend on the gateway. A torn last line is left out. */
export async function readAuditLog(file: string): Promise<AuditEntry[]> {
  const text = await readFile(file, "utf8");
  return text
    .slice(0, text.lastIndexOf("\n") + 1)
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as AuditEntry);
}
