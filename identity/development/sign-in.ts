import type { DevelopmentIssuer } from "./issuer.ts";

const MAX_STEPS = 15;

/**
 * Does in the pages of the development issuer what a person does in a browser: opens the link of the device
 * flow, confirms the code, logs in. Each call is a browser of its own, with no cookies yet.
 */
export async function signIn(verificationUri: string, user: { login: string; password: string }): Promise<void> {
  const cookies = new Map<string, string>();
  let url = new URL(verificationUri);
  let form: URLSearchParams | undefined;
  for (let step = 0; step < MAX_STEPS; step++) {
    const response = await fetch(url, {
      method: form === undefined ? "GET" : "POST",
      body: form,
      redirect: "manual",
      headers: { cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join("; ") },
    });
    keepCookies(cookies, response.headers.getSetCookie());
    const text = await response.text();
    form = undefined;
    const location = response.headers.get("location");
    if (location !== null) {
      url = new URL(location, url);
      continue;
    }
    if (response.status !== 200)
      throw new Error(`the issuer answered ${response.status}: ${text.replace(/<[^>]*>/g, " ")}`);
    if (!text.includes("<form")) return;
    url = new URL(/<form[^>]*action="([^"]*)"/.exec(text)?.[1] ?? url.href, url);
    form = new URLSearchParams();
    for (const [, name, value] of text.matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)"/g))
      form.set(name ?? "", value ?? "");
    if (text.includes('name="password"')) {
      form.set("login", user.login);
      form.set("password", user.password);
    }
  }
  throw new Error(`the login did not end within ${MAX_STEPS} pages`);
}

function keepCookies(jar: Map<string, string>, headers: string[]): void {
  for (const header of headers) {
    const [, name, value] = /^([^=;]+)=([^;]*)/.exec(header) ?? [];
    if (name === undefined || value === undefined) continue;
    if (value === "") jar.delete(name);
    else jar.set(name, value);
  }
}

export interface DevelopmentTokens {
  idToken: string;
  refreshToken?: string;
}

/**
 * Tokens of a user through the whole device flow (RFC 8628), as `sallyport login` gets them: for the tour and
 * the tests. `admin` is a login for approving.
 */
export async function developmentTokens(
  issuer: DevelopmentIssuer,
  login: string,
  audience: "data" | "admin" = "data",
): Promise<DevelopmentTokens> {
  const user = issuer.users.find((candidate) => candidate.login === login);
  if (user === undefined) throw new Error(`the development issuer knows no ${login}`);
  const client_id = audience === "data" ? issuer.clientId : issuer.adminAudience;
  const started = await post(`${issuer.issuer}/device/auth`, { client_id, scope: "openid" });
  await signIn(String(started.verification_uri_complete), user);
  const grant_type = "urn:ietf:params:oauth:grant-type:device_code";
  const tokens = await post(`${issuer.issuer}/token`, {
    client_id,
    grant_type,
    device_code: String(started.device_code),
  });
  return {
    idToken: String(tokens.id_token),
    ...(typeof tokens.refresh_token === "string" ? { refreshToken: tokens.refresh_token } : {}),
  };
}

async function post(url: string, form: Record<string, string>): Promise<Record<string, unknown>> {
  const response = await fetch(url, { method: "POST", body: new URLSearchParams(form) });
  const answer = (await response.json()) as Record<string, unknown>;
  if (!response.ok) throw new Error(`${url} answered ${response.status} ${String(answer.error)}`);
  return answer;
}
