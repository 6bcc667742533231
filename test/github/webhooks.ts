import { createHmac, randomUUID } from "node:crypto";
import { APP } from "./accounts.ts";
import { NONE } from "./refs.ts";
import type { Shapes } from "./shapes.ts";
import type { Announcement } from "./state.ts";

export interface Delivery {
  id: string;
  event: string;
  action?: string;
  body: string;
  /** The receiver's status; undefined while it is under way, 0 where it could not be reached. */
  status?: number;
}

const DEADLINE_MS = 10_000;

/** Delivers events, signed, once each and in any order, as GitHub does: what fails is not sent again by itself. */
export class Webhooks {
  url: string | undefined;
  readonly secret: string;
  readonly deliveries: Delivery[] = [];
  readonly #under = new Set<Promise<void>>();
  readonly #closed = new AbortController();

  constructor(secret: string) {
    this.secret = secret;
  }

  announce(shapes: Shapes, event: string, action: string | undefined, details: Announcement): void {
    if (this.url === undefined) return;
    const common = {
      repository: shapes.repository(),
      sender: shapes.user(details.sender),
      installation: { id: APP.installationId, node_id: "MDIzOk" },
    };
    const { pull, review, comment, ref } = details;
    const about =
      event === "push" && ref !== undefined
        ? {
            ref: ref.ref,
            before: ref.before,
            after: ref.after,
            created: ref.before === NONE,
            deleted: ref.after === NONE,
            forced: false,
            commits: [],
            head_commit: null,
            pusher: { name: details.sender.login },
          }
        : {
            action,
            ...(pull && event !== "issue_comment" && { number: pull.number, pull_request: shapes.pull(pull, {}) }),
            ...(pull && review && { review: shapes.review(pull, review) }),
            ...(pull && comment && { issue: shapes.issue(pull), comment: shapes.comment(pull, comment) }),
          };
    const body = JSON.stringify({ ...about, ...common });
    const delivery: Delivery = { id: randomUUID(), event, body, ...(action !== undefined && { action }) };
    this.deliveries.push(delivery);
    void this.send(delivery);
  }

  sign(body: string | Buffer, secret = this.secret): string {
    return `sha256=${createHmac("sha256", secret).update(body).digest("hex")}`;
  }

  /** Sends a delivery (again, with the same id, as the button "Redeliver" does); resolves when it was answered. */
  send(delivery: Delivery): Promise<void> {
    const { url } = this;
    if (url === undefined) return Promise.resolve();
    const sent = fetch(url, {
      method: "POST",
      body: delivery.body,
      redirect: "manual",
      signal: AbortSignal.any([this.#closed.signal, AbortSignal.timeout(DEADLINE_MS)]),
      headers: {
        "content-type": "application/json",
        "user-agent": "GitHub-Hookshot/0000000",
        "x-github-delivery": delivery.id,
        "x-github-event": delivery.event,
        "x-github-hook-id": "1",
        "x-github-hook-installation-target-type": "integration",
        "x-github-hook-installation-target-id": String(APP.appId),
        "x-hub-signature-256": this.sign(delivery.body),
      },
    }).then(
      async (response) => {
        await response.arrayBuffer();
        delivery.status = response.status;
      },
      () => {
        // A receiver that is not there is the receiver's matter: the delivery says so.
        delivery.status = 0;
      },
    );
    this.#under.add(sent);
    return sent.finally(() => this.#under.delete(sent));
  }

  /** When all that is under way was answered. */
  async settled(): Promise<void> {
    while (this.#under.size > 0) await Promise.all(this.#under);
  }

  async close(): Promise<void> {
    this.#closed.abort();
    await this.settled();
  }
}
