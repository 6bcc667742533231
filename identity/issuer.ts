import type { IssuerConfig } from "../base/config/gateway.ts";
import { isHttpsOrLoopback } from "../base/loopback.ts";
import type { JsonFetcher } from "./fetch-json.ts";

/**
 * Where an issuer keeps its keys (OpenID Connect Discovery 1.0 §4). The document must name the very issuer
 * that was configured (§4.3), or another party's keys would speak for it.
 */
export async function discoverKeysUrl(issuer: string, fetcher: JsonFetcher): Promise<string> {
  const url = `${issuer.replace(/\/+$/, "")}/.well-known/openid-configuration`;
  const document = await fetcher.get(url);
  if (document.issuer !== issuer) {
    throw new Error(`${url} speaks for the issuer ${JSON.stringify(document.issuer)}, not for ${issuer}`);
  }
  const keys = document.jwks_uri;
  if (typeof keys !== "string" || !isHttpsOrLoopback(keys)) throw new Error(`${url} names no jwks_uri with https`);
  if (issuer.startsWith("https:") && !keys.startsWith("https:")) throw new Error(`${url} names a jwks_uri without TLS`);
  return keys;
}

/**
 * The configured issuer that a token claims to be from: an exact match of the string (RFC 8725 §3.8), made
 * before any key is fetched, so that a token cannot choose whom the gateway asks.
 */
export function issuerOf<T extends { config: Pick<IssuerConfig, "issuer"> }>(
  issuers: readonly T[],
  iss: unknown,
): T | undefined {
  return typeof iss === "string" ? issuers.find((issuer) => issuer.config.issuer === iss) : undefined;
}
