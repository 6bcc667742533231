import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { DevelopmentIssuer } from "../../identity/development/issuer.ts";
import { developmentTokens } from "../../identity/development/sign-in.ts";
import { type Running, start } from "./command.ts";
import type { State } from "./state.ts";

const MAIN = fileURLToPath(new URL(`../main${import.meta.url.endsWith(".ts") ? ".ts" : ".js"}`, import.meta.url));

/** Somebody at a terminal: with a home of their own, their own tokens, and nothing else of this process. */
export interface Person {
  login: string;
  home: string;
  kubeconfig: string;
  /** kubectl by way of the gateway. */
  kubectl(
    args: readonly string[],
    options?: { input?: string; timeoutMs?: number; env?: Record<string, string> },
  ): Running;
  /** The `sallyport` command. */
  sallyport(args: readonly string[], options?: { input?: string; env?: Record<string, string> }): Running;
  /** Logs in again: `up` does so before a token expires. */
  logIn(): Promise<void>;
  /** The environment of a command that approves: a fresh login for the admin audience, in a file of its own. */
  asApprover(): Promise<{ env: Record<string, string> }>;
}

export interface PersonOptions {
  login: string;
  home: string;
  issuer: DevelopmentIssuer;
  state: State;
  url: string;
  kubectl: string;
  env?: Record<string, string>;
}

/**
 * Logs somebody in with the development issuer, through its real device flow, and writes their kubeconfig. An
 * approver's admin token goes to a file too, as a person's would from a device flow of its own: this person has
 * no browser.
 */
export async function createPerson(options: PersonOptions): Promise<Person> {
  const { login, home, issuer, state, url } = options;
  const tokenFile = join(home, "id.token");
  const adminTokenFile = join(home, "admin.token");
  const kubeconfig = join(home, "kubeconfig");
  const env: NodeJS.ProcessEnv = {
    PATH: process.env.PATH,
    HOME: home,
    XDG_CONFIG_HOME: join(home, ".config"),
    XDG_CACHE_HOME: join(home, ".cache"),
    KUBECONFIG: kubeconfig,
    NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE,
    SALLYPORT_URL: url,
    SALLYPORT_CONNECTION: "local",
    SALLYPORT_ID_TOKEN_FILE: tokenFile,
    NODE_EXTRA_CA_CERTS: state.caFile,
    NO_COLOR: "1",
    ...options.env,
  };

  async function logIn(): Promise<void> {
    const data = await developmentTokens(issuer, login);
    writeFileSync(tokenFile, data.idToken, { mode: 0o600 });
  }

  async function asApprover(): Promise<{ env: Record<string, string> }> {
    const admin = await developmentTokens(issuer, login, "admin");
    writeFileSync(adminTokenFile, admin.idToken, { mode: 0o600 });
    return { env: { SALLYPORT_ADMIN_TOKEN_FILE: adminTokenFile } };
  }

  mkdirSync(home, { recursive: true, mode: 0o700 });
  await logIn();
  return {
    login,
    home,
    kubeconfig,
    kubectl: (args, { env: more, ...rest } = {}) => start(options.kubectl, args, { env: { ...env, ...more }, ...rest }),
    sallyport: (args, { env: more, ...rest } = {}) =>
      start(process.execPath, [MAIN, ...args], { env: { ...env, ...more }, ...rest }),
    logIn,
    asApprover,
  };
}
