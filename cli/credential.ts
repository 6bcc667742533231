import type { Command } from "commander";
import { action } from "./action.ts";

interface Options {
  server?: string;
  token?: boolean;
}

/**
 * The exec plugin of kubeconfigs (client.authentication.k8s.io/v1): kubectl runs it at every invocation. With `--token` the
 * helper of clients that want a key alone: Claude Code's apiKeyHelper sends what is printed as x-api-key and as a bearer token.
 */
export function register(program: Command): void {
  program
    .command("credential")
    .description("print a session token as kubectl's exec plugin; kubeconfigs call it")
    .option("--server <url>", "the gateway that the token is for")
    .option("--token", "print the token alone, as Claude Code's apiKeyHelper and other clients want their key")
    .action(
      action<Options>(async (_args, options) => {
        const { loadContext } = await import("./context.ts");
        const { gatewaySession } = await import("./session.ts");
        const env = options.server === undefined ? process.env : { ...process.env, SALLYPORT_URL: options.server };
        const session = await gatewaySession(loadContext(env), env);
        const status = {
          token: session.token,
          expirationTimestamp: new Date(session.expiresAt - 10_000).toISOString(),
        };
        const credential = { apiVersion: "client.authentication.k8s.io/v1", kind: "ExecCredential", status };
        if (options.token === true) return { json: status, text: session.token };
        return { json: credential, text: JSON.stringify(credential) };
      }),
    );
}
