import { z } from "zod";
import { within } from "../period.ts";
import { connection, MOST_ROWS, namespace, session, user, WHO_AND_WHERE } from "./parameters.ts";
import { sqlQuestion } from "./question.ts";

const id = (what: string) => z.string().min(1).max(256).describe(what);
const some = (what: string) => z.string().max(512).optional().describe(what);

const SESSION = "({session:String} = '' OR session_id = {session:String})";
const USER = "({user:String} = '' OR username = {user:String})";

/** What a person said, by session and prompt; `of` picks the prompts. Its words are there where the level kept them. */
const promptsOf = (of: string): string => `
  SELECT session_id, prompt_id, min(at) AS said_at, argMin(username, at) AS said_by, argMin(words, at) AS prompt, argMin(model, at) AS model FROM (
    SELECT session_id, prompt_id, at, username, JSONExtractString(payload, 'prompt') AS words, JSONExtractString(payload, 'model') AS model
      FROM events WHERE tenant = {tenant:String} AND kind = 'dialogue.prompt' AND NOT JSONHas(payload, 'continues') AND ${of}
  ) GROUP BY session_id, prompt_id`;

/** The tool calls of some sessions: of an id that a provider gives twice, the latest. */
const callsOf = (of: string): string => `
  SELECT session_id, tool_use_id, argMax(prompt_id, at) AS prompt_id, argMax(tool, at) AS tool, argMax(verdict, at) AS verdict FROM (
    SELECT session_id, tool_use_id, prompt_id, at, JSONExtractString(payload, 'tool') AS tool, JSONExtractString(payload, 'verdict') AS verdict
      FROM events WHERE tenant = {tenant:String} AND kind = 'dialogue.tool_use' AND ${of}
  ) GROUP BY session_id, tool_use_id`;

/** What came back of tool calls that were open: what was said later in the place of a result tells nothing of the call. */
const resultsOf = (of: string): string => `
  SELECT session_id, tool_use_id, argMax(failed, at) AS failed, count() AS results FROM (
    SELECT session_id, tool_use_id, at, JSONExtractBool(payload, 'isError') AS failed
      FROM events WHERE tenant = {tenant:String} AND kind = 'dialogue.tool_result' AND NOT JSONExtractBool(payload, 'stray') AND ${of}
  ) GROUP BY session_id, tool_use_id`;

/** What became of a file that a call would change: its result says whether the tool did. */
const FILE_OUTCOME = `multiIf(verdict = 'replace', 'blocked', results = 0, 'unknown', failed, 'failed', 'changed')`;

/** Requests to model providers are not to a cluster. */
const NOT_MODEL =
  "NOT (api_group = '' AND resource IN ('messages', 'count_tokens', 'chat.completions', 'responses', 'models'))";

/** Requests to clusters by exchange, with how they ended and which tool call they are tied to; `of` picks their events. */
const requestsOf = (of: string): string => `
  SELECT exchange_id, any(session_id) AS session_id, min(at) AS asked_at, any(username) AS username, any(connection) AS connection,
         any(verb) AS verb, any(api_group) AS api_group, any(resource) AS resource, any(subresource) AS subresource, any(namespace) AS namespace,
         max(name) AS name, max(answered) AS status, max(dry) AS dry, max(prompt_id) AS prompt_id, max(tool_use_id) AS tool_use_id,
         max(strength) AS strength, max(candidates) AS candidates,
         multiIf(countIf(kind = 'request.refused') > 0, 'refused', countIf(kind = 'request.outcome') = 0, 'unknown', max(answered) BETWEEN 200 AND 299, 'done', 'failed') AS outcome
    FROM (
      SELECT exchange_id, session_id, at, kind, username, connection, toString(verb) AS verb, toString(api_group) AS api_group, toString(resource) AS resource,
             toString(subresource) AS subresource, toString(namespace) AS namespace, name, status AS answered, prompt_id, tool_use_id, JSONExtractBool(payload, 'dryRun') AS dry,
             JSONExtractString(payload, 'link', 'strength') AS strength, JSONExtract(payload, 'link', 'candidates', 'Array(String)') AS candidates
        FROM events
       WHERE tenant = {tenant:String} AND kind IN ('request.intent', 'request.outcome', 'request.refused')
         AND ${NOT_MODEL} AND ${of}
    ) GROUP BY exchange_id`;

