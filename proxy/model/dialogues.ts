import { createHash } from "node:crypto";
import type { ModelRequest } from "../../dialogue/types.ts";
import { nowMs } from "../events.ts";
import { isCommand, type Link, type LinkedRequest, type OpenCall, possible } from "./link.ts";
import { MAX_ID } from "./recordable.ts";

/** Which prompt a request to the model is part of. */
export interface Turn {
  promptId: string;
  /**
   * Absent where a person said something new. `results`: it brings back what tool calls of that prompt gave. `subagent`: one of
   * its tool calls (`by`) says it to another agent. `retry`: the same was asked, and had no whole reply.
   */
  continues?: "results" | "subagent" | "retry";
  by?: string;
}

type ToolResult = ModelRequest["toolResults"][number];

/** `bytes`: how large the request is. */
type Asked = Pick<ModelRequest, "prompt" | "toolResults"> & { bytes: number };

interface Dialogue {
  /** Calls that are out, and those that go on in the background (`over`). */
  open: Map<string, OpenCall & { over?: boolean }>;
  /** By tool call, what was last said to be its result, in short, and of which prompt that request was. */
  brought: Map<string, { result: string; promptId: string }>;
  /** By prompt, what was said, in short. */
  said: Map<string, string>;
  /** By what was asked, the prompt that has no whole reply yet. */
  unanswered: Map<string, string>;
  /** By claim of the client's, what it was last made of: a prompt on the model's side, a tool call on the cluster's. */
  claimedPrompts: Map<string, string>;
  kubectlSessions: Map<string, string>;
}

/** More than any dialogue of a day has; the oldest go first. */
const CALLS = 4_096;
const OPEN = 256;
/**
 * A call whose result has not come back by then never will: its dialogue was cleared, or its client ended. Claude Code gives
 * a command ten minutes at most.
 */
const OPEN_MS = 3_600_000;
const SESSIONS = 100_000;
const CLAIMS = 256;
/** Named on record where calls are not told apart. */
const CANDIDATES = 20;

/** What each session's model was asked, and which of its tool calls are out: what ties a cluster's requests to prompts. */
export class Dialogues {
  readonly #sessions = new Map<string, Dialogue>();
  readonly #now: () => number;
  #unnamed = 0;

  /** @param now Milliseconds since the epoch. */
  constructor(now: () => number = nowMs) {
    this.#now = now;
  }

  /**
   * What a request to the model is part of. `fresh` is its prompt's id where it is part of nothing before. What is refused
   * after that was never said: only `said` makes it part of the dialogue.
   */
  turnOf(sessionId: string, asked: Asked, fresh: string): Turn {
    const dialogue = this.#of(sessionId);
    const words = ownWords(asked.prompt);
    const said = digest(words);
    const before = dialogue.unanswered.get(keyOf(asked, words));
    return before === undefined
      ? (goesOn(dialogue, asked, { words, said }) ?? { promptId: fresh })
      : { promptId: before, continues: "retry" };
  }

  /** The request goes to the provider: the same once more is a retry, and what it brings back may be sent again. */
  said(sessionId: string, asked: Asked, turn: Turn): void {
    const dialogue = this.#of(sessionId);
    const words = ownWords(asked.prompt);
    if (turn.continues === undefined) set(dialogue.said, turn.promptId, digest(words));
    set(dialogue.unanswered, keyOf(asked, words), turn.promptId, CLAIMS);
    for (const one of asked.toolResults) {
      const brought = { result: resultOf(one), promptId: turn.promptId };
      if (one.id !== "") set(dialogue.brought, idOf(one), brought);
    }
  }

  /** A request of that prompt had a whole reply: the same words again are said anew. */
  answered(sessionId: string, promptId: string): void {
    const unanswered = this.#sessions.get(sessionId)?.unanswered;
    for (const [key, prompt] of unanswered ?? []) if (prompt === promptId) unanswered?.delete(key);
  }

  /** Keeps what the client called a prompt, so that its requests to clusters may say the same. */
  claimed(sessionId: string, promptId: string, claims: Record<string, string>): void {
    const { claimedPrompts } = this.#of(sessionId);
    for (const claim of promptClaims(claims)) set(claimedPrompts, claim, promptId, CLAIMS);
  }

