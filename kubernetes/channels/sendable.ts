import type { ChannelName, Direction } from "./types.ts";

const DIRECTIONS: Record<ChannelName, readonly Direction[]> = {
  stdin: ["up"],
  resize: ["up"],
  stdout: ["down"],
  stderr: ["down"],
  error: ["down"],
  data: ["up", "down"],
};

/** Whether a channel carries payload in a direction. (An empty frame may go the other way too: it closes or announces.) */
export function maySend(channel: ChannelName, direction: Direction): boolean {
  return DIRECTIONS[channel].includes(direction);
}
