import { z } from "zod";
import type { ExceptionLimits } from "../../base/config/guardrails.ts";
import { UserError } from "../../base/errors.ts";
import type { Answer } from "../action.ts";
import { confirm } from "../approvals/client.ts";
import { withControlApi } from "../control-api.ts";
import { table } from "../evidence/render.ts";
import { printable } from "../style.ts";
import { exceptionFiles } from "./files.ts";

const texts = z.array(z.string());
const exceptionSchema = z.looseObject({
  name: z.string(),
  rules: texts,
  subjects: z.array(
    z.union([z.looseObject({ issuer: z.string(), username: z.string() }), z.looseObject({ group: z.string() })]),
  ),
  match: z.looseObject({
    connection: z.string(),
    verbs: texts.optional(),
    resources: texts.optional(),
    namespaces: texts.optional(),
    names: texts.optional(),
    labels: z.record(z.string(), z.string()).optional(),
  }),
  unmask: z.boolean(),
  owner: z.string(),
  requestedBy: z.strictObject({ issuer: z.string(), username: z.string(), session: z.string() }),
  reason: z.string(),
  notAfter: z.string(),
  maxUses: z.number().optional(),
});
const listSchema = z.looseObject({
  items: z.array(exceptionSchema),
  continue: z.string(),
  malformed: z.array(z.looseObject({ name: z.string(), error: z.string() })),
  limits: z.looseObject({
    maxLifeDays: z.number(),
    wildcards: z.array(z.enum(["subjects", "namespaces", "resources"])),
  }),
});

export type ShownException = z.output<typeof exceptionSchema>;

type Answered = z.output<typeof listSchema>;

/** What the gateway says of its exceptions to who asks: all of its pages. */
export function exceptionsInForce(): Promise<Answered> {
  return withControlApi("read", async (client) => {
    let whole: Answered | undefined;
    for (;;) {
      const after = whole?.continue === "" ? undefined : whole?.continue;
      const page = pageOf(
        await client.request("GET", "/v1alpha1/exceptions", { query: { limit: 500, continue: after } }),
      );
      whole = { ...page, items: [...(whole?.items ?? []), ...page.items] };
      if (page.continue === "" || page.items.length === 0) return { ...whole, continue: "" };
    }
  });
}

function pageOf(answer: unknown): Answered {
  const result = listSchema.safeParse(answer);
  if (result.success) return result.data;
  throw new UserError("the gateway's answer is no list of exceptions", { next: "Is it of another version?" });
}

/** `exceptions` of the guardrails in force. */
export async function limitsInForce(): Promise<ExceptionLimits> {
  return (await exceptionsInForce()).limits;
}

/** `sallyport exceptions list`. */
export async function list(): Promise<Answer> {
  const answer = await exceptionsInForce();
  const rows = answer.items.map(({ name, rules, subjects, match, owner, notAfter }) => [
    name,
    rules.join(","),
    subjects.map((one) => ("group" in one ? `group:${one.group}` : `user:${one.username}`)).join(",") || "anybody",
    [match.connection, ...(match.namespaces ?? ["*"])].join("/"),
    (match.resources ?? ["*"]).join(","),
    owner,
    notAfter,
  ]);
  const header = ["NAME", "RULES", "FOR", "WHERE", "WHAT", "OWNER", "NOT AFTER"];
  const malformed = answer.malformed.map(({ name, error }) => printable(`${name} stands for nothing: ${error}`));
  const text = [rows.length === 0 ? "no exceptions" : table(header, rows), ...malformed].join("\n");
  return { json: answer, text };
}

/** `sallyport exceptions apply`: one after the other, and no further than the first that is refused. */
export async function apply(named: readonly string[], options: { reason: string; yes?: true }): Promise<Answer> {
  const files = await exceptionFiles(named);
  if (files.length === 0) throw new UserError("there is no file to apply", { exitCode: 2 });
  if (options.yes !== true) {
    for (const { path, text } of files) process.stderr.write(printable(`${path}\n${text}\n`));
    const sure = await confirm(`Take ${files.length === 1 ? "this" : `these ${files.length}`} into force? [y/N] `);
    if (!sure) return { json: { applied: [] }, text: "nothing was applied", exitCode: 1 };
  }
  return withControlApi("decide", async (client) => {
    const applied: string[] = [];
    for (const { name, text } of files) {
      await client.request("POST", path(name, "apply"), { body: { file: text, reason: options.reason } });
      applied.push(name);
      process.stderr.write(printable(`${name} is in force\n`));
    }
    return { json: { applied }, text: `in force: ${applied.join(", ")}` };
  });
}

/** `sallyport exceptions revoke`. */
export function revoke(name: string, reason: string): Promise<Answer> {
  return withControlApi("decide", async (client) => {
    await client.request("POST", path(name, "revoke"), { body: { reason } });
    return { json: { revoked: name }, text: printable(`${name} is taken back`) };
  });
}

function path(name: string, verb: "apply" | "revoke"): string {
  return `/v1alpha1/exceptions/${encodeURIComponent(name)}/${verb}`;
}
