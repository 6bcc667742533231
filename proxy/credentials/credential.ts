import { readFileSync } from "node:fs";
import { type Clock, systemClock } from "../../base/clock.ts";
import type { KubernetesConnectionConfig } from "../../base/config/gateway.ts";
import { ConfigError } from "../../base/config/issues.ts";
import { errorMessage } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import { readKubeconfig } from "./kubeconfig.ts";
import { type CallReport, createCaller } from "./own-calls.ts";
import { createSessionTokens } from "./session-tokens.ts";
import { tokenFromFile } from "./token-file.ts";

/** Options of `tls.connect` for an upstream; `ca` absent means the system's authorities. */
export interface UpstreamTls {
  ca?: string;
  cert?: string;
  key?: string;
  servername?: string;
}

/** The value of an `Authorization` header; at once where it is cached. Undefined where TLS authenticates. */
export type Authorization = string | undefined | Promise<string | undefined>;

/** Who the gateway is to an API server. */
export interface Account {
  tls: UpstreamTls;
  /** Throws or rejects with Refusal `credential-unavailable`. */
  authorization(): Authorization;
  /** The upstream answered 401: what is cached is asked for again at the next use. */
  invalidate(): void;
}

/** How one connection proves itself upstream. The agent never sees any of it. */
export interface UpstreamCredential {
  /** `https://host:port[/path]`, no slash at the end. */
  readonly server: string;
  /** For the pool that carries agents' requests. */
  readonly tls: UpstreamTls;
  /** For a request of this session; without one, for a call that the gateway makes by itself. */
  authorization(session?: { id: string }): Authorization;
  /** The upstream answered 401 to what `authorization` gave (to this session, where one is named). */
  invalidate(session?: { id: string }): void;
  /** Ends what was minted for a session: its token is dead within ten seconds. Never throws. */
  endSession(id: string): Promise<void>;
  /**
   * The gateway's own account, for calls without a session. Its TLS differs from `tls` only where `tokenRequest`
   * goes by a client certificate: on the agents' pool the certificate would win over the minted token.
   */
  readonly own: Account;
  /** For messages: what it is and where it comes from, without a secret. */
  describe(): string;
  /** Ends every session's token, within five seconds. */
  close(): Promise<void>;
}

export interface CredentialDeps {
  log: Log;
  clock?: Clock;
  /** Each call that the gateway makes to get a credential, after it ended: it is in the API server's audit log too. */
  onCall?: (call: CallReport) => void;
}

/**
 * Opens a connection's credential; reads its files now, so that a mistake is found at start. Throws a
 * ConfigError whose paths start at `connections['<name>']`.
 */
export function openCredential(config: KubernetesConnectionConfig, deps: CredentialDeps): UpstreamCredential {
  const clock = deps.clock ?? systemClock;
  const at = `connections['${config.name}']`;
  const overrides = { server: config.server, ca: config.caFile === undefined ? undefined : readCa(config.caFile, at) };
  const chosen = config.credential;
  const base = "via" in chosen ? chosen.via : chosen;
  const opened = openBase(base, {
    ...overrides,
    clock,
    at: "via" in chosen ? `${at}.credential.via` : `${at}.credential`,
  });
  const { account, server } = opened;
  if (!("tokenRequest" in chosen)) {
    return {
      server,
      tls: account.tls,
      authorization: () => account.authorization(),
      invalidate: () => account.invalidate(),
      endSession: async () => {},
      own: account,
      describe: () => opened.what,
      close: async () => {},
    };
  }
  const caller = createCaller({ server, account, onCall: deps.onCall });
  const tokens = createSessionTokens({ ...chosen.tokenRequest, caller, clock, log: deps.log, connection: config.name });
  const { cert: _cert, key: _key, ...tls } = account.tls;
  return {
    server,
    tls,
    authorization: (session) => (session === undefined ? account.authorization() : tokens.authorization(session.id)),
    invalidate: (session) => (session === undefined ? account.invalidate() : tokens.invalidate(session.id)),
    endSession: (id) => tokens.end(id),
    own: account,
    describe: () => `${tokens.describe()}, minted by ${opened.what}`,
    async close() {
      await tokens.close();
      await caller.close();
    },
  };
}

interface BaseOptions {
  server: string | undefined;
  ca: string | undefined;
  clock: Clock;
  at: string;
}

type BaseConfig = { tokenFile: string } | { kubeconfigFile: string; context?: string };

function openBase(base: BaseConfig, options: BaseOptions): { account: Account; server: string; what: string } {
  const { at, clock } = options;
  if ("tokenFile" in base) {
    if (options.server === undefined)
      throw new ConfigError(at, [{ path: "server", message: "is needed with a tokenFile" }]);
    const token = tokenFromFile(base.tokenFile, clock, `${at}.tokenFile`);
    const account = { tls: { ca: options.ca }, authorization: token.authorization, invalidate: token.invalidate };
    return { account, server: trimSlash(options.server), what: `the token in ${base.tokenFile}` };
  }
  const kube = readKubeconfig(base.kubeconfigFile, base.context, `${at}.kubeconfigFile`);
  const server = options.server ?? kube.server;
  const tls = { ...kube.tls, ...(options.ca === undefined ? {} : { ca: options.ca }) };
  const token = kube.tokenFile === undefined ? undefined : tokenFromFile(kube.tokenFile, clock, `${at}.kubeconfigFile`);
  const fixed = kube.token === undefined ? undefined : `Bearer ${kube.token}`;
  const account: Account = {
    tls,
    authorization: token?.authorization ?? (() => fixed),
    invalidate: token?.invalidate ?? (() => {}),
  };
  return { account, server: trimSlash(server), what: `context ${kube.context} of ${base.kubeconfigFile}` };
}

function trimSlash(url: string): string {
  return url.replace(/\/+$/, "");
}

/** The PEM of `caFile`. Throws a ConfigError whose path starts with `at`. */
export function readCa(file: string, at: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw new ConfigError(file, [{ path: `${at}.caFile`, message: `cannot be read: ${errorMessage(error)}` }]);
  }
}
