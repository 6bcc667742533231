import type { EventRow } from "./event.ts";
import { payloadOf } from "./stream-frames.ts";

/** What is on record of how an exec or attach began. */
export interface ExecStart {
  /** Undefined where what was asked is not on record (record level None). */
  command: string[] | undefined;
  container: string;
  tty: boolean | undefined;
}

/** How an exec, attach or port-forward ended, by its `stream.closed`. */
export interface StreamEnd {
  exitCode: number | undefined;
  reason: string;
}

const words = (value: unknown): string[] | undefined =>
  Array.isArray(value) && value.every((word) => typeof word === "string") ? value : undefined;

const object = (value: unknown): Record<string, unknown> =>
  typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};

/** Whether an event belongs to something that a terminal shows. */
export const isExec = ({ subresource }: Pick<EventRow, "subresource">): boolean =>
  subresource === "exec" || subresource === "attach";

/** Of any event that holds policy's question (request.intent, hold.opened …). */
export function execStart(event: Pick<EventRow, "payload">): ExecStart {
  const { command, container, tty } = object(object(payloadOf(event).input).exec);
  return {
    command: words(command),
    container: typeof container === "string" ? container : "",
    tty: typeof tty === "boolean" ? tty : undefined,
  };
}

export function streamEnd(event: Pick<EventRow, "payload">): StreamEnd {
  const { exitCode, reason } = payloadOf(event);
  return {
    exitCode: Number.isSafeInteger(exitCode) ? Number(exitCode) : undefined,
    reason: typeof reason === "string" ? reason : "",
  };
}
