/** A request to a cluster that a tool call's command would make; absent fields are not known ahead. */
export interface ExpectedRequest {
  verb: string;
  group?: string;
  resource: string;
  subResource?: string;
  namespace?: string;
  name?: string;
}

/** A tool call that was released to the client, whose result has not come back. */
export interface OpenCall {
  toolUseId: string;
  promptId: string;
  name: string;
  /** Milliseconds since the epoch. */
  releasedAt: number;
  expects: readonly ExpectedRequest[];
}

/**
 * How sure it is which tool call a request comes of. `exact`: one open call alone would make this very request. `window`: one
 * call alone was open. `claimed`: a header of the client's says so. `none`: several were open, or none.
 */
export type LinkStrength = "exact" | "window" | "claimed" | "none";

export interface Link {
  strength: LinkStrength;
  /** Empty where it is not known. */
  promptId: string;
  toolUseId: string;
  /** Where several calls were open and could not be told apart. */
  candidates?: string[];
}

interface Dialogue {
  open: Map<string, OpenCall>;
  /** By tool call, also of calls that came back: results are sent again with each request. */
  prompts: Map<string, string>;
}

/** More than any dialogue of a day has; the oldest go first. */
const CALLS = 4_096;
const SESSIONS = 100_000;

/** What each session's model was asked, and which of its tool calls are out: what ties a cluster's requests to prompts. */
export class Dialogues {
  readonly #sessions = new Map<string, Dialogue>();

  /**
   * The prompt that a request to the model goes on with: the one whose tool calls it brings the results of. `fresh` where a
   * person said something new, or nothing is known of the results.
   */
  promptOf(
    sessionId: string,
    asked: { prompt: string; toolResults: readonly { id: string }[] },
    fresh: string,
  ): string {
    const known = this.#sessions.get(sessionId);
    if (known === undefined || asked.prompt !== "") return fresh;
    for (const { id } of asked.toolResults.toReversed()) {
      const prompt = known.prompts.get(id);
      if (prompt !== undefined) return prompt;
    }
    return fresh;
  }

  released(sessionId: string, call: OpenCall): void {
    const dialogue = this.#of(sessionId);
    set(dialogue.open, call.toolUseId, call);
    set(dialogue.prompts, call.toolUseId, call.promptId);
  }

  /** The call whose result came back now; undefined where it came before, or was never released here. */
  returned(sessionId: string, toolUseId: string): OpenCall | undefined {
    const dialogue = this.#sessions.get(sessionId);
    const call = dialogue?.open.get(toolUseId);
    dialogue?.open.delete(toolUseId);
    return call;
  }

  /** Which tool call a request of this session to a cluster comes of. */
  link(sessionId: string, request: Required<ExpectedRequest>): Link {
    const open = [...(this.#sessions.get(sessionId)?.open.values() ?? [])];
    if (open.length === 0) return { strength: "none", promptId: "", toolUseId: "" };
    const exact = open.filter(({ expects }) => expects.some((one) => matches(one, request)));
    const found = exact.length > 0 ? exact : open;
    const [first] = found;
    if (found.length === 1 && first !== undefined) {
      const { promptId, toolUseId } = first;
      return { strength: exact.length === 1 ? "exact" : "window", promptId, toolUseId };
    }
    const prompts = new Set(found.map(({ promptId }) => promptId));
    return {
      strength: "none",
      promptId: prompts.size === 1 ? (first?.promptId ?? "") : "",
      toolUseId: "",
      candidates: found.slice(0, 20).map(({ toolUseId }) => toolUseId),
    };
  }

  forget(sessionId: string): void {
    this.#sessions.delete(sessionId);
  }

  #of(sessionId: string): Dialogue {
    let dialogue = this.#sessions.get(sessionId);
    if (dialogue === undefined) {
      dialogue = { open: new Map(), prompts: new Map() };
      set(this.#sessions, sessionId, dialogue, SESSIONS);
    }
    return dialogue;
  }
}

function matches(expected: ExpectedRequest, request: Required<ExpectedRequest>): boolean {
  const fields = ["verb", "group", "resource", "subResource", "namespace", "name"] as const;
  return fields.every((field) => expected[field] === undefined || expected[field] === request[field]);
}

function set<Value>(map: Map<string, Value>, key: string, value: Value, limit = CALLS): void {
  if (map.size >= limit && !map.has(key)) {
    const oldest = map.keys().next().value;
    if (oldest !== undefined) map.delete(oldest);
  }
  map.set(key, value);
}
