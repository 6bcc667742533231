import { rmSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { sha256 } from "../base/digest.ts";
import { type Context, configFolder } from "./context.ts";
import { loginSubject, subjectOf } from "./login-tokens.ts";
import { readJson, withLock, writePrivate } from "./private-file.ts";

/** A token with less than this left is renewed: kubectl keeps what it gets for a whole command. */
export const SPARE_MS = 120_000;

const cachedSchema = z.strictObject({ token: z.string(), expiresAt: z.number(), sessionId: z.string() });

/** A gateway session token. */
export type GatewaySession = z.output<typeof cachedSchema>;

/**
 * The session of this user, this gateway and SALLYPORT_SESSION, or else this Claude Code session: from the disk where it is still good,
 * else renewed, else exchanged for an ID token. Throws UserError, exit 1 where the gateway refuses and 3 where
 * something cannot be reached.
 */
export async function gatewaySession(context: Context, env: NodeJS.ProcessEnv): Promise<GatewaySession> {
  const path = cachePath(context, loginSubject(context, env), env);
  const cached = readCached(path);
  if (isGood(cached)) return cached;
  return withLock(path, async () => {
    // Another process may have renewed while this one waited.
    const latest = readCached(path);
    if (isGood(latest)) return latest;
    // Loaded only now: most calls find a token on the disk, and kubectl waits for each.
    const { renewOrOpen } = await import("./session-exchange.ts");
    const session = await renewOrOpen(context, latest, env);
    writePrivate(path, `${JSON.stringify(session)}\n`);
    return session;
  });
}

/** Forgets the sessions of former logins, and keeps the one that this login has opened. */
export function startOver(context: Context, idToken: string, session: GatewaySession, env: NodeJS.ProcessEnv): void {
  rmSync(join(configFolder(env), "sessions"), { recursive: true, force: true });
  writePrivate(cachePath(context, subjectOf(idToken), env), `${JSON.stringify(session)}\n`);
}

function cachePath(context: Context, who: string, env: NodeJS.ProcessEnv): string {
  // Claude Code names its session to the commands that it runs, and not to its apiKeyHelper (2.1.330): what asks the model
  // and what asks the cluster would have two sessions, unless they are told of the one that they share.
  const session = env.SALLYPORT_SESSION || (env.CLAUDE_CODE_SESSION_ID ?? "");
  const key = [context.url, who, env.SALLYPORT_ACTOR_TOKEN_FILE ?? "", session];
  return join(configFolder(env), "sessions", `${sha256(JSON.stringify(key)).slice(0, 32)}.json`);
}

function isGood(session: GatewaySession | undefined): session is GatewaySession {
  return session !== undefined && session.expiresAt > Date.now() + SPARE_MS;
}

function readCached(path: string): GatewaySession | undefined {
  const parsed = cachedSchema.safeParse(readJson(path));
  return parsed.success ? parsed.data : undefined;
}
