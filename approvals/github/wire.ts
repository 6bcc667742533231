import { z } from "zod";

/**
 * What is read of GitHub's answers, and nothing else of them: https://docs.github.com/en/rest. An answer that is not of
 * this shape is an error, and approves nothing.
 */
const sha = z.string().regex(/^[0-9a-f]{40}$/);
const user = z.object({ login: z.string(), id: z.number().optional(), type: z.string().optional() }).nullable();

export const refShape = z.object({ ref: z.string(), object: z.object({ sha }) });
export const commitShape = z.object({
  sha,
  message: z.string(),
  tree: z.object({ sha }),
  parents: z.array(z.object({ sha })),
});
export const createdShape = z.object({ sha });
export const treeShape = z.object({
  sha,
  truncated: z.boolean(),
  tree: z.array(z.object({ path: z.string(), type: z.string(), sha, mode: z.string() })),
});
export const blobShape = z
  .object({ content: z.string(), encoding: z.literal("base64") })
  .transform(({ content }) => Buffer.from(content, "base64"));
export const fileShape = z.object({ type: z.literal("file"), content: z.string(), encoding: z.literal("base64") });

export const pullShape = z.object({
  number: z.int().positive(),
  state: z.enum(["open", "closed"]),
  html_url: z.string(),
  user,
  title: z.string(),
  body: z.string().nullish(),
  head: z.object({ ref: z.string(), sha }),
  base: z.object({ ref: z.string() }),
  created_at: z.string(),
  updated_at: z.string(),
  closed_at: z.string().nullish(),
  merged_at: z.string().nullish(),
});
export const pullDetailShape = pullShape.extend({
  merged: z.boolean(),
  merge_commit_sha: sha.nullish(),
  commits: z.int(),
  changed_files: z.int(),
});
export const changedFileShape = z.object({ filename: z.string(), status: z.string(), sha: z.string().nullish() });
export const pullCommitShape = z.object({
  sha,
  commit: z.object({ message: z.string() }),
  parents: z.array(z.object({ sha })),
});
export const reviewShape = z.object({
  id: z.number(),
  user,
  state: z.string(),
  body: z.string().nullish(),
  commit_id: z.string().nullish(),
  submitted_at: z.string().nullish(),
});
export const commentShape = z.object({ id: z.number(), user, body: z.string().nullish(), created_at: z.string() });
export const issueShape = z.object({ closed_by: user.optional() });
export const eventShape = z.object({ event: z.string() });
export const membershipShape = z.object({ state: z.string() });
export const compareShape = z.object({ status: z.enum(["ahead", "behind", "diverged", "identical"]) });
/** Where nothing of the answer is read. */
export const anyShape = z.unknown();

export type Pull = z.output<typeof pullShape>;
export type PullDetail = z.output<typeof pullDetailShape>;
export type Review = z.output<typeof reviewShape>;
export type Comment = z.output<typeof commentShape>;
export type Commit = z.output<typeof commitShape>;
export type User = z.output<typeof user>;

/** Milliseconds since the epoch; never later than `now`, since GitHub's clock is another one. */
export function timeOf(text: string | null | undefined, now: number): number {
  const at = Date.parse(text ?? "");
  return Number.isNaN(at) ? now : Math.min(at, now);
}
