import type { IncomingMessage } from "node:http";
import { request } from "node:https";
import { createParser, type EventSourceMessage } from "eventsource-parser";
import type { EventRow } from "../../audit/event.ts";
import { until } from "../audit/rig.ts";
import type { ConsoleRig } from "./rig.ts";

/** A reader of server-sent events, as a browser's EventSource is one. */
export interface Follower {
  status: number;
  headers: IncomingMessage["headers"];
  messages: EventSourceMessage[];
  comments(): number;
  /** The rows of all messages by now. */
  events(): EventRow[];
  /** The id of the last message. */
  lastId(): string;
  /** What `event: end` said, when it came. */
  ended(): { code: string } | undefined;
  /** Resolves when the answer is over; true where it ended well. */
  over: Promise<boolean>;
  /** Waits until so many rows came. */
  waitFor(rows: number): Promise<EventRow[]>;
  pause(): void;
  close(): void;
}

export function follow(
  rig: Pick<ConsoleRig, "url">,
  session: string,
  { token, lastEventId, query = "" }: { token: string; lastEventId?: string; query?: string },
): Promise<Follower> {
  const headers: Record<string, string> = { accept: "text/event-stream", authorization: `Bearer ${token}` };
  if (lastEventId !== undefined) headers["last-event-id"] = lastEventId;
  return new Promise((resolve, reject) => {
    const url = `${rig.url}/v1alpha1/sessions/${session}/events${query}`;
    const asked = request(url, { headers, rejectUnauthorized: false, agent: false }, (response) => {
      const messages: EventSourceMessage[] = [];
      let comments = 0;
      const parser = createParser({
        onEvent: (message) => void messages.push(message),
        onComment: () => {
          comments++;
        },
      });
      response.setEncoding("utf8").on("data", (text: string) => parser.feed(text));
      const rows = (): EventSourceMessage[] => messages.filter(({ event }) => event === undefined);
      const events = (): EventRow[] => rows().map(({ data }) => JSON.parse(data) as EventRow);
      const over = new Promise<boolean>((done) => {
        response.on("end", () => done(true));
        response.on("error", () => done(false));
        response.on("close", () => done(response.complete));
      });
      resolve({
        status: response.statusCode ?? 0,
        headers: response.headers,
        messages,
        comments: () => comments,
        events,
        lastId: () => rows().at(-1)?.id ?? "",
        ended: () => {
          const end = messages.find(({ event }) => event === "end");
          return end && (JSON.parse(end.data) as { code: string });
        },
        over,
        async waitFor(count) {
          await until(() => events().length >= count, 30_000);
          return events();
        },
        pause: () => void response.pause(),
        close: () => void asked.destroy(),
      });
    });
    asked.on("error", reject);
    asked.end();
  });
}
