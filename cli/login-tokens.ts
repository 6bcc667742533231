import { rmSync } from "node:fs";
import { join } from "node:path";
import { decodeJwt } from "jose";
import { z } from "zod";
import { errorMessage, UserError } from "../base/errors.ts";
import { type Context, configFolder, readIdTokenFile } from "./context.ts";
import type { LoginTokens } from "./device-login.ts";
import { readJson, withLock, writePrivate } from "./private-file.ts";

/** What `login` stores, for one gateway: never an admin token, since the agent shares its user's home. */
const storedSchema = z.strictObject({
  url: z.string(),
  issuer: z.string(),
  idToken: z.string(),
  refreshToken: z.string().optional(),
});

/** An ID token with less than this left is refreshed first. */
const SPARE_MS = 60_000;

const tokensPath = (env: NodeJS.ProcessEnv): string => join(configFolder(env), "tokens.json");

export function storeLoginTokens(context: Context, issuer: string, tokens: LoginTokens, env: NodeJS.ProcessEnv): void {
  writePrivate(tokensPath(env), `${JSON.stringify({ url: context.url, issuer, ...tokens })}\n`);
}

export function forgetLogin(env: NodeJS.ProcessEnv): void {
  rmSync(tokensPath(env), { force: true });
}

/**
 * The ID token to show to the gateway: SALLYPORT_ID_TOKEN_FILE as it is now, else what `login` stored for
 * this very gateway, refreshed where it has to be. UserError (exit 1) where there is none.
 */
export async function currentIdToken(context: Context, env: NodeJS.ProcessEnv): Promise<string> {
  if (context.idTokenFile !== undefined) return readIdTokenFile(context.idTokenFile);
  const stored = read(context, env);
  if (stored === undefined) throw notLoggedIn("nobody is logged in to this gateway");
  if (!expires(stored.idToken)) return stored.idToken;
  return withLock(tokensPath(env), async () => {
    // Another process may have refreshed while this one waited.
    const latest = read(context, env) ?? stored;
    if (!expires(latest.idToken)) return latest.idToken;
    const { issuer } = context;
    if (latest.refreshToken === undefined || issuer === undefined || issuer.issuer !== latest.issuer)
      throw notLoggedIn("the login has expired");
    const { refreshLogin } = await import("./device-login.ts");
    const tokens = await refreshLogin(issuer, latest.refreshToken);
    storeLoginTokens(context, latest.issuer, tokens, env);
    return tokens.idToken;
  });
}

/** Who is logged in here, without asking anybody. */
export function loginSubject(context: Context, env: NodeJS.ProcessEnv): string {
  if (context.idTokenFile !== undefined) return subjectOf(readIdTokenFile(context.idTokenFile));
  const stored = read(context, env);
  if (stored === undefined) throw notLoggedIn("nobody is logged in to this gateway");
  return subjectOf(stored.idToken);
}

/** Issuer and subject as the token says them: to tell logins apart, not to believe them. */
export function subjectOf(idToken: string): string {
  const claims = decoded(idToken);
  return JSON.stringify([claims.iss, claims.sub]);
}

function read(context: Context, env: NodeJS.ProcessEnv): z.output<typeof storedSchema> | undefined {
  const parsed = storedSchema.safeParse(readJson(tokensPath(env)));
  // A token for one gateway is never shown to another.
  return parsed.success && parsed.data.url === context.url ? parsed.data : undefined;
}

function expires(idToken: string): boolean {
  return (decoded(idToken).exp ?? 0) * 1000 < Date.now() + SPARE_MS;
}

function decoded(idToken: string) {
  try {
    return decodeJwt(idToken);
  } catch (error) {
    throw new UserError(`the ID token is not a JSON Web Token (${errorMessage(error)})`, { exitCode: 1 });
  }
}

function notLoggedIn(message: string): UserError {
  return new UserError(message, { exitCode: 1, next: "Run `sallyport login`." });
}
