import { errorMessage, Refusal } from "../../../base/errors.ts";
import type { ReplyHooks, ReplySummary } from "../../../dialogue/types.ts";
import { ClientGone } from "../../step.ts";
import { decideToolCall } from "../decide-tool-call.ts";
import type { ModelDeps } from "../deps.ts";
import { WIRES } from "../dialects.ts";
import { isReply, type ModelAnswered, type ModelForwarded } from "../exchange.ts";
import { replyHeaders } from "../headers.ts";
import { ownKeyRefuser, refuseKeyInBody, refuseKeyInHead } from "../own-key.ts";
import { chunksOf, passOn, writeAll } from "../streams.ts";
import { whileDecided } from "../while-decided.ts";

/** A reply that does not stream is read whole before any of it is passed on. */
const REPLY_BYTES = 33_554_432;
/** What is not a reply: a list of models, a count, an error. */
const OTHER_BYTES = 8_388_608;

/**
 * Answers the client: text and thinking as they come, each tool call once it is whole and was decided. What cannot be read
 * as a reply is closed with an error, never passed blind.
 */
export async function guard(exchange: ModelForwarded, deps: ModelDeps): Promise<ModelAnswered> {
  const { connection, endpoint, response, res } = exchange;
  const type = response.headers["content-type"] ?? "";
  const head = headOf(exchange);
  refuseKeyInHead(connection, head);
  const hooks: ReplyHooks = {
    toolCall: (call) => decideToolCall(exchange, call, deps),
    kept: (made, summary) => deps.kept.made(exchange, made, summary),
    thought: (text) => deps.thoughts.heard(exchange, text),
  };
  if (!endpoint.replies || !isReply(response) || endpoint.dialect === undefined) {
    const body = await response.read(OTHER_BYTES);
    refuseKeyInBody(connection, body);
    answerWhole(exchange, head, body);
    return Object.assign(exchange, { summary: undefined, responseBytes: body.length });
  }
  if (/^application\/json(?: *;|$)/i.test(type)) {
    const whole = await response.read(REPLY_BYTES);
    refuseKeyInBody(connection, whole);
    const deciding = WIRES[endpoint.dialect].guardReply(whole, hooks);
    const { body, summary, status } = await whileDecided(res, () => res.writeHead(response.status, head), deciding);
    answerWhole(exchange, head, body, status);
    return Object.assign(exchange, { summary, responseBytes: body.length });
  }
  if (!/^text\/event-stream(?: *;|$)/i.test(type)) {
    throw new Refusal(
      "unmaskable",
      `the provider answered in ${type.slice(0, 100) || "no type"}, which cannot be read`,
      {
        decisionId: exchange.decision.decisionId,
      },
    );
  }
  const refuse = ownKeyRefuser(connection);
  const { passReply, guardReplyStream } = WIRES[endpoint.dialect];
  let summary: ReplySummary | Promise<ReplySummary> | undefined;
  let responseBytes = 0;
  try {
    res.writeHead(response.status, head);
    res.flushHeaders();
    if (passReply === undefined) {
      const guarded = guardReplyStream(chunksOf(response, refuse), hooks);
      summary = guarded.summary;
      responseBytes = await writeAll(res, guarded.bytes);
    } else {
      responseBytes = await passOn(
        response,
        res,
        (sink) => {
          const passing = passReply(hooks, sink);
          summary = passing.summary;
          return passing;
        },
        refuse,
      );
    }
  } catch (error) {
    exchange.cut ??= error instanceof ClientGone ? error.message : errorMessage(error);
    response.abort(error instanceof Error ? error : new Error(errorMessage(error)));
    res.destroy();
  }
  const known = summary instanceof Promise ? await settled(summary) : summary;
  return Object.assign(exchange, { summary: known, responseBytes });
}

type Head = ReturnType<typeof replyHeaders>;

function headOf({ response, id }: ModelForwarded): Head {
  return { ...replyHeaders(response.headers), "cache-control": "no-store", "request-id": id };
}

function answerWhole(exchange: ModelForwarded, head: Head, body: Buffer, status = exchange.response.status): void {
  const { res, response, id } = exchange;
  if (res.headersSent) {
    // An error would pass for a reply under the head that is out, and what broke off for nothing.
    if (status !== response.status) res.destroy();
    else res.end(body);
    return;
  }
  res.writeHead(status, {
    ...head,
    // What took the place of a reply that cannot be read: to ask again costs as much, and brings the same.
    ...(status === response.status ? {} : { "x-should-retry": "false", "x-request-id": id }),
    "content-length": body.length,
  });
  res.end(body);
}

/** What is known of a reply that was cut; a summary that never comes must not keep the record waiting. */
async function settled(summary: Promise<ReplySummary>): Promise<ReplySummary | undefined> {
  return Promise.race([
    summary.catch(() => undefined),
    new Promise<undefined>((resolve) => setTimeout(resolve, 1_000, undefined).unref()),
  ]);
}
