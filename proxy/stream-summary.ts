import type { ChannelFrame, ChannelName, Direction, TunnelEvent } from "../kubernetes/channels/types.ts";

/** A Status on the error channel is some hundred bytes. */
const STATUS_LIMIT = 65_536;

/** What a tunnel amounted to: bytes by channel, and how its command ended. */
export class StreamSummary {
  readonly bytes: Partial<Record<ChannelName, number>> = {};
  /** Bytes of channels that went to the client. */
  down = 0;
  #status: Buffer[] = [];
  #statusBytes = 0;

  add(direction: Direction, event: TunnelEvent): void {
    if (event.kind !== "data") return;
    if (direction === "down") this.down += event.payload.length;
    this.bytes[event.channel] = (this.bytes[event.channel] ?? 0) + event.payload.length;
    if (event.channel === "error") this.#keepStatus(event);
  }

  /**
   * The exit code of the command, as v4 and later of the channel protocols say it: a Status on the error channel
   * (k8s.io/apimachinery/pkg/util/remotecommand, constants.go). Undefined where none came.
   */
  get exitCode(): number | undefined {
    let status: { status?: unknown; details?: { causes?: { reason?: unknown; message?: unknown }[] } };
    try {
      status = JSON.parse(Buffer.concat(this.#status).toString("utf8"));
    } catch {
      return undefined;
    }
    if (status?.status === "Success") return 0;
    const causes = status?.details?.causes;
    const cause = Array.isArray(causes) ? causes.find((one) => one?.reason === "ExitCode") : undefined;
    const code = Number(cause?.message ?? Number.NaN);
    return Number.isInteger(code) ? code : undefined;
  }

  #keepStatus({ payload }: ChannelFrame): void {
    this.#statusBytes += payload.length;
    if (this.#statusBytes <= STATUS_LIMIT) this.#status.push(Buffer.from(payload));
  }
}
