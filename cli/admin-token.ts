import { readFileSync } from "node:fs";
import { UserError } from "../base/errors.ts";
import type { Context } from "./context.ts";
import { deviceLogin } from "./device-login.ts";
import { printable } from "./style.ts";

/**
 * A token for approving: a login of its own each time, never stored, since the agent shares its user's home.
 * SALLYPORT_ADMIN_TOKEN_FILE names one that something else has got, for where there is no browser.
 */
export async function adminToken(context: Context, env: NodeJS.ProcessEnv): Promise<string> {
  const file = env.SALLYPORT_ADMIN_TOKEN_FILE;
  if (file) {
    try {
      return readFileSync(file, "utf8").trim();
    } catch (error) {
      throw new UserError(`SALLYPORT_ADMIN_TOKEN_FILE: ${file} cannot be read`, { cause: error });
    }
  }
  const { issuer } = context;
  if (issuer?.adminAudience === undefined)
    throw new UserError("this gateway's issuer has no audience for approving", {
      exitCode: 1,
      next: "Log in with an issuer that has an adminAudience: `sallyport login --issuer NAME`.",
    });
  const client = { ...issuer, clientId: issuer.adminAudience };
  const { idToken } = await deviceLogin(
    client,
    ({ url, code }) =>
      void process.stderr.write(
        printable(`Approving needs a login of its own. Open ${url}\nand check the code ${code}\n`),
      ),
    { admin: true },
  );
  return idToken;
}
