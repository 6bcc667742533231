import { copyFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import { z } from "zod";
import { UserError } from "../../base/errors.ts";
import type { Answer } from "../action.ts";
import { createClient } from "../client.ts";
import { type Context, configFolder, contextPath, contextSchema } from "../context.ts";
import { deviceLogin } from "../device-login.ts";
import { storeLoginTokens } from "../login-tokens.ts";
import { writePrivate } from "../private-file.ts";
import { startOver } from "../session.ts";
import { openSession } from "../session-exchange.ts";
import { printable } from "../style.ts";

export interface LoginOptions {
  server: string;
  issuer?: string;
  caFile?: string;
  connection?: string;
}

/** `GET /.well-known/sallyport`: identity/well-known.ts builds it. */
const metadataSchema = z.looseObject({
  issuers: z.array(
    z.looseObject({
      name: z.string(),
      issuer: z.string(),
      clientId: z.string().optional(),
      audience: z.string(),
      adminAudience: z.string().optional(),
    }),
  ),
});
const CA_FILE = "gateway-ca.crt";
type Issuer = z.output<typeof metadataSchema>["issuers"][number];

/** Logs in, proves to the gateway that the login is good for it, and only then stores anything. */
export async function login(options: LoginOptions, env: NodeJS.ProcessEnv): Promise<Answer> {
  const checked = contextSchema.shape.url.safeParse(options.server);
  if (!checked.success) throw new UserError(`--server: ${checked.error.issues[0]?.message}`, { exitCode: 2 });
  const url = options.server.replace(/\/+$/, "");
  const issuer = choose(await metadata({ url, caFile: options.caFile }), options.issuer);
  const tokens = await deviceLogin(issuer, ({ url: link, code }) => {
    process.stderr.write(printable(`Open ${link}\nand check that it shows the code ${code}\n`));
  });
  const { name, issuer: iss, clientId, audience, adminAudience } = issuer;
  const client = { issuer: iss, clientId, audience, ...(adminAudience === undefined ? {} : { adminAudience }) };
  const context: Context = { ...contextSchema.parse({ url, issuer: client }), caFile: options.caFile };
  const session = await openSession(context, tokens.idToken, env);
  const folder = configFolder(env);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  if (options.caFile !== undefined) copyFileSync(options.caFile, join(folder, CA_FILE));
  const file = {
    ...context,
    ...(options.connection === undefined ? {} : { connection: options.connection }),
    ...(options.caFile === undefined ? {} : { caFile: CA_FILE }),
  };
  writePrivate(contextPath(env), stringify(JSON.parse(JSON.stringify(file))));
  storeLoginTokens(context, iss, tokens, env);
  startOver(context, tokens.idToken, session, env);
  return {
    json: { server: url, issuer: name, sessionId: session.sessionId },
    text: `Logged in to ${url} with ${name}.\nNext: \`sallyport kubeconfig --merge\``,
  };
}

async function metadata(context: Pick<Context, "url" | "caFile">): Promise<Issuer[]> {
  const client = createClient(context);
  try {
    const parsed = metadataSchema.safeParse(await client.request("GET", "/.well-known/sallyport"));
    if (parsed.success) return parsed.data.issuers;
    throw new UserError(`${context.url} does not say how to log in`, { next: "Is this the gateway's own URL?" });
  } finally {
    await client.close();
  }
}

function choose(issuers: Issuer[], wanted: string | undefined): Issuer & { clientId: string } {
  const able = issuers.filter((issuer): issuer is Issuer & { clientId: string } => issuer.clientId !== undefined);
  const names = able.map((issuer) => issuer.name).join(", ");
  const found = wanted === undefined ? able : able.filter((issuer) => issuer.name === wanted);
  const [only] = found;
  if (only !== undefined && found.length === 1) return only;
  if (able.length === 0)
    throw new UserError("the gateway has no issuer with a clientId, so nobody can log in from here", {
      exitCode: 1,
      next: "Set SALLYPORT_ID_TOKEN_FILE to a file with an ID token.",
    });
  throw new UserError(
    wanted === undefined ? "the gateway has several issuers" : `the gateway has no issuer ${wanted}`,
    {
      exitCode: 2,
      next: `Name one with --issuer: ${names}.`,
    },
  );
}
