import { generateKeyPairSync, type KeyObject, randomBytes } from "node:crypto";
import { errors, jwtVerify } from "jose";
import { Fault } from "./state.ts";

export const APP = { appId: 1234, installationId: 5678, slug: "sallyport" };
/** The login of what an installation of the app does. */
export const BOT = `${APP.slug}[bot]`;
const HOUR = 3_600_000;

/** Who a request is from. `app`: by the app's own JWT, which is for asking about installations and nothing else. */
export interface Caller {
  kind: "app" | "installation" | "user";
  login: string;
  permissions: Record<string, string>;
}

// One key for all doubles of a process: it takes longer to make than everything else of one.
let pair: { privateKey: string; publicKey: KeyObject } | undefined;
export function appKey(): { privateKey: string; publicKey: KeyObject } {
  if (pair === undefined) {
    const made = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const privateKey = made.privateKey.export({ type: "pkcs1", format: "pem" }).toString();
    pair = { privateKey, publicKey: made.publicKey };
  }
  return pair;
}

export class Accounts {
  /** What the app was granted; a test takes some of it away. */
  permissions: Record<string, string> = {
    metadata: "read",
    administration: "read",
    contents: "write",
    issues: "write",
    pull_requests: "write",
    members: "read",
  };
  readonly #tokens = new Map<string, { caller: Caller; expiresAt: number }>();

  /** A personal access token of a person. */
  personal(login: string): string {
    const token = `ghp_${randomBytes(18).toString("hex")}`;
    const permissions = { administration: "write", members: "read" };
    this.#tokens.set(token, { caller: { kind: "user", login, permissions }, expiresAt: Number.POSITIVE_INFINITY });
    return token;
  }

  installation(): { token: string; expiresAt: number } {
    const token = `ghs_${randomBytes(18).toString("hex")}`;
    // By the wall clock, as the JWT that asked for it is.
    const expiresAt = Date.now() + HOUR;
    const caller: Caller = { kind: "installation", login: BOT, permissions: this.permissions };
    this.#tokens.set(token, { caller, expiresAt });
    return { token, expiresAt };
  }

  /** Ends every installation token, as a new private key or a suspended installation does. */
  expireInstallations(): void {
    for (const [token, { caller }] of this.#tokens) if (caller.kind === "installation") this.#tokens.delete(token);
  }

  async caller(authorization: string | undefined): Promise<Caller> {
    if (authorization === undefined) throw new Fault(401, "Requires authentication");
    const [scheme = "", token = ""] = authorization.split(" ");
    if (!/^(bearer|token)$/i.test(scheme)) throw new Fault(401, "Bad credentials");
    if (token.split(".").length === 3) return this.#app(token);
    const found = this.#tokens.get(token);
    if (found === undefined || found.expiresAt <= Date.now()) throw new Fault(401, "Bad credentials");
    return found.caller;
  }

  async #app(jwt: string): Promise<Caller> {
    try {
      const { payload } = await jwtVerify(jwt, appKey().publicKey, { algorithms: ["RS256"] });
      // Octokit sends the id as a number, where RFC 7519 wants text; GitHub takes both.
      if (String(payload.iss) !== String(APP.appId)) throw new Fault(401, "Integration must generate a public key");
      const now = Date.now() / 1000;
      if (payload.exp === undefined || payload.exp > now + 600) {
        throw new Fault(401, "'Expiration time' claim ('exp') is too far in the future");
      }
      if (payload.iat === undefined || payload.iat > now + 60) {
        throw new Fault(
          401,
          "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued",
        );
      }
    } catch (error) {
      if (error instanceof Fault) throw error;
      if (!(error instanceof errors.JOSEError)) throw error;
      throw new Fault(401, "A JSON web token could not be decoded");
    }
    return { kind: "app", login: BOT, permissions: {} };
  }
}