/** `none` is two things: several calls may have made it, or none was open. */
const LINK = "if(strength = 'none' AND notEmpty(candidates), 'one of several', strength)";

/** The requests that are asked about. */
const WHICH = `${within("at")} AND ({exchange:String} = '' OR exchange_id = {exchange:String}) AND ({verb:String} = '' OR verb = {verb:String})
         AND ({resource:String} = '' OR resource = {resource:String}) AND ({name:String} = '' OR name = {name:String})
         AND ${WHO_AND_WHERE} AND ${SESSION}`;

export const promptOfRequestQuery = sqlQuestion({
  name: "prompt-of-request",
  title:
    "which prompt led to a request, or to requests like it, the latest first; where tool calls were not told apart, a row for each that it may be",
  parameters: {
    exchange: some("only the request of this exchange: its Audit-ID"),
    verb: some("only of this verb, as delete"),
    resource: some("only of this resource, as deployments"),
    namespace,
    name: some("only of the object of this name"),
    user,
    connection,
    session,
  },
  // Of a record of millions, those that are shown are picked first: they are few, and put together one by one.
  sql: `WITH asked AS (
  SELECT * EXCEPT (tool_use_id), ${LINK} AS link, arrayJoin(if(tool_use_id = '' AND notEmpty(candidates), candidates, [tool_use_id])) AS call FROM (${requestsOf(`${WHICH}
         AND exchange_id IN (
           SELECT exchange_id FROM events
            WHERE tenant = {tenant:String} AND kind IN ('request.intent', 'request.outcome', 'request.refused') AND ${NOT_MODEL} AND ${WHICH}
            ORDER BY at DESC LIMIT ${MOST_ROWS * 3})`)})
   ORDER BY asked_at DESC, exchange_id, call LIMIT {limit:UInt32}
), tied AS (
  SELECT a.*, c.tool AS tool, c.verdict AS verdict, if(a.prompt_id = '', c.prompt_id, a.prompt_id) AS prompt_of
    FROM asked AS a LEFT JOIN (${callsOf("session_id IN (SELECT session_id FROM asked)")}) AS c ON c.session_id = a.session_id AND c.tool_use_id = a.call
)
SELECT t.asked_at AS at, t.exchange_id AS exchange_id, t.verb AS verb, t.api_group AS api_group, t.resource AS resource, t.subresource AS subresource,
       t.namespace AS namespace, t.name AS name, t.connection AS connection, t.username AS username, t.outcome AS outcome, t.status AS status, t.link AS link,
       t.prompt_of AS prompt_id, p.prompt AS prompt, if(p.prompt_id = '', NULL, p.said_at) AS said_at, p.model AS model, t.call AS tool_use_id, t.tool AS tool,
       t.session_id AS session_id
  FROM tied AS t LEFT JOIN (${promptsOf("session_id IN (SELECT session_id FROM asked)")}) AS p ON p.session_id = t.session_id AND p.prompt_id = t.prompt_of
 ORDER BY at DESC, exchange_id, tool_use_id LIMIT {limit:UInt32}`,
});

