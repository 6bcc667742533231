import { Refusal } from "../../base/errors.ts";
import { type DeniedCall, deniedOf } from "../../dialogue/openai/responses/denied-calls.ts";
import type { Kept, ModelRequest, ReplySummary } from "../../dialogue/types.ts";
import { countedOf, totalOf } from "./budgets-tokens.ts";
import type { ModelConnection } from "./connection.ts";
import type { ModelRead } from "./exchange.ts";

/** What has to be known of a reply that a request goes on from, since its provider has it and the request has not. */
interface KeptReply {
  /** The calls that were taken out of it: it still has them, and refuses a request that answers none of them. */
  denied: readonly DeniedCall[];
  /** What runs at the provider, and was decided for it: it may be there still. */
  tools: ModelRequest["tools"];
  mcpServers: ModelRequest["mcpServers"];
  /** What was said until then, as far as the provider counted it. */
  tokens: number;
}

interface Ids {
  /** With what is known of replies; null of all else. */
  made: Map<string, { size: number; reply: KeptReply | null }>;
  size: number;
}

type Asking = Pick<ModelRead, "session" | "connection" | "asked" | "endpoint">;

/** Providers' own are some sixty characters. */
const ID = 512;
/** Characters of a session's ids and of what goes with them, of which no reply's may be more than a part; the oldest go first. */
const SESSION = 1_048_576;
const REPLY = 131_072;
const ALL = 134_217_728;
const NAMED = 5;

/**
 * What providers keep of each session's replies. All sessions ask with the gateway's one key, so that to a provider what one
 * of them made is every other one's as well: a request may name only what this gateway saw made in the same session. Each
 * session has its own approvals, masks and record, so that not even another one of the same owner may go on from it. In
 * memory: after a restart nothing is known, and nothing is named.
 */
export class KeptByProviders {
  readonly #sessions = new Map<string, Ids>();
  readonly #limits: { session: number; all: number };
  #size = 0;

  /** In characters. */
  constructor({ session = SESSION, all = ALL }: { session?: number; all?: number } = {}) {
    this.#limits = { session, all };
  }

  /** A reply to `asking` says that its provider keeps this from now on. */
  made(asking: Asking, kept: Kept, summary?: ReplySummary): void {
    if (kept.id.length > ID) return;
    const { session, connection } = asking;
    const key = keyOf(connection.name, kept);
    const reply = kept.kind === "reply" ? replyOf(asking, summary) : null;
    const size = key.length + 64 + (reply === null ? 0 : sizeOf(reply));
    // What cannot be kept track of is not gone on from.
    if (size > REPLY) return;
    const ids = this.#sessions.get(session.id) ?? { made: new Map(), size: 0 };
    // The session that was silent for longest is forgotten first.
    this.#sessions.delete(session.id);
    this.#sessions.set(session.id, ids);
    this.#drop(ids, key);
    ids.made.set(key, { size, reply });
    ids.size += size;
    this.#size += size;
    for (const oldest of ids.made.keys()) {
      if (ids.size <= this.#limits.session) break;
      this.#drop(ids, oldest);
    }
    for (const oldest of this.#sessions.keys()) {
      if (this.#size <= this.#limits.all || oldest === session.id) break;
      this.forget(oldest);
    }
  }

  /** Whether the session was seen to make it. */
  knows({ session, connection }: Pick<Asking, "session" | "connection">, kept: Kept): boolean {
    return this.#sessions.get(session.id)?.made.has(keyOf(connection.name, kept)) === true;
  }

  /** What is known of the reply that a request goes on from, where its session made it. */
  before({ session, connection, asked }: Omit<Asking, "endpoint">): Readonly<KeptReply> | undefined {
    if (asked?.continues === undefined) return undefined;
    const key = keyOf(connection.name, { kind: "reply", id: asked.continues });
    return this.#sessions.get(session.id)?.made.get(key)?.reply ?? undefined;
  }

  /** Why a request may not name what it does: its session was not seen to make it, or made it with a call that is unanswered. */
  refusal({ session, connection, asked, endpoint }: Asking): Refusal | undefined {
    const unknown = (asked?.recalls ?? []).filter(
      (kept) => !(this.knows({ session, connection }, kept) || isShared(connection, kept)),
    );
    if (unknown.length === 0) {
      const denied = this.before({ session, connection, asked })?.denied ?? [];
      // OpenAI's are answered (answer-denied.ts).
      if (endpoint.dialect !== "anthropic.messages" || denied.length === 0) return undefined;
      return new Refusal(
        "recall-refused",
        "request/recall-refused: the provider's thread still has a tool call that was refused, and no result of it",
        { next: "Send the whole conversation as you have it, without `thread`." },
      );
    }
    const names = unknown.slice(0, NAMED).map(({ kind, id }) => `${kind} ${JSON.stringify(id.slice(0, 100))}`);
    if (unknown.length > NAMED) names.push(`${unknown.length - NAMED} more`);
    return new Refusal(
      "recall-refused",
      `request/recall-refused: the request names what its provider keeps (${names.join(", ")}), and this session was not seen to make it since the gateway started`,
      { next: "Send the conversation, its files and its tools themselves in place of those ids." },
    );
  }

  forget(sessionId: string): void {
    this.#size -= this.#sessions.get(sessionId)?.size ?? 0;
    this.#sessions.delete(sessionId);
  }

  #drop(ids: Ids, key: string): void {
    const { size } = ids.made.get(key) ?? { size: 0 };
    ids.made.delete(key);
    ids.size -= size;
    this.#size -= size;
  }
}

const SHARED: ReadonlySet<Kept["kind"]> = new Set(["file", "vector store", "skill"]);

/** The operator says that it is everybody's: no session makes these. */
function isShared({ shared }: ModelConnection, { kind, id }: Kept): boolean {
  return SHARED.has(kind) && shared.has(id);
}

function keyOf(connection: string, { kind, id }: Kept): string {
  return `${connection} ${kind} ${id}`;
}

function replyOf({ asked, endpoint: { dialect } }: Asking, summary: ReplySummary | undefined): KeptReply {
  return {
    // What answers a call says its id alone: its arguments may be megabytes, and thousands of replies are kept.
    denied: deniedOf(summary?.toolCalls ?? []).map(({ call: { id, kind }, text }) => ({
      call: { id, name: "", text: "", index: 0, ...(kind === undefined ? {} : { kind }) },
      text,
    })),
    tools: asked?.tools.filter(({ server }) => server) ?? [],
    mcpServers: asked?.mcpServers ?? [],
    tokens: dialect === undefined ? 0 : totalOf(countedOf(dialect, summary?.usage ?? {})),
  };
}

function sizeOf({ denied, tools, mcpServers }: KeptReply): number {
  return JSON.stringify([denied, tools, mcpServers]).length;
}
