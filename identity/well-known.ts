import type { GatewayConfig } from "../base/config/gateway.ts";

/** `GET /.well-known/sallyport`, for anybody: what a client needs to log in, and nothing else. */
export interface GatewayMetadata {
  issuers: {
    name: string;
    issuer: string;
    /** Absent where the gateway has no client for `sallyport login`. */
    clientId?: string;
    audience: string;
    adminAudience?: string;
  }[];
}

export function gatewayMetadata(config: Pick<GatewayConfig, "issuers">): GatewayMetadata {
  return {
    issuers: config.issuers.map(({ name, issuer, clientId, audiences, adminAudience }) => ({
      name,
      issuer,
      ...(clientId === undefined ? {} : { clientId }),
      audience: audiences[0] as string,
      ...(adminAudience === undefined ? {} : { adminAudience }),
    })),
  };
}