export const changesOfPromptQuery = sqlQuestion({
  name: "changes-of-prompt",
  title:
    "what a prompt changed, in order: writes to clusters and what runs in containers, with how sure it is that they come of it, and files",
  parameters: { prompt: id("the prompt's id, as prompt-of-request and sessions replay --output json have it") },
  sql: `WITH mine AS (
  SELECT DISTINCT session_id, tool_use_id FROM events WHERE tenant = {tenant:String} AND kind = 'dialogue.tool_use' AND prompt_id = {prompt:String}
)
SELECT * FROM (
  SELECT asked_at AS at, 'request' AS what, verb AS change, concat(resource, if(subresource = '', '', '/'), subresource, if(api_group = '', '', '.'), api_group) AS of,
         concat(namespace, if(namespace = '', '', '/'), name) AS object, connection, outcome, status, ${LINK} AS link, tool_use_id, exchange_id, session_id
    FROM (${requestsOf(`${within("at")}
         AND session_id IN (SELECT session_id FROM mine)
         AND (prompt_id = {prompt:String} OR (prompt_id = '' AND hasAny(JSONExtract(payload, 'link', 'candidates', 'Array(String)'), (SELECT groupArray(tool_use_id) FROM mine))))
         AND (verb IN ('create', 'update', 'patch', 'delete', 'deletecollection') OR subresource IN ('exec', 'attach', 'portforward', 'proxy'))
         AND api_group NOT IN ('authorization.k8s.io', 'authentication.k8s.io')`)})
   WHERE NOT dry
  UNION ALL
  SELECT c.at, 'file', JSONExtractString(file, 'change'), c.tool, JSONExtractString(file, 'path'), '', ${FILE_OUTCOME}, toUInt16(0), 'exact', c.tool_use_id, '', c.session_id
    FROM (
      SELECT at, session_id, tool_use_id, JSONExtractString(payload, 'tool') AS tool, JSONExtractString(payload, 'verdict') AS verdict,
             arrayJoin(JSONExtractArrayRaw(payload, 'files')) AS file
        FROM events WHERE tenant = {tenant:String} AND kind = 'dialogue.tool_use' AND prompt_id = {prompt:String} AND ${within("at")}
    ) AS c LEFT JOIN (${resultsOf("session_id IN (SELECT session_id FROM mine)")}) AS r ON r.session_id = c.session_id AND r.tool_use_id = c.tool_use_id
)
ORDER BY at, what, object LIMIT {limit:UInt32}`,
});

export const promptsOfFileQuery = sqlQuestion({
  name: "prompts-of-file",
  title: "which prompts changed a file, the latest first: what tools were called to do, and what came of it",
  parameters: { file: id("the file's path, or the end of it: main.ts is also src/main.ts"), user, session },
  sql: `WITH calls AS (
  SELECT * FROM (
    SELECT at, session_id, username, prompt_id, tool_use_id, JSONExtractString(payload, 'tool') AS tool, JSONExtractString(payload, 'verdict') AS verdict,
           arrayJoin(JSONExtractArrayRaw(payload, 'files')) AS file, JSONExtractString(file, 'path') AS path
      FROM events
     WHERE tenant = {tenant:String} AND kind = 'dialogue.tool_use' AND ${within("at")} AND position(payload, '"files"') > 0 AND ${SESSION} AND ${USER}
  ) WHERE path = {file:String} OR endsWith(path, concat('/', {file:String}))
  ORDER BY at DESC, tool_use_id LIMIT {limit:UInt32}
)
SELECT c.at AS at, c.path AS path, JSONExtractString(c.file, 'change') AS change, ${FILE_OUTCOME} AS outcome, c.prompt_id AS prompt_id, p.prompt AS prompt, p.model AS model,
       c.tool AS tool, c.tool_use_id AS tool_use_id, c.username AS username, c.session_id AS session_id
  FROM calls AS c
  LEFT JOIN (${resultsOf("session_id IN (SELECT session_id FROM calls)")}) AS r ON r.session_id = c.session_id AND r.tool_use_id = c.tool_use_id
  LEFT JOIN (${promptsOf("session_id IN (SELECT session_id FROM calls)")}) AS p ON p.session_id = c.session_id AND p.prompt_id = c.prompt_id
 ORDER BY at DESC, tool_use_id, path LIMIT {limit:UInt32}`,
});

