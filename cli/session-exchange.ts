import { readFileSync } from "node:fs";
import { z } from "zod";
import { UserError } from "../base/errors.ts";
import { ApiError, createClient } from "./client.ts";
import type { Context } from "./context.ts";
import { currentIdToken, forgetLogin } from "./login-tokens.ts";
import type { GatewaySession } from "./session.ts";

const ID_TOKEN = "urn:ietf:params:oauth:token-type:id_token";
const ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token";
const GRANT = "urn:ietf:params:oauth:grant-type:token-exchange";
/** W3C Trace Context §3.2: what is not one is left out, since a tracer's mistake is no reason to refuse work. */
const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;
const CLAUDE_SESSION = /^[A-Za-z0-9._:-]{1,128}$/;

const answerSchema = z.looseObject({ access_token: z.string(), expires_in: z.number(), session_id: z.string() });
/** The session renewed, or where that is no longer possible a new one for the ID token of the moment. */
export async function renewOrOpen(
  context: Context,
  session: GatewaySession | undefined,
  env: NodeJS.ProcessEnv,
): Promise<GatewaySession> {
  return stayingEnded(
    env,
    async () =>
      (await renewed(context, session)) ?? (await openSession(context, await currentIdToken(context, env), env)),
  );
}

/** A session that somebody ended is over for this login too: its refresh token would open another by itself. */
async function stayingEnded<T>(env: NodeJS.ProcessEnv, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof Refused && error.code === "session-ended") forgetLogin(env);
    throw error;
  }
}

/** Undefined where there is nothing to renew any more: too long idle, or past its limit. */
async function renewed(context: Context, session: GatewaySession | undefined): Promise<GatewaySession | undefined> {
  if (session === undefined) return undefined;
  try {
    return await post(context, { subject_token: session.token, subject_token_type: ACCESS_TOKEN });
  } catch (error) {
    if (error instanceof Refused && error.code === "unauthenticated") return undefined;
    throw error;
  }
}

/** A new session for an ID token, with what the environment says of the agent. */
export async function openSession(context: Context, idToken: string, env: NodeJS.ProcessEnv): Promise<GatewaySession> {
  const form: Record<string, string> = { subject_token: idToken, subject_token_type: ID_TOKEN };
  if (env.SALLYPORT_ACTOR_TOKEN_FILE) {
    form.actor_token = readActorToken(env.SALLYPORT_ACTOR_TOKEN_FILE);
    form.actor_token_type = ID_TOKEN;
  }
  // Its helper for keys is told that it is Claude Code's, and not of which session.
  if (env.CLAUDE_CODE_ENTRYPOINT) form.agent = "claude-code";
  if (CLAUDE_SESSION.test(env.CLAUDE_CODE_SESSION_ID ?? "")) {
    form.agent = "claude-code";
    form.claude_code_session_id = env.CLAUDE_CODE_SESSION_ID ?? "";
  }
  if (TRACEPARENT.test(env.TRACEPARENT ?? "")) form.traceparent = env.TRACEPARENT ?? "";
  return post(context, form);
}

function readActorToken(path: string): string {
  try {
    return readFileSync(path, "utf8").trim();
  } catch (error) {
    throw new UserError(`SALLYPORT_ACTOR_TOKEN_FILE: ${path} cannot be read`, { cause: error });
  }
}

/** Being refused is an answer (exit 1); exit 3 is for what cannot be reached. */
class Refused extends UserError {
  readonly code: string;
  constructor(error: ApiError) {
    super(`the gateway refused: ${error.message}`, { exitCode: 1, next: error.next, cause: error });
    this.code = error.code;
  }
}

async function post(context: Context, form: Record<string, string>): Promise<GatewaySession> {
  const client = createClient(context);
  try {
    const answer = answerSchema.safeParse(
      await client.request("POST", "/session", {
        body: new URLSearchParams({ grant_type: GRANT, ...form }).toString(),
        headers: { "content-type": "application/x-www-form-urlencoded" },
      }),
    );
    if (!answer.success) throw new UserError(`${context.url} answered something that is no session`);
    const { access_token: token, expires_in: seconds, session_id: sessionId } = answer.data;
    return { token, expiresAt: Date.now() + seconds * 1000, sessionId };
  } catch (error) {
    throw error instanceof ApiError && error.status < 500 ? new Refused(error) : error;
  } finally {
    await client.close();
  }
}
