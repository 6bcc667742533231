import { adminToken } from "./admin-token.ts";
import { type ApiClient, createClient } from "./client.ts";
import { loadContext } from "./context.ts";
import { gatewaySession } from "./session.ts";

/**
 * A client of the control API for one command. Reading takes the caller's session, and the admin token where the
 * environment names one; deciding always asks for a login of its own, once for the command.
 */
export async function withControlApi<T>(
  purpose: "read" | "decide",
  work: (client: ApiClient) => Promise<T>,
): Promise<T> {
  const { env } = process;
  const context = loadContext(env);
  const asAdmin = purpose === "decide" || Boolean(env.SALLYPORT_ADMIN_TOKEN_FILE);
  let login: Promise<string> | undefined;
  const client = createClient(context, async () => {
    if (!asAdmin) return (await gatewaySession(context, env)).token;
    login ??= adminToken(context, env);
    return login;
  });
  try {
    return await work(client);
  } finally {
    await client.close();
  }
}
