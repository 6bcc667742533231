import { guardReply } from "../../dialogue/anthropic/reply.ts";
import { guardReplyStream, passReply } from "../../dialogue/anthropic/reply-stream.ts";
import { readRequest } from "../../dialogue/anthropic/request.ts";
import { guardChatReply } from "../../dialogue/openai/chat/reply.ts";
import { readChatRequest } from "../../dialogue/openai/chat/request.ts";
import { guardChatStream } from "../../dialogue/openai/chat/stream.ts";
import { guardResponsesReply } from "../../dialogue/openai/responses/reply.ts";
import { readResponsesRequest } from "../../dialogue/openai/responses/request.ts";
import { guardResponsesStream } from "../../dialogue/openai/responses/stream.ts";
import type { Passing, ReplySink } from "../../dialogue/sse/passing.ts";
import type { Dialect, ModelRequest, ReplyHooks, ReplySummary } from "../../dialogue/types.ts";

/** How one wire format is read and written. */
interface Wire {
  readRequest(body: Buffer): ModelRequest;
  guardReply(body: Buffer, hooks: ReplyHooks): Promise<{ body: Buffer; summary: ReplySummary; status?: number }>;
  guardReplyStream(
    upstream: AsyncIterable<Uint8Array>,
    hooks: ReplyHooks,
  ): { bytes: AsyncIterable<Uint8Array>; summary: Promise<ReplySummary> };
  /** The same with its chunks pushed, where the dialect can: no promise stands between a piece and the client. */
  passReply?(hooks: ReplyHooks, sink: ReplySink): Passing;
}

export const WIRES: Record<Dialect, Wire> = {
  "anthropic.messages": { readRequest, guardReply, guardReplyStream, passReply },
  "openai.chat": {
    readRequest: readChatRequest,
    guardReply: guardChatReply,
    guardReplyStream: guardChatStream,
  },
  "openai.responses": {
    readRequest: readResponsesRequest,
    guardReply: guardResponsesReply,
    guardReplyStream: guardResponsesStream,
  },
};
