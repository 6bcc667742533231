import { guardReply } from "../../dialogue/anthropic/reply.ts";
import { guardReplyStream } from "../../dialogue/anthropic/reply-stream.ts";
import { readRequest } from "../../dialogue/anthropic/request.ts";
import { Refusal } from "../../base/errors.ts";
import type { Dialect, ModelRequest, ReplyHooks, ReplySummary } from "../../dialogue/types.ts";

/** How one wire format is read and written. */
interface Wire {
  readRequest(body: Buffer): ModelRequest;
  guardReply(body: Buffer, hooks: ReplyHooks): Promise<{ body: Buffer; summary: ReplySummary; status?: number }>;
  guardReplyStream(
    upstream: AsyncIterable<Uint8Array>,
    hooks: ReplyHooks,
  ): { bytes: AsyncIterable<Uint8Array>; summary: Promise<ReplySummary> };
}

const WIRES: Partial<Record<Dialect, Wire>> = {
  "anthropic.messages": { readRequest, guardReply, guardReplyStream },
};

/** Throws Refusal `not-found` for a dialect that the gateway does not read. */
export function wireOf(dialect: Dialect): Wire {
  const wire = WIRES[dialect];
  if (wire === undefined) throw new Refusal("not-found", `the gateway does not read ${dialect} yet`);
  return wire;
}
