import type { Command } from "commander";
import { action } from "./action.ts";

interface Options {
  server?: string;
}

/** The exec plugin of kubeconfigs (client.authentication.k8s.io/v1): kubectl runs it at every invocation. */
export function register(program: Command): void {
  program
    .command("credential")
    .description("print a session token as kubectl's exec plugin; kubeconfigs call it")
    .option("--server <url>", "the gateway that the token is for")
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
        return { json: credential, text: JSON.stringify(credential) };
      }),
    );
}
