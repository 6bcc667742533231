import { setTimeout as sleep } from "node:timers/promises";
import { createParser, type EventSourceMessage } from "eventsource-parser";
import type { EventRow } from "../../audit/event.ts";
import { UserError } from "../../base/errors.ts";
import { type ApiClient, ApiError } from "../client.ts";

/** The server's default, and what it says itself (`retry`). */
const RETRY_MS = 2_000;
/** So often in a row the gateway may be away, from a restart to another. */
const TRIES = 15;
const LONGEST_MESSAGE = 64 * 1024 * 1024;

/**
 * The events of a session from its beginning until it is over, each once: where the connection ends before, by a
 * restart of the gateway or because the token was renewed, it goes on where it was. Throws ApiError where the gateway
 * refuses, and UserError where it cannot be reached any more.
 */
export async function* followOverApi(
  client: Pick<ApiClient, "bytes">,
  path: string,
  retryMs = RETRY_MS,
): AsyncGenerator<EventRow> {
  let lastId = "";
  for (let tries = 0; ; tries++) {
    try {
      let spoke = false;
      for await (const message of messages(client, path, lastId)) {
        spoke = true;
        if (message === "hello") continue;
        tries = 0;
        if (message.event === "end") {
          if (codeOf(message.data) === "session-ended") return;
          continue;
        }
        lastId = message.id ?? lastId;
        yield JSON.parse(message.data) as EventRow;
      }
      // 204: all of it was told (HTML, server-sent events).
      if (!spoke) return;
    } catch (error) {
      if (!passes(error) || tries >= TRIES) throw error;
    }
    await sleep(retryMs);
  }
}

/** Whether another try may bring something else: not where the gateway has said no. */
function passes(error: unknown): boolean {
  if (error instanceof ApiError) return error.status === 429 || error.status >= 500;
  return error instanceof UserError && error.exitCode === 3;
}

function codeOf(data: string): unknown {
  return (JSON.parse(data) as { code?: unknown }).code;
}

/** Messages as they come; `hello` is that the answer has begun. */
async function* messages(
  client: Pick<ApiClient, "bytes">,
  path: string,
  lastId: string,
): AsyncGenerator<EventSourceMessage | "hello"> {
  const waiting: EventSourceMessage[] = [];
  const parser = createParser({ onEvent: (message) => void waiting.push(message) });
  const decoder = new TextDecoder();
  const headers: Record<string, string> = { accept: "text/event-stream" };
  if (lastId !== "") headers["last-event-id"] = lastId;
  let size = 0;
  for await (const part of client.bytes(path, { headers })) {
    yield "hello";
    size += part.byteLength;
    if (size > LONGEST_MESSAGE) throw new UserError("the gateway sent a message of more than 64 MiB");
    parser.feed(decoder.decode(part, { stream: true }));
    if (waiting.length > 0) size = 0;
    yield* waiting.splice(0);
  }
}
