/** The wire formats of model providers that the gateway reads. */
export type Dialect = "anthropic.messages" | "openai.chat" | "openai.responses";

/** A tool call as the model wrote it, whole. */
export interface ToolCall {
  /** The provider's: `toolu_…`, `call_…`. */
  id: string;
  name: string;
  /** The family of tools that the name is of, where the dialect has such (Anthropic's `toolset_name`: `computer`). */
  toolset?: string;
  /** Parsed; absent where `text` is no JSON object. OpenAI's custom tools have no arguments: `{input: text}`. */
  arguments?: Record<string, unknown>;
  /** OpenAI's type of the item that it is (`function_call`, `shell_call`); what answers it is of a type of its own. */
  kind?: string;
  /** Character by character as it came. */
  text: string;
  /** Which block, item or call of the reply it is. */
  index: number;
}

/** What becomes of a tool call that was held back until it was whole. */
export type ToolCallVerdict =
  | { effect: "release" }
  /** The client gets `text` as the assistant's words in its place. */
  | { effect: "replace"; text: string }
  | { effect: "rewrite"; arguments: Record<string, unknown> };

/** What a provider keeps, so that a request may name it in place of what it holds. */
export interface Kept {
  kind:
    | "reply"
    | "item"
    | "approval request"
    | "audio"
    | "container"
    | "file"
    | "conversation"
    | "prompt"
    | "skill"
    | "vector store";
  id: string;
}

export interface ReplyHooks {
  /**
   * Decides a tool call. It may take as long as a human does: the client is kept waiting with the dialect's own signs of
   * life. The calls of one reply may be asked about at the same time. Rejecting ends the reply with an error event;
   * nothing of the call is passed on.
   */
  toolCall(call: ToolCall): Promise<ToolCallVerdict>;
  /**
   * Hears what the provider keeps from now on, before the client does. Of a `reply` it hears once that is whole and each of
   * its calls decided: `summary` is the reply's.
   */
  kept?(made: Kept, summary?: ReplySummary): void;
  /** Hears each text of the model's thinking that the client sends back as it is, once it is whole and before the client has it. */
  thought?(text: string): void;
  /** How often the client hears something while a call is decided; 10,000 where absent. */
  pingMs?: number;
}

/** Tokens, as the provider counted them; absent where it did not say. */
export interface Usage {
  inputTokens?: number;
  outputTokens?: number;
  cacheReadTokens?: number;
  cacheWriteTokens?: number;
}

/** What a reply was, for the record. */
export interface ReplySummary {
  id?: string;
  model?: string;
  /** In the provider's word, before a rule changed it. */
  stopReason?: string;
  /** The assistant's words in order, up to a cap of the reader's; thinking is apart. */
  text: string;
  thinking: string;
  /** Where text or thinking were longer than what is kept here. */
  truncated: boolean;
  toolCalls: { call: ToolCall; verdict: ToolCallVerdict }[];
  /** Tools that ran at the provider (web search, code execution, MCP): they were decided on the request. */
  serverTools: { id: string; name: string }[];
  usage: Usage;
  /** Absent where the reply came to its end whole. */
  broken?: string;
}

/** What was asked, as far as policy and the record need it. */
export interface ModelRequest {
  model: string;
  stream: boolean;
  /** The newest words of the person: the last user message's text, without tool results. Empty where it has none. */
  prompt: string;
  toolResults: { id: string; text: string; isError: boolean }[];
  /** What the model may call. `server`: it runs at the provider, so that no reply of ours can hold it back. */
  tools: { name: string; type: string; server: boolean }[];
  /** Servers that the provider would call (`mcp_servers`, tools of type `mcp`). */
  mcpServers: { name: string; url: string }[];
  /** What the client says of itself (`metadata.user_id`, `user`, `safety_identifier`): a claim. */
  userId?: string;
  /** Tokens of a reply at most; the greatest where the request says several. */
  maxTokens?: number;
  /** How many replies it asks for at once (`n`); one where absent. */
  replies?: number;
  /** Models beside `model` that the provider may use for it: fallbacks, an advisor. `default` is the provider's choice. */
  otherModels?: string[];
  /**
   * The reply that this goes on from, where the provider keeps the conversation (Anthropic's `thread`, OpenAI's
   * `previous_response_id`): what it was told before, tools included, is not in this request.
   */
  continues?: string;
  /**
   * All that the provider adds to this request of what it keeps, `continues` among it: words, calls, results and tools in it
   * are not in this request.
   */
  recalls?: Kept[];
  /** A reply that it has its provider compare it with, to say why a cache was missed; where its id stands may be null. */
  compares?: { id: string; at: [key: string, member: string] };
  /** The provider keeps the reply as it wrote it (OpenAI's `store`, true where absent): who may fetch it goes round. */
  stored?: true;
}