export const toolCallsQuery = sqlQuestion({
  name: "tool-calls",
  title:
    "tool calls and what became of them; first those with commands that could not be read, and of each the latest first",
  parameters: {
    verdict: z
      .enum(["release", "replace", "rewrite"])
      .optional()
      .describe("only what was released, replaced by words that say why, or released with other arguments"),
    tool: some("only of this tool, as Bash"),
    prompt: some("only of this prompt, by its id"),
    user,
    session,
  },
  sql: `WITH calls AS (
  SELECT * FROM (
    SELECT at, session_id, username, prompt_id, tool_use_id, JSONExtractString(payload, 'tool') AS tool, JSONExtractString(payload, 'verdict') AS verdict,
           JSONExtractUInt(payload, 'unparsed') AS unparsed, rules,
           arrayMap(one -> concat(JSONExtractString(one, 'verb'), ' ', JSONExtractString(one, 'resource'), if(JSONExtractString(one, 'subResource') = '', '', '/'), JSONExtractString(one, 'subResource'),
             ' ', JSONExtractString(one, 'namespace'), '/', JSONExtractString(one, 'name')), JSONExtractArrayRaw(payload, 'expects')) AS expects,
           arrayMap(one -> JSONExtractString(one, 'path'), JSONExtractArrayRaw(payload, 'files')) AS files, JSONExtractString(payload, 'decisionId') AS decision
      FROM events
     WHERE tenant = {tenant:String} AND kind = 'dialogue.tool_use' AND ${within("at")} AND ${SESSION} AND ${USER} AND ({prompt:String} = '' OR prompt_id = {prompt:String})
  ) WHERE ({verdict:String} = '' OR verdict = {verdict:String}) AND ({tool:String} = '' OR tool = {tool:String})
  ORDER BY unparsed = 0, at DESC, tool_use_id LIMIT {limit:UInt32}
)
SELECT c.at AS at, c.tool AS tool, c.verdict AS verdict, c.unparsed AS unparsed, c.rules AS rules, c.expects AS expects, c.files AS files,
       multiIf(results = 0, '', failed, 'error', 'ok') AS result, c.prompt_id AS prompt_id, c.tool_use_id AS tool_use_id, c.username AS username, c.session_id AS session_id,
       c.decision AS decision_id
  FROM calls AS c
  LEFT JOIN (${resultsOf("session_id IN (SELECT session_id FROM calls)")}) AS r ON r.session_id = c.session_id AND r.tool_use_id = c.tool_use_id
 ORDER BY unparsed = 0, at DESC, tool_use_id LIMIT {limit:UInt32}`,
});

export const tokensQuery = sqlQuestion({
  name: "tokens",
  title: "tokens by identity, session and model, as the providers counted them, the most first",
  parameters: { user, connection, session },
  sql: `SELECT username, session_id, model, count() AS replies, countIf(not_whole) AS not_whole, sum(input) AS input_tokens, sum(output) AS output_tokens,
       sum(cache_read) AS cache_read_tokens, sum(cache_write) AS cache_write_tokens, min(at) AS first_at, max(at) AS latest_at
  FROM (
    SELECT at, username, session_id, if(JSONExtractString(payload, 'model') = '', JSONExtractString(payload, 'asked'), JSONExtractString(payload, 'model')) AS model,
           status != 200 OR JSONHas(payload, 'broken') OR JSONHas(payload, 'cut') AS not_whole,
           JSONExtractUInt(payload, 'usage', 'inputTokens') AS input, JSONExtractUInt(payload, 'usage', 'outputTokens') AS output,
           JSONExtractUInt(payload, 'usage', 'cacheReadTokens') AS cache_read, JSONExtractUInt(payload, 'usage', 'cacheWriteTokens') AS cache_write
      FROM events
     WHERE tenant = {tenant:String} AND kind = 'dialogue.reply' AND ${within("at")} AND ${SESSION} AND ${USER} AND ({connection:String} = '' OR connection = {connection:String})
  )
 GROUP BY username, session_id, model ORDER BY input_tokens + output_tokens DESC, username, session_id, model LIMIT {limit:UInt32}`,
});
