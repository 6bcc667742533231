import { connect as connectTcp } from "node:net";
import { connect as connectTls } from "node:tls";
import { errorMessage } from "../../base/errors.ts";
import type { UpstreamTls } from "../../proxy/credentials/credential.ts";
import type { Caller } from "../../proxy/credentials/own-calls.ts";
import type { Finding } from "./check.ts";

const DEADLINE_MS = 5000;

/** authorization.k8s.io/v1 ResourceAttributes. */
export interface ResourceAttributes {
  verb: string;
  group?: string;
  resource: string;
  subresource?: string;
  name?: string;
  namespace?: string;
}

/** TCP, then TLS with the authorities and the name that the gateway will insist on. */
export async function reach(server: string, tls: UpstreamTls): Promise<Finding> {
  const url = new URL(server);
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const port = Number(url.port || 443);
  try {
    await settled((done) => connectTcp({ host, port }, done));
  } catch (error) {
    return { result: "failed", what: `connect to ${url.host}`, detail: errorMessage(error) };
  }
  try {
    // SNI must not be an address (RFC 6066 §3); the certificate is checked against the host all the same.
    const servername = tls.servername ?? (/^[\d.]+$|:/.test(host) ? "" : host);
    await settled((done) => connectTls({ host, port, ...tls, servername }, done));
  } catch (error) {
    const { code } = error as { code?: string };
    const detail = `${errorMessage(error)}${code === undefined ? "" : ` (${code})`}`;
    return {
      result: "failed",
      what: `TLS to ${url.host}`,
      detail: `${detail}; is caFile the authority of this server?`,
    };
  }
  return { result: "ok", what: `connect and TLS to ${url.host}` };
}

async function settled(open: (done: () => void) => ReturnType<typeof connectTcp>): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const socket = open(resolve);
  socket.once("error", reject);
  socket.setTimeout(DEADLINE_MS, () => reject(new Error(`no answer in ${DEADLINE_MS / 1000} s`)));
  try {
    await promise;
  } finally {
    socket.destroy();
  }
}

/** Who the API server takes the account for (SelfSubjectReview, allowed to everybody authenticated since 1.28). */
export async function whoAmI(caller: Caller): Promise<Finding> {
  const body = { apiVersion: "authentication.k8s.io/v1", kind: "SelfSubjectReview" };
  const path = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
  const { status, json } = await caller.call({ verb: "create", method: "POST", path, body });
  const username = (json.status as { userInfo?: { username?: string } } | undefined)?.userInfo?.username;
  if (status === 201 && username !== undefined) return { result: "ok", what: "identity", detail: username };
  return {
    result: "failed",
    what: "identity",
    detail: status === 401 ? "refused by the API server (401)" : `answered ${status}`,
  };
}

export async function versionOf(caller: Caller): Promise<Finding> {
  const { status, json } = await caller.call({ verb: "get", method: "GET", path: "/version" });
  if (status === 200 && typeof json.gitVersion === "string")
    return { result: "ok", what: "version", detail: json.gitVersion };
  return { result: "warn", what: "version", detail: `answered ${status}` };
}

/**
 * Whether the account may do this (SelfSubjectAccessReview). Where it may not do so for every name, the names
 * for which it may are looked up (SelfSubjectRulesReview), and returned as text.
 */
export async function allowed(caller: Caller, ask: ResourceAttributes): Promise<boolean | string> {
  const { status, json } = await caller.call({
    verb: "create",
    method: "POST",
    path: "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
    body: {
      apiVersion: "authorization.k8s.io/v1",
      kind: "SelfSubjectAccessReview",
      spec: { resourceAttributes: ask },
    },
  });
  if (status !== 201) throw new Error(`SelfSubjectAccessReview was answered ${status}`);
  if ((json.status as { allowed?: boolean } | undefined)?.allowed === true) return true;
  if (ask.name !== undefined || ask.verb !== "impersonate") return false;
  const names = await namedOnly(caller, ask);
  return names.length > 0 && `only ${names.slice(0, 20).join(", ")}`;
}

interface ResourceRule {
  verbs?: string[];
  apiGroups?: string[];
  resources?: string[];
  resourceNames?: string[];
}

async function namedOnly(caller: Caller, ask: ResourceAttributes): Promise<string[]> {
  const { json } = await caller.call({
    verb: "create",
    method: "POST",
    path: "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews",
    body: {
      apiVersion: "authorization.k8s.io/v1",
      kind: "SelfSubjectRulesReview",
      spec: { namespace: "default" },
    },
  });
  const rules = (json.status as { resourceRules?: ResourceRule[] } | undefined)?.resourceRules ?? [];
  return rules
    .filter((rule) => rule.verbs?.includes(ask.verb) && rule.resources?.includes(ask.resource))
    .filter((rule) => rule.apiGroups?.includes(ask.group ?? ""))
    .flatMap((rule) => rule.resourceNames ?? []);
}
