import { createInterface } from "node:readline/promises";
import { z } from "zod";
import { sha256 } from "../../base/digest.ts";
import { UserError } from "../../base/errors.ts";
import { adminToken } from "../admin-token.ts";
import { createClient } from "../client.ts";
import { loadContext } from "../context.ts";
import { table } from "../evidence/render.ts";
import { gatewaySession } from "../session.ts";
import { printable } from "../style.ts";

const vote = z.looseObject({ username: z.string(), at: z.string(), reason: z.string() });
const approvalSchema = z.looseObject({
  name: z.string(),
  state: z.string(),
  rules: z.array(z.string()),
  openedAt: z.string(),
  notAfter: z.string(),
  connection: z.string(),
  requester: z.looseObject({ issuer: z.string(), username: z.string(), session: z.string() }),
  summary: z.looseObject({
    verb: z.string(),
    resource: z.string(),
    namespace: z.string(),
    name: z.string(),
    command: z.string(),
    agent: z.string(),
    reason: z.string(),
  }),
  findings: z.array(z.looseObject({ rule: z.string(), message: z.string() })),
  changes: z.array(z.looseObject({ path: z.string(), from: z.unknown().optional(), to: z.unknown().optional() })),
  requirements: z.array(z.looseObject({ approvers: z.array(z.string()), required: z.number() })),
  approvals: z.array(vote),
  denial: vote.optional(),
  file: z.string(),
  seen: z.string(),
});

const repositorySchema = z.looseObject({
  checkedAt: z.number(),
  unreachable: z.string().optional(),
  frozen: z.looseObject({ from: z.string(), to: z.string(), at: z.number(), why: z.string() }).optional(),
  warnings: z.array(z.string()),
  malformed: z.array(z.looseObject({ name: z.string(), error: z.string() })),
  overdueReviews: z.array(z.string()),
});

export type RepositoryStatus = z.output<typeof repositorySchema>;
export type ShownApproval = z.output<typeof approvalSchema>;

export interface ApprovalsApi {
  list(query: { state?: string | undefined; limit?: string }): Promise<{ items: ShownApproval[]; continue: string }>;
  get(name: string): Promise<ShownApproval>;
  decide(
    verb: "approve" | "deny",
    name: string,
    body: { reason?: string | undefined; seen: string },
  ): Promise<ShownApproval>;
  take(verb: "revoke" | "break-glass", name: string, body: { reason: string }): Promise<ShownApproval>;
  repository(): Promise<RepositoryStatus>;
  /** `commit`: the tip of main that a person looked at. */
  reset(body: { commit: string; reason: string }): Promise<RepositoryStatus>;
  kill(session: string, body: { reason: string }): Promise<unknown>;
}

/**
 * The control API's part on approvals. Reading takes the caller's session, and the admin token where the
 * environment names one; deciding always asks for a login of its own, once for the command.
 */
export async function withApprovals<T>(
  purpose: "read" | "decide",
  work: (api: ApprovalsApi) => Promise<T>,
): Promise<T> {
  const { env } = process;
  const context = loadContext(env);
  const asAdmin = purpose === "decide" || Boolean(env.SALLYPORT_ADMIN_TOKEN_FILE);
  let login: Promise<string> | undefined;
  const client = createClient(context, async () => {
    if (!asAdmin) return (await gatewaySession(context, env)).token;
    login ??= adminToken(context, env);
    return login;
  });
  const path = (name: string): string => `/v1alpha1/approvals/${encodeURIComponent(name)}`;
  try {
    return await work({
      async list(query) {
        const answer = await client.request("GET", "/v1alpha1/approvals", { query });
        return checked(z.looseObject({ items: z.array(approvalSchema), continue: z.string() }), answer);
      },
      async get(name) {
        const approval = checked(approvalSchema, await client.request("GET", path(name)));
        // What is shown is what `seen` stands for: computed here, not believed.
        return { ...approval, seen: sha256(approval.file) };
      },
      decide: async (verb, name, body) =>
        checked(approvalSchema, await client.request("POST", `${path(name)}/${verb}`, { body })),
      take: async (verb, name, body) =>
        checked(approvalSchema, await client.request("POST", `${path(name)}/${verb}`, { body })),
      repository: async () => checked(repositorySchema, await client.request("GET", "/v1alpha1/approvals-repository")),
      reset: async (body) =>
        checked(repositorySchema, await client.request("POST", "/v1alpha1/approvals-repository/reset", { body })),
      kill: (session, body) =>
        client.request("POST", `/v1alpha1/sessions/${encodeURIComponent(session)}/kill`, { body }),
    });
  } finally {
    await client.close();
  }
}

function checked<S extends z.ZodType>(schema: S, answer: unknown): z.output<S> {
  const result = schema.safeParse(answer);
  if (result.success) return result.data;
  throw new UserError("the gateway's answer is not of the shape that this command knows", {
    next: "Is it of another version?",
  });
}

export function renderList(approvals: readonly ShownApproval[]): string {
  if (approvals.length === 0) return "no approvals";
  return table(
    ["NAME", "STATE", "REQUESTER", "WHAT", "RULES", "NOT AFTER"],
    approvals.map(({ name, state, requester, summary, rules, notAfter }) => [
      name,
      state,
      requester.username,
      [summary.verb, summary.resource, `${summary.namespace}/${summary.name}`].join(" "),
      rules.join(","),
      notAfter,
    ]),
  );
}

function changeLine({ path, from, to }: ShownApproval["changes"][number]): string {
  const value = (v: unknown): string => (v === undefined ? "(nothing)" : JSON.stringify(v));
  return `  ${path || "(object)"}: ${value(from)} → ${value(to)}`;
}

/** An approval for a person who decides about it. Safe to print: nothing in it moves the cursor. */
export function renderApproval(approval: ShownApproval): string {
  const { summary, requester } = approval;
  const pairs: [string, string][] = [
    ["approval", approval.name],
    ["state", approval.state],
    ["who", `${requester.username}, session ${requester.session}`],
    ["agent", summary.agent],
    ["reason", summary.reason],
    ["what", `${summary.verb} ${summary.resource} ${summary.namespace}/${summary.name} on ${approval.connection}`],
    ["command", summary.command],
    ["needs", approval.requirements.map((r) => `${r.required} of ${r.approvers.join(", ")}`).join("; and ")],
    ["approved by", approval.approvals.map(({ username }) => username).join(", ")],
    ["denied by", approval.denial === undefined ? "" : `${approval.denial.username}: ${approval.denial.reason}`],
    ["not after", approval.notAfter],
  ];
  const head = pairs.filter(([, value]) => value !== "").map(([name, value]) => `${name.padEnd(12)}  ${value}`);
  const held = approval.findings.map(({ rule, message }) => `  ${rule}: ${message}`);
  const file = approval.file
    .trimEnd()
    .split("\n")
    .map((line) => `  ${line}`);
  return [
    ...head,
    "",
    "held because",
    ...held,
    "",
    "changes",
    ...approval.changes.map(changeLine),
    "",
    `file (SHA-256 ${approval.seen})`,
    ...file,
  ]
    .map((line) => printable(line.replaceAll("\n", "\\n")))
    .join("\n");
}

/** Asks on stderr; no where there is nobody to ask. */
export async function confirm(question: string): Promise<boolean> {
  if (!process.stdin.isTTY)
    throw new UserError("there is no terminal to ask on", {
      exitCode: 2,
      next: "Add --yes to decide without being asked.",
    });
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await lines.question(question)).trim());
  } finally {
    lines.close();
  }
}
