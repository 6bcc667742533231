import { rfc3339 } from "../../base/clock.ts";
import { Refusal } from "../../base/errors.ts";
import type { ModelRequest, ToolCall } from "../../dialogue/types.ts";
import type { DialogueInput } from "../../engine/input.ts";
import { sessionInfo, userInfo } from "../question.ts";
import type { ModelKnown } from "./exchange.ts";

/** Policy is asked about each of them, of one request while all others wait. */
const MAX_AT_PROVIDER = 1_000;

type Asking = Required<Pick<ModelKnown, "session" | "identity" | "connection" | "promptId">> & {
  /** Absent where nothing is asked of a model: of a list of them. */
  asked?: ModelRequest | undefined;
};

/** Policy's question about a dialogue (contracts §1.1): `request` is absent, and `tool` is there for a tool call. */
function modelQuestion(
  asking: Asking,
  now: number,
  { model = asking.asked?.model, toolUseId = "" } = {},
): DialogueInput {
  const { identity, session, connection, promptId } = asking;
  return {
    now: rfc3339(now),
    session: sessionInfo(session),
    user: userInfo(identity),
    connection: { name: connection.name, kind: connection.kind, labels: connection.labels },
    exceptions: [],
    ...(model === undefined ? {} : { dialogue: { promptId, toolUseId, model } }),
  };
}

/**
 * All that policy is asked of a request: the dialogue itself, once for each model that may answer it, tools that run at the provider,
 * and servers that it calls, which no reply could hold back, since they have run by then.
 */
export function requestQuestions(asking: Asking, now: number): [DialogueInput, ...DialogueInput[]] {
  const { model, otherModels = [], tools = [], mcpServers = [] } = asking.asked ?? {};
  const others = [...new Set(otherModels)].filter((one) => one !== model);
  const named = [
    ...tools.filter(({ server }) => server).map(({ name, type }) => ({ name, type, server: true })),
    ...mcpServers.map(({ name, url }) => ({ name, type: "mcp", url, server: true })),
  ];
  // The same tool twice is one question: its verdict is the same.
  const atProvider = [...new Map(named.map((one) => [JSON.stringify(one), one])).values()];
  if (atProvider.length + others.length > MAX_AT_PROVIDER) {
    const what = `models beside its own, tools and servers of its provider`;
    throw new Refusal("forbidden", `the request names more than ${MAX_AT_PROVIDER} ${what}`, {
      next: "Name those alone that it needs.",
    });
  }
  return [
    modelQuestion(asking, now),
    ...others.map((other) => modelQuestion(asking, now, { model: other })),
    ...atProvider.map(({ name, ...rest }) => toolQuestion(asking, now, { id: "", name, arguments: rest }, [])),
  ];
}

/** The same about one tool call. */
export function toolQuestion(
  asking: Asking,
  now: number,
  { id, name, arguments: args = {} }: Pick<ToolCall, "id" | "name" | "arguments">,
  commands: NonNullable<DialogueInput["tool"]>["commands"],
): DialogueInput {
  return { ...modelQuestion(asking, now, { toolUseId: id }), tool: { name, arguments: args, commands } };
}