  released(sessionId: string, call: OpenCall): void {
    const dialogue = this.#of(sessionId);
    if (call.toolUseId === "") {
      // No result can name it, and each is a call of its own: what it may ask for comes of none of the others for sure.
      set(dialogue.open, `${UNNAMED}${++this.#unnamed}`, call, OPEN);
      return;
    }
    dialogue.open.delete(call.toolUseId);
    set(dialogue.open, call.toolUseId, call, OPEN);
  }

  /**
   * The call whose result came back now; undefined where it came before, or was never released here. Of calls that have no id,
   * the newest, once there are as many `results` without one as such calls are out: fewer may be of any of them.
   */
  returned(sessionId: string, toolUseId: string, results = 1): OpenCall | undefined {
    const { open } = this.#sessions.get(sessionId) ?? {};
    if (open === undefined) return undefined;
    const keys =
      toolUseId === "" ? [...open.keys()].filter((key) => isUnnamed(key) && !isOver(open, key)) : [toolUseId];
    if (keys.length > results) return undefined;
    let back: OpenCall | undefined;
    for (const key of keys) {
      const call = open.get(key);
      if (call === undefined || call.over === true) return undefined;
      if (call.background === true) open.set(key, { ...call, over: true });
      else open.delete(key);
      back = call;
    }
    return back;
  }

  /** Whether nobody said of that call's result before that it was this. */
  isNew(sessionId: string, one: ToolResult): boolean {
    return this.#sessions.get(sessionId)?.brought.get(idOf(one))?.result !== resultOf(one);
  }

  /** The tool calls that a request to a cluster may come of now; undefined where the session has no dialogue. */
  open(sessionId: string): readonly OpenCall[] | undefined {
    const dialogue = this.#sessions.get(sessionId);
    if (dialogue === undefined) return undefined;
    const since = this.#now() - OPEN_MS;
    return [...dialogue.open.values()].filter(
      ({ reach, over, releasedAt }) => reach !== "nothing" && (over === true || releasedAt > since),
    );
  }

  /**
   * Which tool call a request of this session to a cluster comes of; undefined where the session has no dialogue. `claims` is
   * called only where it has one. `all`: what was open when the request came.
   */
  link(
    sessionId: string,
    request: LinkedRequest,
    claims: () => Record<string, string>,
    all = this.open(sessionId),
  ): Link | undefined {
    const dialogue = this.#sessions.get(sessionId);
    if (dialogue === undefined || all === undefined) return undefined;
    const said = claims();
    const { strength, calls } = possible(all, request);
    const chosen = calls.length === 1 ? calls[0] : choose(dialogue, calls.length === 0 ? all : calls, said);
    const link: Link = {
      strength: chosen === undefined || chosen.toolUseId === "" ? "none" : calls.length === 1 ? strength : "claimed",
      promptId: chosen?.promptId ?? oneOf(calls.map(({ promptId }) => promptId)),
      toolUseId: chosen?.toolUseId ?? "",
      model: chosen?.model ?? oneOf(calls.map(({ model }) => model)),
    };
    if (calls.length > 1) {
      const named = calls.flatMap(({ toolUseId }) => (toolUseId === "" ? [] : [toolUseId]));
      link.candidates = named.slice(0, CANDIDATES);
    }
    if (Object.keys(said).length > 0) link.claims = said;
    const kubectl = said["kubectl-session"];
    if (calls.length === 1 && chosen !== undefined && chosen.toolUseId !== "" && kubectl !== undefined) {
      set(dialogue.kubectlSessions, kubectl, chosen.toolUseId, CLAIMS);
    }
    return link;
  }

  forget(sessionId: string): void {
    this.#sessions.delete(sessionId);
  }

  #of(sessionId: string): Dialogue {
    let dialogue = this.#sessions.get(sessionId);
    if (dialogue === undefined) {
      dialogue = {
        open: new Map(),
        brought: new Map(),
        said: new Map(),
        unanswered: new Map(),
        claimedPrompts: new Map(),
        kubectlSessions: new Map(),
      };
      set(this.#sessions, sessionId, dialogue, SESSIONS);
    }
    return dialogue;
  }
}

