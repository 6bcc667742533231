import { rfc3339 } from "../../base/clock.ts";
import { sha256 } from "../../base/digest.ts";
import { type ApprovalSummary, summaryOf } from "../pull-request/summary.ts";
import { clip } from "../text.ts";
import type { Approval, HomeStatus } from "../types.ts";

export type ApprovalNews =
  | "approval.held"
  | "approval.approved"
  | "approval.denied"
  | "approval.expiring"
  | "break_glass.used"
  | "break_glass.review_overdue";

/** What people are told. It has names and rules, and neither a value of the change nor what the agent says of it. */
export type NotificationEvent =
  | { type: ApprovalNews; at: number; approval: ApprovalSummary; by?: string; reason?: string; reviewBy?: string }
  | { type: "approvals.frozen"; at: number; from: string; to: string; why: string };

/** News of an approval; `url` is its page on the gateway, `at` in milliseconds since the epoch. */
export function approvalNews(type: ApprovalNews, approval: Approval, url: string, at: number): NotificationEvent {
  const { denial, approvals, breakGlass } = approval;
  const vote = { "approval.denied": denial, "approval.approved": approvals.at(-1), "break_glass.used": breakGlass?.by }[
    type as string
  ];
  return {
    type,
    at,
    approval: summaryOf(approval, url),
    ...(vote === undefined ? {} : { by: clip(vote.username, 200), reason: clip(vote.reason, 500) }),
    ...(breakGlass === undefined ? {} : { reviewBy: rfc3339(breakGlass.reviewBy) }),
  };
}

export function frozenNews({ from, to, at, why }: NonNullable<HomeStatus["frozen"]>): NotificationEvent {
  return { type: "approvals.frozen", at, from, to, why: clip(why, 500) };
}

/** The same for the same news, whichever replica tells it, and however often: a receiver tells them apart by it. */
export function newsId(event: NotificationEvent): string {
  const about = event.type === "approvals.frozen" ? `${event.from} ${event.to}` : event.approval.name;
  return `msg_${sha256(`${event.type} ${about}`).slice(0, 32)}`;
}

/** What a flood of holds must not push out of a queue. */
export function isUrgent({ type }: NotificationEvent): boolean {
  return type === "approvals.frozen" || type.startsWith("break_glass.");
}
