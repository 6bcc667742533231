import { existsSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { z } from "zod";
import { readYaml } from "../base/config/read.ts";
import { UserError } from "../base/errors.ts";

/** `$XDG_CONFIG_HOME/sallyport/config.yaml` (contracts §7), written by `sallyport login`. */
export const contextSchema = z.strictObject({
  apiVersion: z.literal("sallyport.dev/v1alpha1").default("sallyport.dev/v1alpha1"),
  kind: z.literal("Context").default("Context"),
  /** Public URL of the gateway. */
  url: z.url({ protocol: /^https$/, error: "must be an https URL: a token would go over http in the clear" }),
  connection: z.string().min(1).optional(),
  /** What to trust for `url` instead of the system's authorities; relative to this file. */
  caFile: z.string().min(1).optional(),
  /** Where `login` gets its tokens, as the gateway's configuration names it. */
  issuer: z
    .strictObject({
      issuer: z.url(),
      clientId: z.string().min(1),
      audience: z.string().min(1).optional(),
      adminAudience: z.string().min(1).optional(),
      scopes: z.array(z.string()).optional(),
      caFile: z.string().min(1).optional(),
    })
    .optional(),
});

export type ContextFile = z.output<typeof contextSchema>;

/** The gateway that a command talks to, after the environment has had its word. */
export interface Context extends ContextFile {
  /** From SALLYPORT_ID_TOKEN_FILE; read again for each token, since a kubelet or a CI system rotates it. */
  idTokenFile?: string;
}

/** Folder of the context file; tokens are kept beside it with mode 0600. */
export function configFolder(env: NodeJS.ProcessEnv = process.env): string {
  const base = env.XDG_CONFIG_HOME;
  // XDG Base Directory §2: a relative path is invalid and is ignored.
  return join(base?.startsWith("/") ? base : join(homedir(), ".config"), "sallyport");
}

export function contextPath(env: NodeJS.ProcessEnv = process.env): string {
  return join(configFolder(env), "config.yaml");
}

/**
 * Reads the context. `SALLYPORT_URL`, `SALLYPORT_CONNECTION`, `SALLYPORT_CA_FILE` and `SALLYPORT_ID_TOKEN_FILE`
 * win over the file.
 */
export function loadContext(env: NodeJS.ProcessEnv = process.env): Context {
  const path = contextPath(env);
  const file = existsSync(path) ? readYaml(path, contextSchema) : undefined;
  const url = env.SALLYPORT_URL || file?.url;
  if (url === undefined) {
    throw new UserError("no gateway is configured", {
      exitCode: 2,
      next: "Run `sallyport login --server URL`, or set SALLYPORT_URL.",
    });
  }
  const checked = contextSchema.shape.url.safeParse(url);
  if (!checked.success)
    throw new UserError(`SALLYPORT_URL: ${checked.error.issues[0]?.message ?? "not a URL"}`, { exitCode: 2 });
  const absolute = (name: string | undefined): string | undefined =>
    name === undefined ? undefined : resolve(dirname(path), name);
  // Another gateway's authority and issuer are not for this one.
  const own = file !== undefined && withoutSlash(file.url) === withoutSlash(url) ? file : undefined;
  return {
    ...(own ?? contextSchema.parse({ url })),
    url: withoutSlash(url),
    connection: env.SALLYPORT_CONNECTION || own?.connection,
    caFile: env.SALLYPORT_CA_FILE || absolute(own?.caFile),
    issuer: own?.issuer && { ...own.issuer, caFile: absolute(own.issuer.caFile) },
    idTokenFile: env.SALLYPORT_ID_TOKEN_FILE || undefined,
  };
}

function withoutSlash(url: string): string {
  return url.replace(/\/+$/, "");
}

/** The token of SALLYPORT_ID_TOKEN_FILE, as it is in the file now. */
export function readIdTokenFile(path: string): string {
  let token: string;
  try {
    token = readFileSync(path, "utf8").trim();
  } catch (error) {
    throw new UserError(`SALLYPORT_ID_TOKEN_FILE: ${path} cannot be read`, { cause: error });
  }
  if (token === "") throw new UserError(`SALLYPORT_ID_TOKEN_FILE: ${path} is empty`);
  return token;
}
