import { randomBytes } from "node:crypto";
import type { JWK } from "jose";
import Provider, {
  type AdapterFactory,
  type ClientMetadata,
  type Configuration,
  type KoaContextWithOIDC,
} from "oidc-provider";
import type { DevelopmentUser } from "./users.ts";

export const DATA_CLIENT = "sallyport";
export const ADMIN_CLIENT = "sallyport-admin";

const HOUR = 3600;

function client(id: string, more: Partial<ClientMetadata> = {}): ClientMetadata {
  return {
    client_id: id,
    token_endpoint_auth_method: "none",
    grant_types: ["urn:ietf:params:oauth:grant-type:device_code", "refresh_token"],
    response_types: [],
    redirect_uris: [],
    id_token_signed_response_alg: "ES256",
    ...more,
  };
}

/** panva's oidc-provider, with the clients that `sallyport login` and approving use. The first key signs. */
export function createProvider(
  issuer: string,
  users: readonly DevelopmentUser[],
  keys: JWK[],
  adapter: AdapterFactory,
): Provider {
  const page = (title: string, body: string) => (ctx: KoaContextWithOIDC) => {
    ctx.type = "html";
    ctx.body = htmlPage(title, body);
  };
  const configuration: Configuration = {
    adapter,
    clients: [
      client(DATA_CLIENT),
      // Approving asks for a login each time, and its token says when that was.
      client(ADMIN_CLIENT, { require_auth_time: true, grant_types: ["urn:ietf:params:oauth:grant-type:device_code"] }),
    ],
    jwks: { keys },
    cookies: { keys: [randomBytes(24).toString("base64url")] },
    claims: { openid: ["sub", "email", "email_verified", "groups"], email: ["email", "email_verified"] },
    // Otherwise the claims are at the userinfo endpoint only, and a gateway reads tokens.
    conformIdTokenClaims: false,
    enabledJWA: { idTokenSigningAlgValues: ["ES256"] },
    features: {
      devInteractions: { enabled: false },
      deviceFlow: {
        enabled: true,
        userCodeInputSource: (ctx, form) =>
          page("Device code", `${form}<button type="submit" form="op.deviceInputForm">Continue</button>`)(ctx),
        userCodeConfirmSource: (ctx, form, _client, _info, code) =>
          page(
            "Device",
            `<p>${code}</p>${form}<button type="submit" form="op.deviceConfirmForm">Continue</button>`,
          )(ctx),
        successSource: page("Done", "<p>You are logged in. Go back to the terminal.</p>"),
      },
    },
    findAccount: (_ctx, login) => {
      const user = users.find((candidate) => candidate.login === login);
      if (user === undefined) return undefined;
      const { email, groups } = user;
      return { accountId: login, claims: () => ({ sub: login, email, email_verified: true, groups }) };
    },
    interactions: { url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
    issueRefreshToken: async (_ctx, of) => of.grantTypeAllowed("refresh_token"),
    // The only clients are ours: there is nobody to ask for consent.
    loadExistingGrant: async (ctx) => {
      const grant = new ctx.oidc.provider.Grant({
        clientId: ctx.oidc.client?.clientId,
        accountId: ctx.oidc.session?.accountId,
      });
      grant.addOIDCScope("openid email offline_access");
      await grant.save();
      return grant;
    },
    renderError: (ctx, out) =>
      page("Error", `<p>${escapeHtml(out.error)}: ${escapeHtml(out.error_description ?? "")}</p>`)(ctx),
    ttl: {
      AccessToken: HOUR,
      DeviceCode: 600,
      Grant: 24 * HOUR,
      IdToken: HOUR,
      Interaction: 600,
      RefreshToken: 24 * HOUR,
      Session: 12 * HOUR,
    },
  };
  return new Provider(issuer, configuration);
}

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
}

export function htmlPage(title: string, body: string): string {
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>${title}</title><h1>${title}</h1>${body}</html>`;
}
