import { verify } from "@octokit/webhooks-methods";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { PEER_HEADERS, readPeerMessage } from "../../approvals/peer-message.ts";
import { Refusal } from "../../base/errors.ts";
import type { ConsoleDeps } from "../deps.ts";

/** GitHub's own cap is 25 MB; what says only that something changed is far below this, and a poll comes anyway. */
const WEBHOOK_BYTES = 1_048_576;
const PEER_BYTES = 65_536;
/** Of deliveries that were seen: GitHub's "Redeliver", and whoever recorded one, send the same id again. */
const KEPT_DELIVERIES = 10_000;

/**
 * What says that something may have changed. Signed, and still only a hint: the repository is looked at afresh, and
 * nothing of a message's text is believed but the kill of a peer that has the shared key.
 */
export function webhookRoutes(app: FastifyInstance, deps: ConsoleDeps): void {
  app.register(async (scope) => {
    // A signature is of the bytes as they came.
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser("*", { parseAs: "string" }, (_request, body, done) => done(null, body));
    githubWebhook(scope, deps);
    peerWebhook(scope, deps);
  });
}

function githubWebhook(app: FastifyInstance, { webhookSecret, approvals, peers }: ConsoleDeps): void {
  if (webhookSecret === undefined) return;
  const seen = new Set<string>();
  app.post(
    "/webhooks/github",
    { bodyLimit: WEBHOOK_BYTES, schema: { summary: "A hint of GitHub's that something changed", tags: ["webhooks"] } },
    async (request) => {
      const signature = header(request, "x-hub-signature-256");
      const body = bodyOf(request);
      if (signature === "" || body === "" || !(await verify(webhookSecret, body, signature))) throw forged();
      const delivery = header(request, "x-github-delivery");
      if (delivery === "" || seen.has(delivery)) return { refreshed: false };
      if (seen.size >= KEPT_DELIVERIES) for (const oldest of seen) if (seen.delete(oldest)) break;
      seen.add(delivery);
      if (header(request, "x-github-event") === "ping") return { refreshed: false };
      // GitHub waits ten seconds for an answer; what is there to see takes longer at times.
      void approvals.refresh();
      // It comes to one replica, and another may hold what it is about.
      peers.tell();
      return { refreshed: true };
    },
  );
}

function peerWebhook(app: FastifyInstance, { approvals, hmacKeys, clock, sessions }: ConsoleDeps): void {
  app.post(
    "/webhooks/peer",
    { bodyLimit: PEER_BYTES, schema: { summary: "Another replica says that something changed", tags: ["webhooks"] } },
    async (request) => {
      const message = readPeerMessage(hmacKeys, clock.now(), {
        timestamp: header(request, PEER_HEADERS.timestamp),
        signature: header(request, PEER_HEADERS.signature),
        body: bodyOf(request),
      });
      if (message === undefined) throw forged();
      for (const kill of message.kills) sessions.kill(kill);
      void approvals.refresh();
      return { refreshed: true };
    },
  );
}

function header({ headers }: FastifyRequest, name: string): string {
  const value = headers[name];
  return typeof value === "string" ? value : "";
}

function bodyOf({ body }: FastifyRequest): string {
  return typeof body === "string" ? body : "";
}

function forged(): Refusal {
  return new Refusal("unauthenticated", "the signature is not of this message");
}
