import { isObject } from "../json/strict-json.ts";
import type { Kept, ReplyHooks, ReplySummary, ToolCall, ToolCallVerdict, Usage } from "../types.ts";

/** Characters of text, and of thinking, that are kept. */
export const TEXT_KEPT = 1_048_576;
/** Ids and names are shorter by far. */
const NAME_KEPT = 256;

const USAGE: readonly [ours: keyof Usage, theirs: string][] = [
  ["inputTokens", "input_tokens"],
  ["outputTokens", "output_tokens"],
  ["cacheReadTokens", "cache_read_input_tokens"],
  ["cacheWriteTokens", "cache_creation_input_tokens"],
];

const CODE_RESULT = new Set(["code_execution_tool_result", "bash_code_execution_tool_result"]);

/** Gathers what a reply was, from what its blocks and events say. */
export class SummaryBuilder {
  readonly summary: ReplySummary = {
    text: "",
    thinking: "",
    truncated: false,
    toolCalls: [],
    serverTools: [],
    usage: {},
  };
  readonly #textKept: number;
  readonly #kept: ReplyHooks["kept"];
  readonly #thought: ReplyHooks["thought"];
  #apart = false;
  /** Where in the thinking its last block begins. */
  #thinkingFrom = 0;

  constructor(textKept: number = TEXT_KEPT, kept?: ReplyHooks["kept"], thought?: ReplyHooks["thought"]) {
    this.#textKept = textKept;
    this.#kept = kept;
    this.#thought = thought;
  }

  /** A block of thinking is whole. What is longer than what is kept here is heard by nobody. */
  thought(): void {
    const text = this.summary.thinking.slice(this.#thinkingFrom);
    this.#thinkingFrom = this.summary.thinking.length;
    if (text !== "" && this.#thinkingFrom < this.#textKept) this.#thought?.(text);
  }

  /** The container that code ran in, for later requests to name. */
  container(container: unknown): void {
    if (isObject(container)) this.#keeps("container", container.id);
  }

  /** Files that the provider put into the container, or that code wrote there. What other tools say may name any. */
  files({ type, content, file_id }: Record<string, unknown>): void {
    if (type === "container_upload") this.#keeps("file", file_id);
    if (typeof type !== "string" || !CODE_RESULT.has(type) || !isObject(content)) return;
    for (const output of Array.isArray(content.content) ? content.content : []) {
      if (isObject(output)) this.#keeps("file", output.file_id);
    }
  }

  /** The reply is whole, and each of its calls decided. */
  whole(): void {
    this.#keeps("reply", this.summary.id);
  }

  #keeps(kind: Kept["kind"], id: unknown): void {
    if (typeof id === "string" && id !== "") this.#kept?.({ kind, id }, this.summary);
  }

  /**
   * What a message says of itself; totals of tokens grow from one event to the next, and the last one counts. Where the message
   * only begins, nobody has counted its output: of what a model thinks unseen nothing else would tell.
   */
  message(message: Record<string, unknown>, begins = false): void {
    if (typeof message.id === "string") this.summary.id = message.id.slice(0, NAME_KEPT);
    if (typeof message.model === "string") this.summary.model = message.model.slice(0, NAME_KEPT);
    this.container(message.container);
    this.usage(message.usage);
    if (begins) delete this.summary.usage.outputTokens;
    this.stopReason(message.stop_reason);
  }

  stopReason(reason: unknown): void {
    if (typeof reason === "string") this.summary.stopReason = reason.slice(0, NAME_KEPT);
  }

  usage(usage: unknown): void {
    if (!isObject(usage)) return;
    for (const [ours, theirs] of USAGE) {
      const count = usage[theirs];
      if (Number.isSafeInteger(count) && (count as number) >= 0) this.summary.usage[ours] = count as number;
    }
  }

  /** The pieces of one text: blocks that follow one another are, since a citation begins a block of its own. */
  text(text: unknown): void {
    if (typeof text !== "string" || text === "") return;
    if (this.#apart && this.summary.text !== "") this.#append("text", "\n\n");
    this.#apart = false;
    this.#append("text", text);
  }

  thinking(thinking: unknown): void {
    if (typeof thinking === "string") this.#append("thinking", thinking);
  }

  /** Something stood between two texts. */
  apart(): void {
    this.#apart = true;
  }

  call(call: ToolCall, verdict: ToolCallVerdict): void {
    this.summary.toolCalls.push({ call, verdict });
  }

  serverTool(block: Record<string, unknown>): void {
    const word = (value: unknown): string => (typeof value === "string" ? value.slice(0, NAME_KEPT) : "");
    const server = word(block.server_name);
    const name = word(block.name);
    this.summary.serverTools.push({ id: word(block.id), name: server === "" ? name : `${server}/${name}` });
  }

  #append(to: "text" | "thinking", more: string): void {
    const room = this.#textKept - this.summary[to].length;
    if (more.length > room) this.summary.truncated = true;
    if (room > 0) this.summary[to] += more.length > room ? more.slice(0, room) : more;
  }
}
