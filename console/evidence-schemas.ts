import { EVENT_COLUMNS } from "../audit/export/event-row.ts";

/** JSON schemas of what the evidence routes answer, for /openapi.json; answers are not filtered by them. */

const TEXT = { type: "string" } as const;
const COUNT = { type: "integer", minimum: 0 } as const;
const LIST = { type: "array", items: TEXT } as const;
const FLAG = { type: "boolean" } as const;
const OF_TYPE = { text: TEXT, count: COUNT, list: LIST, flag: FLAG } as const;

function record<T extends Record<string, object>>(properties: T) {
  return { type: "object", properties, required: Object.keys(properties), additionalProperties: false } as const;
}

/** A row of `events` (contracts §6). */
export const EVENT = record(
  Object.fromEntries(Object.entries(EVENT_COLUMNS).map(([name, type]) => [name, OF_TYPE[type]])),
);

/** A row of the view `sessions`. */
export const SESSION = {
  ...record({
    tenant: TEXT,
    session_id: TEXT,
    started_at: TEXT,
    last_at: TEXT,
    issuer: TEXT,
    username: TEXT,
    agent: TEXT,
    reason: TEXT,
    connections: LIST,
    requests: COUNT,
    refused: COUNT,
    held: COUNT,
    masked: COUNT,
    has_gaps: FLAG,
    events: COUNT,
    state: { type: "string", enum: ["open", "closed", "killed"] },
    break_glass: COUNT,
    owner_issuer: TEXT,
    owner: TEXT,
  }),
  additionalProperties: true,
} as const;

/** A list of contracts §5. */
export const listOf = (items: object) => record({ items: { type: "array", items }, continue: TEXT });

/** What a question of auditors is answered with: its own columns. */
export const ROWS = record({ items: { type: "array", items: { type: "object" } }, more: FLAG, continue: TEXT });

export const DECISION = record({ id: TEXT, items: { type: "array", items: EVENT }, continue: TEXT });

/** RFC 9457, with what the control API adds. */
const PROBLEM = {
  type: "object",
  properties: {
    type: TEXT,
    title: TEXT,
    status: COUNT,
    detail: TEXT,
    code: TEXT,
    next: TEXT,
    decisionId: TEXT,
    errors: LIST,
    instance: TEXT,
  },
  required: ["type", "title", "status", "detail", "code"],
} as const;

const PROBLEMS: Record<number, string> = {
  400: "What was asked makes no sense.",
  401: "No token, or one that is not good any more.",
  403: "The caller has not the role for it.",
  404: "Not there, or not the caller's to read: the same answer.",
  429: "Too many at one time.",
  503: "The record cannot be read now, or the read cannot be put on record, so nothing is read.",
};

/** The answers of a route by status: its own 200, and the problems that it may answer with. */
export function answers(ok: { description: string; content: Record<string, { schema: object }> }, problems: number[]) {
  const content = { "application/problem+json": { schema: PROBLEM } };
  return {
    200: ok,
    ...Object.fromEntries(problems.map((status) => [status, { description: PROBLEMS[status], content }])),
  };
}

export const json = (description: string, schema: object) => ({
  description,
  content: { "application/json": { schema } },
});

/** What every route about one thing takes: any text, since a malformed id is one that is not there. */
export const ID = {
  type: "object",
  properties: { id: { type: "string", maxLength: 128 } },
  required: ["id"],
  additionalProperties: false,
} as const;

/** What all of them ask for. */
export const BEARER = [{ bearer: [] }];
