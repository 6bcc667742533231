import { z } from "zod";

/**
 * What policy is asked (contracts §1.1). Field names are those of admission.k8s.io/v1 AdmissionRequest and
 * authentication.k8s.io/v1 UserInfo where they have the field. This schema is the one source: the types below
 * and `engine/schemas/input.json` (which `opa check --schema` reads) are derived from it.
 */
const text = z.string();
const texts = z.record(z.string(), z.string());
const lists = z.record(z.string(), z.array(z.string()));
const object = z.record(z.string(), z.unknown()).describe("A Kubernetes object as JSON.");

export const operationSchema = z.enum(["CREATE", "UPDATE", "DELETE", "CONNECT", ""]);

export const userInfoSchema = z.strictObject({
  issuer: text.describe("Name of the issuer in the configuration."),
  username: text,
  uid: text,
  groups: z.array(text),
  roles: z.array(text),
  extra: lists,
});

export const sessionInfoSchema = z.strictObject({
  id: text,
  startedAt: text.describe("RFC 3339."),
  agent: text,
  reason: text,
  owner: z.strictObject({ issuer: text, username: text }).describe("The person that an agent acts for."),
});

const kindSchema = z.strictObject({ group: text, version: text, kind: text });
const resourceSchema = z.strictObject({ group: text, version: text, resource: text });

export const requestSchema = z.strictObject({
  uid: text,
  verb: text.describe(
    "As the API server's RequestInfo has it: get list watch create update patch delete deletecollection, or the method in lower case for non-resource requests.",
  ),
  operation: operationSchema.describe("CONNECT for exec, attach, port-forward and proxy whatever the method."),
  path: text,
  query: lists,
  nonResource: z.boolean(),
  kind: kindSchema,
  resource: resourceSchema,
  subResource: text,
  namespace: text,
  name: text,
  fieldSelector: text,
  labelSelector: text,
  dryRun: z.boolean(),
  options: object.describe("DeleteOptions of the body, else the options of the query."),
  patchType: text,
  contentType: text,
  userAgent: text,
  sourceIP: text,
  digest: text.describe("HMAC of the request (contracts §4), empty until it is known."),
});

/** The Kubernetes request that a kubectl or helm command would make, as far as its text says. */
const commandRequestSchema = z.strictObject({
  verb: text,
  group: text.describe("Empty for the core group, and where `unknown` names the group."),
  resource: text,
  subResource: text,
  namespace: text,
  name: text,
  labelSelector: text,
  dryRun: z.boolean(),
  unknown: z.array(text).describe("What of these the text leaves open: group, namespace, name, object."),
});

const commandSchema = z.strictObject({
  argv: z.array(text).describe("Word by word; where `unparsed` is there, an undecided word stands as it is written."),
  text,
  unparsed: text.optional().describe("Why the text alone does not decide what runs."),
  via: z.array(text).optional().describe("What starts it, from the outside in: sudo, sh -c, xargs."),
  overrides: z
    .array(z.strictObject({ name: text, value: text.optional() }))
    .optional()
    .describe("Switches to another cluster or other credentials: --server, KUBECONFIG."),
  around: text.optional().describe("How it reaches a cluster without the gateway, in words."),
  requests: z.array(commandRequestSchema).optional(),
});

export const policyInputSchema = z.strictObject({
  now: text.describe("RFC 3339, UTC, milliseconds, Z: string order is time order. Rules never read the clock."),
  session: sessionInfoSchema,
  user: userInfoSchema,
  connection: z.strictObject({ name: text, kind: text, labels: texts }),
  request: requestSchema,
  object: object
    .nullable()
    .optional()
    .describe("What would be stored: the body as sent, then the outcome (design §2)."),
  oldObject: object.nullable().optional().describe("What is stored now."),
  sent: object
    .optional()
    .describe(
      "The body as sent, where object is the outcome of something new: what the author set, less what the server added.",
    ),
  podSpecs: z
    .array(z.strictObject({ path: text, spec: object }))
    .optional()
    .describe("Each pod template in object, whatever the kind."),
  roleRules: z.array(object).optional().describe("What a role or a binding in object grants."),
  namespaceLabels: texts.optional(),
  exec: z.strictObject({ command: z.array(text), container: text, stdin: z.boolean(), tty: z.boolean() }).optional(),
  target: z
    .strictObject({ uid: text, labels: texts, serviceAccountName: text })
    .optional()
    .describe("The pod of an exec, attach, port-forward or log request."),
  exceptions: z
    .array(z.strictObject({ name: text, rules: z.array(text), unmask: z.boolean() }))
    .describe("Standing exceptions that the host matched to this request."),
  dialogue: z
    .strictObject({
      promptId: text,
      toolUseId: text.describe("Empty where several calls of the prompt are open that could have made the request."),
      model: text.describe("As the client named it; empty where several could be it."),
      strength: text
        .describe("Of a request to a cluster: how sure it is that it comes of that: exact, window, claimed, none.")
        .optional(),
    })
    .optional()
    .describe(
      "The dialogue with a model that is asked about, or that the request comes of; absent where no prompt is known.",
    ),
  tool: z
    .strictObject({
      name: text,
      arguments: z.record(z.string(), z.unknown()),
      commands: z.array(commandSchema).describe("Those of a shell's tool."),
    })
    .optional()
    .describe("A model's tool call: request is absent."),
});

export type Operation = z.output<typeof operationSchema>;
/** A Kubernetes object as JSON. */
export type KubernetesObject = { [key: string]: unknown };
export type UserInfo = z.output<typeof userInfoSchema>;
export type SessionInfo = z.output<typeof sessionInfoSchema>;
export type GroupVersionKind = z.output<typeof kindSchema>;
export type GroupVersionResource = z.output<typeof resourceSchema>;
export type RequestInput = z.output<typeof requestSchema>;
export type PolicyInput = z.output<typeof policyInputSchema>;
/** An entry of `tool.commands`. */
export type ToolCommand = z.output<typeof commandSchema>;
/** The question about a dialogue with a model, or about one of its tool calls: there is no request to a cluster. */
export type DialogueInput = Omit<PolicyInput, "request"> & { request?: undefined };

/** The JSON Schema that `engine/schemas/input.json` holds; draft-07, which is what opa's type checker reads. */
export function inputJsonSchema(): unknown {
  return z.toJSONSchema(policyInputSchema, { target: "draft-7" });
}
