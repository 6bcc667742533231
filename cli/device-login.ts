import { readFileSync } from "node:fs";
import * as oidc from "openid-client";
import { Agent, fetch as undiciFetch } from "undici";
import { errorMessage, UserError } from "../base/errors.ts";
import { isHttpsOrLoopback, isLoopbackUrl } from "../base/loopback.ts";

/** A client of an identity provider, as the gateway's configuration names it. */
export interface IssuerClient {
  issuer: string;
  clientId: string;
  scopes?: string[];
  caFile?: string;
}

export interface LoginTokens {
  idToken: string;
  refreshToken?: string;
}

const WANTED_SCOPES = ["openid", "email", "groups", "offline_access"];

/**
 * The device flow (RFC 8628). `show` is given the link and the code to tell the person; then the provider is
 * asked until they have logged in, or the code has expired. `admin` asks for a fresh login and no refresh token.
 */
export async function deviceLogin(
  client: IssuerClient,
  show: (prompt: { url: string; code: string }) => void,
  options: { admin?: boolean; signal?: AbortSignal } = {},
): Promise<LoginTokens> {
  return translated(client.issuer, async () => {
    const configuration = await discover(client);
    const { scopes_supported: supported = ["openid", "email", "offline_access"] } = configuration.serverMetadata();
    const scopes = client.scopes ?? WANTED_SCOPES.filter((scope) => scope === "openid" || supported.includes(scope));
    const parameters: Record<string, string> = {
      scope: scopes.filter((scope) => options.admin !== true || scope !== "offline_access").join(" "),
    };
    // OpenID Connect Core 1.0 §3.1.2.1: log in now, and say when in auth_time.
    if (options.admin === true) parameters.max_age = "0";
    const started = await oidc.initiateDeviceAuthorization(configuration, parameters);
    show({ url: started.verification_uri_complete ?? started.verification_uri, code: started.user_code });
    const tokens = await oidc.pollDeviceAuthorizationGrant(configuration, started, undefined, {
      signal: options.signal,
    });
    return tokensOf(tokens, client.issuer);
  });
}

/** New tokens for a refresh token; the old one stays where the provider sends no other. */
export async function refreshLogin(client: IssuerClient, refreshToken: string): Promise<LoginTokens> {
  return translated(client.issuer, async () => {
    const answer = await oidc.refreshTokenGrant(await discover(client), refreshToken);
    return { refreshToken, ...tokensOf(answer, client.issuer) };
  });
}

async function discover({ issuer, clientId, caFile }: IssuerClient): Promise<oidc.Configuration> {
  if (!isHttpsOrLoopback(issuer)) throw new UserError(`${issuer} is not an https URL`, { exitCode: 2 });
  const ca = caFile === undefined ? undefined : readFileSync(caFile, "utf8");
  const dispatcher = new Agent({ connect: { ca, timeout: 10_000 } });
  const withCa = (url: string, init: object) => undiciFetch(url, { ...init, dispatcher }) as never;
  const options: oidc.DiscoveryRequestOptions = { timeout: 15 };
  if (ca !== undefined) options[oidc.customFetch] = withCa;
  if (isLoopbackUrl(issuer)) options.execute = [oidc.allowInsecureRequests];
  return oidc.discovery(new URL(issuer), clientId, undefined, oidc.None(), options);
}

function tokensOf(answer: oidc.TokenEndpointResponse, issuer: string): LoginTokens {
  if (answer.id_token === undefined) throw new UserError(`${issuer} sent no ID token`);
  const { id_token: idToken, refresh_token: refreshToken } = answer;
  return refreshToken === undefined ? { idToken } : { idToken, refreshToken };
}

async function translated<T>(issuer: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof UserError) throw error;
    if (error instanceof oidc.ResponseBodyError) {
      const text = error.error_description ?? error.error;
      throw new UserError(`${issuer} refused: ${text}`, { exitCode: 1, next: "Run `sallyport login`.", cause: error });
    }
    if ((error as { name?: string }).name === "TimeoutError" || (error as { code?: string }).code === "OAUTH_TIMEOUT")
      throw new UserError("nobody logged in before the code expired", {
        exitCode: 1,
        next: "Run it again.",
        cause: error,
      });
    const reason = error instanceof Error && error.cause instanceof Error ? error.cause.message : errorMessage(error);
    throw new UserError(`${issuer} cannot be asked: ${reason}`, { cause: error });
  }
}
