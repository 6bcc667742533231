import { z } from "zod";
import { isHttpsOrLoopback } from "../loopback.ts";

const file = z.string().min(1);
const url = z.url({ protocol: /^https?$/, error: "must be an http or https URL" });

/** Signed checkpoints of the record (`keys.checkpointFile` signs), and where they are kept besides the store. */
export const checkpointsSchema = z.strictObject({
  everySeconds: z.int().min(1).max(3600).default(60),
  /** Signs in place of the key in the file, which is then its public half: reads bytes, writes an Ed25519 signature. */
  command: z.tuple([z.string().min(1)], z.string()).optional(),
  to: z
    .array(
      z.union([
        z.strictObject({ file }),
        z.strictObject({
          git: z.strictObject({ path: file, branch: z.string().min(1).optional(), push: z.string().min(1).optional() }),
        }),
        z.strictObject({
          s3: z.strictObject({
            endpoint: url.refine(isHttpsOrLoopback, "must be an https URL (http is for loopback only)"),
            region: z.string().min(1).default("us-east-1"),
            bucket: z.string().regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, "must be the name of a bucket"),
            prefix: z
              .string()
              .regex(/^[\w.=-]+(\/[\w.=-]+)*\/$/, "must be folders, and end in /")
              .optional(),
            accessKeyIdFile: file,
            secretAccessKeyFile: file,
            retainDays: z.int().min(1).max(36_500).default(400),
            mode: z.enum(["COMPLIANCE", "GOVERNANCE"]).default("COMPLIANCE"),
          }),
        }),
      ]),
    )
    .max(10)
    .default([]),
});
