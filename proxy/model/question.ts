import { rfc3339 } from "../../base/clock.ts";
import type { ToolCall } from "../../dialogue/types.ts";
import type { DialogueInput } from "../../engine/input.ts";
import type { ModelKnown } from "./exchange.ts";

type Asking = Required<Pick<ModelKnown, "session" | "identity" | "connection" | "promptId" | "asked">>;

/** Policy's question about a dialogue (contracts §1.1): `request` is absent, and `tool` is there for a tool call. */
export function modelQuestion(asking: Asking, now: number, toolUseId = ""): DialogueInput {
  const { identity, session, connection } = asking;
  return {
    now: rfc3339(now),
    session: {
      id: session.id,
      startedAt: rfc3339(session.startedAt),
      agent: session.agent,
      reason: session.reason,
      owner: session.owner,
    },
    user: {
      issuer: identity.issuer,
      username: identity.username,
      uid: identity.uid,
      groups: identity.groups,
      roles: identity.roles,
      extra: identity.extra,
    },
    connection: { name: connection.name, kind: connection.kind, labels: connection.labels },
    exceptions: [],
    dialogue: { promptId: asking.promptId, toolUseId, model: asking.asked.model },
  };
}

/**
 * All that policy is asked of a request: the dialogue itself, tools that run at the provider, and servers that it calls, which no
 * reply could hold back, since they have run by then.
 */
export function requestQuestions(asking: Asking, now: number): [DialogueInput, ...DialogueInput[]] {
  const { tools, mcpServers } = asking.asked;
  const atProvider = [
    ...tools.filter(({ server }) => server).map(({ name, type }) => ({ name, type, server: true })),
    ...mcpServers.map(({ name, url }) => ({ name, type: "mcp", url, server: true })),
  ];
  return [
    modelQuestion(asking, now),
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
  return { ...modelQuestion(asking, now, id), tool: { name, arguments: args, commands } };
}
