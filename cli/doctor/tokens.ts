import { UserError } from "../../base/errors.ts";
import { ApiError, createClient } from "../client.ts";
import { type Context, readIdTokenFile } from "../context.ts";
import { gatewaySession } from "../session.ts";
import { type Check, failure } from "./check.ts";

/** Looks at the claims without trusting them: the gateway verifies the token. */
export function checkTokenFile(path: string, now: number): Check {
  const what = "SALLYPORT_ID_TOKEN_FILE";
  try {
    const left = Math.round(Number(unverifiedClaims(readIdTokenFile(path))?.exp) - now / 1000);
    if (left > 0) return { result: "ok", what, detail: `expires in ${left} s` };
    if (left <= 0) {
      const next = "Have it written anew by what writes it.";
      return { result: "failed", what, detail: `${path} expired ${-left} s ago`, next };
    }
  } catch (error) {
    return failure(what, error);
  }
  const next = "It must be a JWT of an issuer that the gateway knows.";
  return { result: "failed", what, detail: `${path} holds no ID token`, next };
}

/** What a JWT says of itself, believed by nobody; undefined for what is none. */
export function unverifiedClaims(token: string): Record<string, unknown> | undefined {
  try {
    const claims: unknown = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString("utf8"));
    return claims !== null && typeof claims === "object" ? (claims as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

/** Whether this login gets a session token, and whether the gateway takes it: a session that was killed has one as well. */
export async function checkSession(context: Context, env: NodeJS.ProcessEnv): Promise<Check> {
  const what = "session";
  const client = createClient(context, async () => (await gatewaySession(context, env)).token);
  try {
    await client.request("GET", "/v1alpha1/policy");
    const { sessionId, expiresAt } = await gatewaySession(context, env);
    const seconds = Math.round((expiresAt - Date.now()) / 1000);
    return { result: "ok", what, detail: `the gateway takes the token of ${sessionId}, for ${seconds} s more` };
  } catch (error) {
    // Who may read the policy in force is another question: the token was good.
    if (error instanceof ApiError && error.status === 403) {
      return { result: "ok", what, detail: "the gateway takes the token" };
    }
    const isNobody = error instanceof UserError && error.message.startsWith("nobody is logged in");
    return isNobody ? { ...failure(what, error), result: "warn" } : failure(what, error);
  } finally {
    await client.close();
  }
}
