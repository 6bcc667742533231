import { hmac } from "../../base/digest.ts";
import { Refusal } from "../../base/errors.ts";
import type { KubernetesObject, PolicyInput } from "../../engine/input.ts";
import type { KnownValues } from "../../engine/mask/known-values.ts";
import { podSecretNames } from "../../kubernetes/pod-secrets.ts";
import type { Deps } from "../deps.ts";
import type { BodyRead } from "../exchange.ts";
import { ask } from "./ask.ts";
import { targetPod } from "./target.ts";

/** A pod with more is refused: each is read before the first byte of a log. */
const SECRETS_LIMIT = 64;
/** A terminal is opened often; a value that was rotated is known this late. */
const FRESH_MS = 5_000;

interface SecretEntry {
  key: string;
  bytes: Buffer;
}

/**
 * Before the output of a pod is passed on: reads the Secrets that the pod consumes with the gateway's own account, and
 * adds to what the session must not see those that policy would not let the caller read in clear. Throws Refusal
 * `outcome-unknown` where one cannot be read: what is not known cannot be overwritten.
 */
export async function podSecrets(exchange: BodyRead, deps: Deps): Promise<void> {
  const names = podSecretNames(await targetPod(exchange, deps));
  if (names.length > SECRETS_LIMIT) {
    throw new Refusal("outcome-unknown", `the pod consumes ${names.length} Secrets, more than can be looked for`);
  }
  const known = deps.knownValues.of(exchange.session.id);
  await Promise.all(names.map((name) => preload(exchange, name, known, deps)));
}

async function preload(exchange: BodyRead, name: string, known: KnownValues, deps: Deps): Promise<void> {
  const { namespace } = exchange.attributes;
  const { effect, mask } = await exchange.policy.decide(readOf(exchange.input, name));
  if (effect === "allow" && mask.length === 0) return;
  const target = `/api/v1/namespaces/${encodeURIComponent(namespace)}/secrets/${encodeURIComponent(name)}`;
  const entries = await exchange.connection.reader.read(`secret/${target}`, FRESH_MS, () =>
    readSecret(exchange, { namespace, name, target }, deps),
  );
  for (const { key, bytes } of entries) {
    // A token Secret says its own namespace as a value.
    if (bytes.toString("utf8") === namespace) continue;
    const path = `${namespace}/${name}:data${/^[A-Za-z_]\w*$/.test(key) ? `.${key}` : `['${key}']`}`;
    if (known.offer(bytes, { path, fingerprint: hmac(deps.hmacKey, "masked-value", bytes) })) continue;
    throw new Refusal("unmaskable", `the pod consumes the Secret ${name}, which holds more than can be looked for`, {
      decisionId: exchange.verdict.decisionId,
      next: "Log in again to begin with nothing to look for, or ask for an exception that unmasks this Secret.",
    });
  }
}

/** Policy's question as it would be, had the caller asked for the Secret itself. */
function readOf(input: PolicyInput, name: string): PolicyInput {
  const { object: _, oldObject: __, podSpecs: ___, exec: ____, target: _____, ...facts } = input;
  return {
    ...facts,
    request: {
      ...input.request,
      verb: "get",
      operation: "",
      path: `/api/v1/namespaces/${input.request.namespace}/secrets/${name}`,
      query: {},
      kind: { group: "", version: "v1", kind: "Secret" },
      resource: { group: "", version: "v1", resource: "secrets" },
      subResource: "",
      name,
      options: {},
      digest: "",
    },
  };
}

async function readSecret(
  exchange: BodyRead,
  { namespace, name, target }: { namespace: string; name: string; target: string },
  deps: Deps,
): Promise<SecretEntry[]> {
  const { status, json } = await ask(exchange, { purpose: "podSecret", method: "GET", target, as: "gateway" }, deps);
  // An optional reference, or one that keeps the pod from starting.
  if (status === 404) return [];
  if (status !== 200) {
    throw new Refusal(
      "outcome-unknown",
      `the pod consumes the Secret ${namespace}/${name}, which the gateway could not read (${status}), so it cannot keep its values out of the output`,
      {
        decisionId: exchange.verdict.decisionId,
        causes: [{ rule: "request/outcome-unknown", message: `get secret ${namespace}/${name} answered ${status}` }],
        next: `Tell the operator of the gateway: its own account needs the verb get on secrets (apiGroups: [""]) in namespace ${namespace}; \`sallyport connection check\` says what it lacks.`,
      },
    );
  }
  return Object.entries((json.data ?? {}) as KubernetesObject).flatMap(([key, value]) =>
    typeof value === "string" ? [{ key, bytes: Buffer.from(value, "base64") }] : [],
  );
}
