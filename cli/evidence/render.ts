import { harmless } from "../../audit/harmless.ts";
import type { SessionSummary } from "../../audit/queries.ts";

/** Columns as wide as their widest cell. Cells are made safe to print. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const safe = [header, ...rows.map((row) => row.map(harmless))];
  const widths = header.map((_, i) => Math.max(...safe.map((row) => (row[i] ?? "").length)));
  return safe
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

export function renderSessions(sessions: readonly SessionSummary[]): string {
  if (sessions.length === 0) return "no sessions";
  return table(
    ["SESSION", "STARTED", "USER", "AGENT", "REQUESTS", "REFUSED", "HELD", "STATE"],
    sessions.map((session) => [
      session.session_id,
      session.started_at.slice(0, 19),
      session.username,
      session.agent,
      String(session.requests),
      String(session.refused),
      String(session.held),
      [session.state, ...(session.break_glass > 0 ? ["break-glass"] : []), ...(session.has_gaps ? ["gaps"] : [])].join(
        ", ",
      ),
    ]),
  );
}

export function renderSession(session: SessionSummary): string {
  const pairs: [string, string][] = [
    ["session", session.session_id],
    ["user", `${session.username} (${session.issuer})`],
    ["agent", session.agent],
    ["reason", session.reason],
    ["started", `${session.started_at.slice(0, 19)} UTC`],
    ["last event", `${session.last_at.slice(0, 19)} UTC`],
    ["state", session.state],
    ["connections", session.connections.join(", ")],
    [
      "requests",
      `${session.requests}, of which refused ${session.refused}, held ${session.held}, masked ${session.masked}`,
    ],
    ["events", `${session.events}${session.has_gaps ? ", with gaps" : ""}`],
  ];
  return pairs
    .filter(([, value]) => value !== "")
    .map(([name, value]) => `${name.padEnd(12)}  ${harmless(value)}`)
    .join("\n");
}
