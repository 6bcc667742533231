import { createInterface } from "node:readline/promises";
import { z } from "zod";
import { inOrder, seenDigest } from "../../approvals/batch.ts";
import { UserError } from "../../base/errors.ts";
import { withControlApi } from "../control-api.ts";

const vote = z.looseObject({ username: z.string(), at: z.string(), reason: z.string() });
const approvalSchema = z.looseObject({
  name: z.string(),
  state: z.string(),
  rules: z.array(z.string()),
  openedAt: z.string(),
  notAfter: z.string(),
  connection: z.string(),
  requester: z.looseObject({
    issuer: z.string(),
    username: z.string(),
    session: z.string(),
    owner: z.looseObject({ issuer: z.string(), username: z.string() }).optional(),
    promptId: z.string().optional(),
  }),
  summary: z.looseObject({
    verb: z.string(),
    resource: z.string(),
    namespace: z.string(),
    name: z.string(),
    command: z.string(),
    agent: z.string(),
    reason: z.string(),
  }),
  blastRadius: z.string().optional(),
  maxUses: z.number(),
  supersedes: z.string().optional(),
  findings: z.array(
    z.looseObject({
      rule: z.string(),
      message: z.string(),
      title: z.string().optional(),
      remediation: z.string().optional(),
      absolute: z.boolean().optional(),
    }),
  ),
  changes: z.array(z.looseObject({ path: z.string(), from: z.unknown().optional(), to: z.unknown().optional() })),
  requirements: z.array(z.looseObject({ approvers: z.array(z.string()), required: z.number() })),
  approvals: z.array(vote),
  denial: vote.optional(),
  ended: z.looseObject({ by: z.string(), at: z.string(), reason: z.string() }).optional(),
  breakGlass: z
    .looseObject({ by: vote, reviewBy: z.string(), review: vote.extend({ verdict: z.string() }).optional() })
    .optional(),
  pullRequest: z.looseObject({ number: z.number(), url: z.string() }).optional(),
  batch: z.array(z.string()).optional(),
  uses: z.array(z.looseObject({ exchangeId: z.string() })),
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
  /** `together`: what is decided with it, all of which `seen` stands for. */
  get(name: string): Promise<ShownApproval & { together: ShownApproval[] }>;
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
  const path = (name: string): string => `/v1alpha1/approvals/${encodeURIComponent(name)}`;
  return withControlApi(purpose, (client) =>
    work({
      async list(query) {
        const answer = await client.request("GET", "/v1alpha1/approvals", { query });
        return checked(z.looseObject({ items: z.array(approvalSchema), continue: z.string() }), answer);
      },
      async get(name) {
        const one = async (of: string): Promise<ShownApproval> =>
          checked(approvalSchema, await client.request("GET", path(of)));
        const approval = await one(name);
        const others = approval.state === "pending" ? (approval.batch ?? []).filter((of) => of !== approval.name) : [];
        const together = await Promise.all(others.map(one));
        // What is shown is what `seen` stands for: computed here, not believed.
        return { ...approval, together, seen: seenDigest(inOrder([approval, ...together])) };
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
    }),
  );
}

function checked<S extends z.ZodType>(schema: S, answer: unknown): z.output<S> {
  const result = schema.safeParse(answer);
  if (result.success) return result.data;
  throw new UserError("the gateway's answer is not of the shape that this command knows", {
    next: "Is it of another version?",
  });
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
