import { recordedRows } from "../recorded-rows.ts";
import { shadowDifferences, shadowSummary } from "../shadow-rows.ts";
import { approvalsQuery, breakGlassQuery, exceptionsUsedQuery, whoApprovedQuery } from "./approvals.ts";
import {
  changesOfPromptQuery,
  promptOfRequestQuery,
  promptsOfFileQuery,
  tokensQuery,
  toolCallsQuery,
} from "./dialogue.ts";
import { equalValuesQuery, maskedFieldsQuery, policyFindingsQuery, readsQuery, secretReadsQuery } from "./masked.ts";
import { blockedAttemptsQuery, privilegedOperationsQuery, unguardedQuery } from "./privileged-operations.ts";
import { type NamedQuery, question } from "./question.ts";
import { sessionActivityQuery, sessionsQuery, sessionsWithGapsQuery } from "./sessions.ts";

const decisionsQuery = question(
  { name: "decisions", title: "decisions and what was asked, the latest first, as policy backtest reads them" },
  recordedRows,
);
const shadowSummaryQuery = question(
  { name: "shadow-summary", title: "how candidate policies compare with the one in force, and what they cost" },
  shadowSummary,
);
const shadowDifferencesQuery = question(
  { name: "shadow-differences", title: "what a candidate policy would have decided otherwise, the latest first" },
  shadowDifferences,
);

/** What `audit query <name>` and `POST /v1alpha1/queries/{name}` may ask, the auditor's first question first. */
export const namedQueries: Readonly<Record<string, NamedQuery>> = Object.fromEntries(
  [
    privilegedOperationsQuery,
    unguardedQuery,
    whoApprovedQuery,
    approvalsQuery,
    sessionsQuery,
    sessionActivityQuery,
    sessionsWithGapsQuery,
    secretReadsQuery,
    maskedFieldsQuery,
    equalValuesQuery,
    blockedAttemptsQuery,
    breakGlassQuery,
    exceptionsUsedQuery,
    policyFindingsQuery,
    promptOfRequestQuery,
    changesOfPromptQuery,
    promptsOfFileQuery,
    toolCallsQuery,
    tokensQuery,
    readsQuery,
    decisionsQuery,
    shadowSummaryQuery,
    shadowDifferencesQuery,
  ].map((query) => [query.name, query]),
);

/** The question of that name, and of no name that an object has of itself. */
export function namedQuery(name: string): NamedQuery | undefined {
  return Object.hasOwn(namedQueries, name) ? namedQueries[name] : undefined;
}
