import type { Recorder } from "../../audit/event.ts";
import type { PolicyHolder } from "../../engine/policy-holder.ts";
import type { Shadow, ShadowCounts } from "../../engine/shadow.ts";
import type { DataPlane } from "../../proxy/handler.ts";
import type { OpenStreams } from "../../proxy/open-streams.ts";

interface Measured {
  proxy: DataPlane;
  streams: OpenStreams;
  recorder: Recorder;
  policy: PolicyHolder;
  shadow: Shadow | undefined;
}

/** What an operator watches, in the text format of Prometheus. Labels come from the configuration, never from callers. */
export function renderMetrics({ proxy, streams, recorder, policy, shadow }: Measured): string {
  const { revision, rejected, serial, checkedAt, failures } = policy.status();
  const lines = [
    ...family("sallyport_answers_total", "counter", "Answers by connection and status."),
    ...[...proxy.answers.values()].map(
      ({ connection, status, count }) =>
        `sallyport_answers_total{connection="${connection}",status="${status}"} ${count}`,
    ),
    ...gauge("sallyport_in_flight", "Requests under way, held ones included.", proxy.inFlight),
    ...gauge("sallyport_open_streams", "Watches, followed logs and tunnels.", streams.size),
    ...gauge(
      "sallyport_recorder_failing",
      "1 while what must be recorded is refused.",
      recorder.failure() === undefined ? 0 : 1,
    ),
    ...gauge(
      "sallyport_policy_rejected",
      "1 while a later policy than the one in force was rejected.",
      rejected === undefined ? 0 : 1,
    ),
    ...family("sallyport_policy_info", "gauge", "The revision in force."),
    `sallyport_policy_info{bundle="${label(revision.bundle)}",guardrails="${revision.guardrails}"} 1`,
    ...gauge("sallyport_policy_serial", "The serial of the bundle in force; 0 where it has none.", serial ?? 0),
    ...gauge(
      "sallyport_policy_last_success_timestamp_seconds",
      "When what is at the bundle's source was last found to be what is in force.",
      Math.floor(Date.parse(checkedAt) / 1000),
    ),
    ...family("sallyport_policy_update_failures_total", "counter", "Updates that were out of reach or rejected."),
    `sallyport_policy_update_failures_total ${failures}`,
    ...(shadow === undefined ? [] : renderShadow(shadow.counts)),
    ...gauge("process_resident_memory_bytes", "Resident memory.", process.memoryUsage.rss()),
  ];
  return `${lines.join("\n")}\n`;
}

/** What the candidate said, and what it costs: microseconds over evaluations. */
function renderShadow({ dropped, microseconds, ...answers }: ShadowCounts): string[] {
  return [
    ...family("sallyport_shadow_evaluations_total", "counter", "Decisions of the candidate, beside the one in force."),
    ...Object.entries(answers).map(
      ([result, count]) => `sallyport_shadow_evaluations_total{result="${result}"} ${count}`,
    ),
    ...family("sallyport_shadow_dropped_total", "counter", "Requests that the candidate was not asked about."),
    `sallyport_shadow_dropped_total ${dropped}`,
    ...family(
      "sallyport_shadow_microseconds_total",
      "counter",
      "What the candidate's evaluations took, in their thread.",
    ),
    `sallyport_shadow_microseconds_total ${microseconds}`,
  ];
}

/** A revision is whatever its build called it. */
export function label(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}

export function family(name: string, type: "counter" | "gauge", help: string): string[] {
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`];
}

export function gauge(name: string, help: string, value: number): string[] {
  return [...family(name, "gauge", help), `${name} ${value}`];
}
