import { ExitChannel } from "../../kubernetes/channels/exit.ts";
import type { ChannelName, Direction, TunnelEvent } from "../../kubernetes/channels/types.ts";

/** What a tunnel amounted to: bytes by channel, and how its command ended. */
export class StreamSummary {
  readonly bytes: Partial<Record<ChannelName, number>> = {};
  /** Bytes of channels that went to the client. */
  down = 0;
  /** Id of the error stream that a SPDY client has opened. */
  errorStream: number | undefined;
  readonly #error = new ExitChannel();

  add(direction: Direction, event: TunnelEvent): void {
    if (event.kind === "opened" && event.channel === "error") this.errorStream = event.stream;
    if (event.kind !== "data") return;
    if (direction === "down") this.down += event.payload.length;
    this.bytes[event.channel] = (this.bytes[event.channel] ?? 0) + event.payload.length;
    if (event.channel === "error" && direction === "down") this.#error.push(event.payload);
  }

  /** The exit code of the command, and what the API server said of it where there is none. */
  get exit(): { exitCode?: number; error?: string } {
    const status = this.#error.status();
    if (status === undefined) return {};
    return status.code === undefined ? { error: status.message.slice(0, 1_000) } : { exitCode: status.code };
  }
}
