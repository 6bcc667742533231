import { failureStatus } from "../../kubernetes/status.ts";
import type { Upgrade } from "./upgrade.ts";

/** The error channel of v4 and v5 (k8s.io/apimachinery/pkg/util/remotecommand, constants.go). */
const ERROR_CHANNEL = 3;
/** RFC 6455 §7.4.1: a normal closure. The error is on its channel. */
const CLOSE_NORMAL = Buffer.from([0x88, 2, 0x03, 0xe8]);
const SPDY_FIN = 1;
/** RFC 6455 §5.2: what a length of two bytes tells. */
const LONGEST = 65_535;

/**
 * The frames that tell an exec's or attach's client why it ends: a Status on the error channel, whose message kubectl
 * prints. Undefined where the protocol has no way to say it.
 * @param errorStream SPDY: the id of the client's error stream.
 */
export function lastWords(
  { protocol, subresource }: Pick<Upgrade, "protocol" | "subresource">,
  subprotocol: string,
  errorStream: number | undefined,
  message: string,
): Buffer | undefined {
  const speaks = subprotocol === "v4.channel.k8s.io" || subprotocol === "v5.channel.k8s.io";
  if (!speaks || subresource === "portforward") return undefined;
  const status = Buffer.from(JSON.stringify(failureStatus(403, `sallyport: ${message}`))).subarray(0, LONGEST - 1);
  if (protocol === "websocket") {
    const head = Buffer.from([0x82, 126, 0, 0, ERROR_CHANNEL]);
    head.writeUInt16BE(status.length + 1, 2);
    return Buffer.concat([head, status, CLOSE_NORMAL]);
  }
  if (errorStream === undefined) return undefined;
  const head = Buffer.alloc(8);
  head.writeUInt32BE(errorStream, 0);
  head.writeUInt32BE(status.length, 4);
  head[4] = SPDY_FIN;
  return Buffer.concat([head, status]);
}
