import type { Duplex } from "node:stream";
import { createTunnelParser } from "../../kubernetes/channels/tunnel-parser.ts";
import type { Deps } from "../deps.ts";
import { exchangeEvent } from "../events.ts";
import type { Answered, Forwarded } from "../exchange.ts";
import { keepOpen } from "../keep-open.ts";
import { lastWords } from "./last-words.ts";
import { StreamSummary } from "./stream-summary.ts";
import { Tunnel } from "./tunnel.ts";
import { TunnelRedaction } from "./tunnel-redaction.ts";
import { chosenSubprotocol, switchingHeaders, type Upgrade } from "./upgrade.ts";
import type { UpgradeSocket } from "./upgrade-socket.ts";

/** An exchange whose upstream has switched protocols, and whose client waits to hear of it. */
interface Tunnelled {
  exchange: Forwarded;
  upgrade: Upgrade;
  client: UpgradeSocket;
  upstream: Duplex;
}

/** The exchange as a tunnel, where it is one. */
export function tunnelOf(exchange: Forwarded): Tunnelled | undefined {
  const { upgrade, client, response } = exchange;
  if (upgrade === undefined || client === undefined || response.socket === undefined) return undefined;
  return { exchange, upgrade, client, upstream: response.socket };
}

/**
 * Tells the client that the upstream switched, carries both directions until they end, and puts on record how they
 * did. Throws where the upstream switched to what it was not asked for, or to what nobody here can read; then
 * nothing was said to the client yet.
 */
export async function runTunnel({ exchange, upgrade, client, upstream }: Tunnelled, deps: Deps): Promise<Answered> {
  const { res, response, attributes } = exchange;
  const subprotocol = chosenSubprotocol(response, upgrade);
  const { protocol, subresource } = upgrade;
  const parser = createTunnelParser({ protocol, subprotocol, subresource, query: attributes.query });
  // What runs through a forwarded port is no output of the pod's, and may be compressed or encrypted.
  const redaction =
    subresource === "portforward" ? undefined : new TunnelRedaction(deps.knownValues.of(exchange.session.id));
  const summary = new StreamSummary();
  const early = client.take();
  res.writeHead(101, switchingHeaders(response, protocol, exchange));
  res.flushHeaders();
  const reading = {
    parser,
    redaction,
    summary,
    lastWords: (why: string) => lastWords(upgrade, subprotocol, summary.errorStream, why),
  };
  const tunnel = new Tunnel({ client: client.socket, upstream }, reading, exchange, deps);
  const forget = keepOpen(exchange, deps, (why) => tunnel.dismiss(why));
  const why = await tunnel.run(early);
  forget();
  const found = redaction?.found ?? { maskedFields: [] };
  deps.recorder.record({
    ...exchangeEvent(exchange, "stream.closed"),
    status: 101,
    masked_fields: found.maskedFields,
    payload: {
      reason: exchange.cut ?? why,
      subprotocol,
      bytes: summary.bytes,
      ...summary.exit,
      ...(redaction === undefined || redaction.redactions === 0 ? {} : { redactions: redaction.redactions }),
    },
  });
  return Object.assign(exchange, { ...found, responseBytes: summary.down });
}
