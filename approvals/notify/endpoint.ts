import { readFileSync } from "node:fs";
import { Webhook } from "standardwebhooks";
import { Agent, request } from "undici";
import type { Clock } from "../../base/clock.ts";
import type { GatewayConfig } from "../../base/config/gateway.ts";
import { UserError } from "../../base/errors.ts";
import { isHttpsOrLoopback } from "../../base/loopback.ts";
import { type NotificationEvent, newsId } from "./event.ts";
import { slackBody, webhookBody } from "./payload.ts";

export type TargetConfig = GatewayConfig["notifications"][number];

/** What was refused and not put off stays refused (RFC 9110 §15.5). */
const LATER = new Set([408, 425, 429]);

/** What went wrong with a try, without the URL: it is a secret. `again`: another try may do better. */
export class Undelivered extends Error {
  readonly again: boolean;
  constructor(why: string, again: boolean) {
    super(why);
    this.again = again;
  }
}

/** Where a target is: its URL and the secret that signs for it, each in a file that may rotate. */
export class Endpoint {
  readonly #config: TargetConfig;
  readonly #clock: Clock;
  readonly #deadlineMs: number;
  readonly #agent: Agent;

  /** Throws a UserError where a file cannot be read, or the URL or the secret in it is none. */
  constructor(config: TargetConfig, { clock, deadlineMs }: { clock: Clock; deadlineMs: number }) {
    this.#config = config;
    this.#clock = clock;
    this.#deadlineMs = deadlineMs;
    const ca = config.caFile === undefined ? undefined : this.#read("caFile", config.caFile);
    this.#agent = new Agent({ connections: 1, allowH2: false, connect: { ca, timeout: deadlineMs } });
    this.#url();
    this.#signer();
  }

  /** One try. Rejects with Undelivered. */
  async post(event: NotificationEvent): Promise<void> {
    const body = (this.#config.kind === "slack" ? slackBody : webhookBody)(event);
    const { url, headers } = this.#prepared(event, body);
    const signal = AbortSignal.timeout(this.#deadlineMs);
    let status: number;
    try {
      // A redirect is not followed: what is signed for one place is not for another.
      const answer = await request(url, { method: "POST", headers, body, dispatcher: this.#agent, signal });
      status = answer.statusCode;
      await answer.body.dump({ limit: 65_536, signal });
    } catch (error) {
      throw new Undelivered(`it cannot be reached (${(error as { code?: string }).code ?? "no answer in time"})`, true);
    }
    if (status < 200 || status > 299)
      throw new Undelivered(`it answered ${status}`, status >= 500 || LATER.has(status));
  }

  /** Ends what is under way. */
  close(): Promise<void> {
    return this.#agent.destroy();
  }

  #prepared(event: NotificationEvent, body: string): { url: string; headers: Record<string, string> } {
    try {
      return { url: this.#url(), headers: this.#headers(event, body) };
    } catch (error) {
      // Files that are wrong for a moment, while they rotate, are no reason to give up.
      throw new Undelivered(error instanceof UserError ? error.message : "its files cannot be read", true);
    }
  }

  #headers(event: NotificationEvent, body: string): Record<string, string> {
    const headers: Record<string, string> = { "content-type": "application/json", "user-agent": "sallyport" };
    const signer = this.#signer();
    if (signer === undefined) return headers;
    const id = newsId(event);
    const now = new Date(this.#clock.now());
    return {
      ...headers,
      "webhook-id": id,
      "webhook-timestamp": String(Math.floor(now.getTime() / 1000)),
      "webhook-signature": signer.sign(id, now, body),
    };
  }

  /** Read again for each try: they rotate. */
  #url(): string {
    const url = this.#read("urlFile", this.#config.urlFile).trim();
    if (!isHttpsOrLoopback(url)) throw this.#mistake("urlFile", "holds no https URL (http is for loopback only)");
    return url;
  }

  #signer(): Webhook | undefined {
    if (this.#config.secretFile === undefined) return undefined;
    const secret = this.#read("secretFile", this.#config.secretFile).trim();
    try {
      return new Webhook(secret);
    } catch {
      throw this.#mistake("secretFile", "holds no secret of Standard Webhooks (whsec_ and base64)");
    }
  }

  #read(key: string, file: string): string {
    try {
      return readFileSync(file, "utf8");
    } catch (error) {
      throw this.#mistake(key, `${file} cannot be read`, error);
    }
  }

  #mistake(key: string, what: string, cause?: unknown): UserError {
    return new UserError(`notifications ${this.#config.name}: ${key} ${what}`, { exitCode: 2, cause });
  }
}
