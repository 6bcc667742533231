import type { EventRow } from "./event.ts";
import { harmless } from "./harmless.ts";
import { payloadOf } from "./stream-frames.ts";

/** How a person is told of prompts and tool calls: by number where their beginning is there, else by id. */
export interface DialogueNames {
  prompt(promptId: string): string;
  call(toolUseId: string): string;
}

type Payload = Record<string, unknown>;

const BY_ID: DialogueNames = { prompt: (id) => `prompt ${short(id)}`, call: (id) => `call ${short(id)}` };
const LONGEST_NAME = 80;

/** What an event of a dialogue says, as `describeEvent` does. */
export function describeDialogue(event: EventRow, names: DialogueNames = BY_ID): string[] {
  const payload: Payload = payloadOf(event);
  switch (event.kind) {
    case "dialogue.prompt":
      return [asked(event, payload, names), ...decided(payload)];
    case "dialogue.reply":
      return [replied(event, payload), ...serverTools(payload)];
    case "dialogue.tool_use":
      return [
        `${names.call(event.tool_use_id)}, ${text(payload.tool)}: ${verdict(payload)}${under(event)}`,
        ...decided(payload),
        ...would(payload),
      ];
    default: {
      const size = typeof payload.characters === "number" ? `, ${payload.characters} characters` : "";
      const failed = payload.isError === true ? ", an error" : "";
      if (payload.stray === true)
        return [
          `words in the place of a result of ${names.call(event.tool_use_id)}, which was not open${failed}${size}`,
        ];
      return [`result of ${names.call(event.tool_use_id)}, ${text(payload.tool)}${failed}${size}`];
    }
  }
}

function asked(event: EventRow, payload: Payload, names: DialogueNames): string {
  const who = harmless(event.username || "somebody unknown");
  const prompt = names.prompt(event.prompt_id);
  switch (payload.continues) {
    case "results":
      return `${prompt} goes on with results${redacted(payload)}`;
    case "retry":
      return `${prompt} is sent again${redacted(payload)}`;
    case "subagent":
      return `${names.call(event.tool_use_id)} tells another agent, for ${prompt}${redacted(payload)}`;
    default:
      return `${prompt}, by ${who} to ${text(payload.model)} on ${harmless(event.connection)}${redacted(payload)}`;
  }
}

function redacted({ redacted: count }: Payload): string {
  return typeof count === "number" && count > 0 ? `; ${count} values were taken out` : "";
}

function replied({ status, duration_us }: EventRow, payload: Payload): string {
  const { stopReason, usage, broken, cut } = payload;
  const parts = [
    status === 200 ? "" : `status ${status}`,
    typeof stopReason === "string" ? harmless(stopReason) : "",
    tokens(usage),
    typeof broken === "string" ? `broken: ${harmless(broken)}` : "",
    typeof cut === "string" ? `cut: ${harmless(cut)}` : "",
  ];
  return `reply in ${(duration_us / 1000).toFixed(0)} ms: ${parts.filter(Boolean).join("; ") || "nothing is known of it"}`;
}

function tokens(usage: unknown): string {
  if (typeof usage !== "object" || usage === null) return "";
  const { inputTokens, outputTokens } = usage as Payload;
  const parts = [
    ...(typeof inputTokens === "number" ? [`${inputTokens} tokens in`] : []),
    ...(typeof outputTokens === "number" ? [`${outputTokens} out`] : []),
  ];
  return parts.join(", ");
}

function serverTools({ serverTools: tools }: Payload): string[] {
  return list(tools).map(({ name }) => `  ran ${text(name)} at the provider`);
}

function verdict(payload: Payload): string {
  switch (payload.verdict) {
    case "release":
      return "released";
    case "replace":
      return "blocked, with words in its place";
    case "rewrite":
      return "released with other arguments";
    default:
      return harmless(String(payload.verdict ?? "nothing is known of it"));
  }
}

const under = ({ approval_id }: EventRow): string => (approval_id === "" ? "" : `, approval ${harmless(approval_id)}`);

function decided({ findings }: Payload): string[] {
  return list(findings).map(
    ({ effect, rule, message }) =>
      `  ${text(effect)} by ${text(rule)}${typeof message === "string" ? `: ${harmless(message)}` : ""}`,
  );
}

/** What its text says that it would do. */
function would({ expects, files, unparsed }: Payload): string[] {
  const requests = list(expects).map((one) => {
    const group = typeof one.group === "string" && one.group !== "" ? `.${one.group}` : "";
    const sub = typeof one.subResource === "string" && one.subResource !== "" ? `/${one.subResource}` : "";
    const object = [one.namespace, one.name].filter((part) => typeof part === "string" && part !== "").join("/");
    return `  would ${text(one.verb)} ${text(one.resource || "what a file says")}${harmless(`${group}${sub} ${object}`).trimEnd()}`;
  });
  const changes = list(files).map(({ change, path }) => `  would ${text(change)} ${text(path)}`);
  const unread = typeof unparsed === "number" && unparsed > 0 ? [`  ${unparsed} of its commands cannot be read`] : [];
  return [...requests, ...changes, ...unread];
}

function list(value: unknown): Payload[] {
  return Array.isArray(value) ? value.filter((one): one is Payload => typeof one === "object" && one !== null) : [];
}

const text = (value: unknown): string => harmless(String(value ?? "?").slice(0, 2_000));

function short(id: string): string {
  return harmless(id.slice(0, LONGEST_NAME)) || "that is not known";
}