/** Longer than an id may be. */
const UNNAMED = "unnamed ".padEnd(MAX_ID + 1);
const isUnnamed = (key: string): boolean => key.startsWith(UNNAMED);
const isOver = (open: Dialogue["open"], key: string): boolean => open.get(key)?.over === true;

function goesOn(
  { open, brought, said: before }: Dialogue,
  { toolResults }: Asked,
  { words, said }: { words: string; said: string },
): Turn | undefined {
  for (const id of toolResults.map(idOf).toReversed()) {
    const call = open.get(id);
    if (call === undefined || isOver(open, id)) continue;
    // Some clients send the person's words again with the results, and a person may say the same twice.
    const again = before.get(call.promptId) === said;
    return words === "" || again ? { promptId: call.promptId, continues: "results" } : undefined;
  }
  const [last] = toolResults.slice(-1);
  if (last !== undefined && words === "") {
    // Sent again, word for word: whoever says something new in the place of an old result says it as anybody else.
    const known = toolResults.every((one) => brought.get(idOf(one))?.result === resultOf(one));
    const promptId = brought.get(idOf(last))?.promptId;
    return known && promptId !== undefined ? { promptId, continues: "results" } : undefined;
  }
  if (words === "") return undefined;
  for (const { says, promptId, toolUseId } of open.values()) {
    if (says !== undefined && says === words) return { promptId, continues: "subagent", by: toolUseId };
  }
  return undefined;
}

/** The one that the client's headers pick among calls that may have made a request. */
function choose(
  { kubectlSessions, claimedPrompts }: Dialogue,
  calls: readonly OpenCall[],
  claims: Record<string, string>,
): OpenCall | undefined {
  const bySession = kubectlSessions.get(claims["kubectl-session"] ?? "");
  const known = calls.find(({ toolUseId }) => toolUseId === bySession);
  if (known !== undefined) return known;
  const command = claims["kubectl-command"];
  const prompts = promptClaims(claims).flatMap((claim) => claimedPrompts.get(claim) ?? []);
  let left = calls;
  if (prompts.length > 0) left = left.filter(({ promptId }) => prompts.includes(promptId));
  if (command !== undefined)
    left = left.filter(({ kubectl = [] }) => kubectl.some((words) => isCommand(words, command)));
  return left.length === 1 && (prompts.length > 0 || command !== undefined) ? left[0] : undefined;
}

/** Claims that name a prompt, each with its kind; of a trace its id alone, which all of its spans share. */
function promptClaims(claims: Record<string, string>): string[] {
  const prompt = claims["x-claude-code-prompt-id"];
  const trace = claims.traceparent?.split("-")[1];
  return [...(prompt === undefined ? [] : [`prompt ${prompt}`]), ...(trace === undefined ? [] : [`trace ${trace}`])];
}

const OPENS = "<system-reminder>";
const CLOSES = "</system-reminder>";

/** What a person may have said: Claude Code adds its own reminders to what it sends in the person's place. */
export function ownWords(text: string): string {
  let words = "";
  let at = 0;
  for (;;) {
    const start = text.indexOf(OPENS, at);
    const end = start === -1 ? -1 : text.indexOf(CLOSES, start);
    if (end === -1) return (words + text.slice(at)).trim();
    words += text.slice(at, start);
    at = end + CLOSES.length;
  }
}

const keyOf = ({ bytes, toolResults }: Asked, words: string): string =>
  digest([bytes, ...toolResults.flatMap((one) => [one.id, resultOf(one)]), words].join(" "));

const idOf = ({ id }: ToolResult): string => id.slice(0, MAX_ID);
/** A request brings all results of its dialogue, and each is compared at several steps. */
const results = new WeakMap<ToolResult, string>();

function resultOf(one: ToolResult): string {
  const known = results.get(one) ?? digest(`${one.isError} ${one.text}`);
  results.set(one, known);
  return known;
}

const digest = (text: string): string => createHash("sha256").update(text).digest("base64");

function oneOf(values: readonly string[]): string {
  const distinct = new Set(values);
  return distinct.size === 1 ? (values[0] ?? "") : "";
}

function set<Value>(map: Map<string, Value>, key: string, value: Value, limit = CALLS): void {
  if (map.size >= limit && !map.has(key)) {
    const oldest = map.keys().next().value;
    if (oldest !== undefined) map.delete(oldest);
  }
  map.set(key, value);
}
