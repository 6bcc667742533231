import type { EvidenceStatus } from "../../audit/evidence/checkpoint.ts";
import { family, gauge, label } from "./metrics.ts";

/** What an operator watches of the record's proof, in the text format of Prometheus. */
export function renderEvidenceMetrics({ signedAt, signing, places = [], reconciled }: EvidenceStatus): string {
  const lines = [
    ...gauge(
      "sallyport_checkpoint_last_timestamp_seconds",
      "When the record was last signed by this process; 0 before that. A record that nothing is added to is not signed again.",
      Math.floor((signedAt ?? 0) / 1000),
    ),
    ...gauge("sallyport_checkpoint_failing", "1 while the record cannot be signed.", signing === undefined ? 0 : 1),
    ...family("sallyport_checkpoint_place_failing", "gauge", "Places that do not take checkpoints now."),
    ...places.map(({ name }) => `sallyport_checkpoint_place_failing{place="${label(name)}"} 1`),
    ...gauge(
      "sallyport_store_reconciled_timestamp_seconds",
      "When the store was last compared with what was recorded; 0 before that.",
      Math.floor((reconciled?.at ?? 0) / 1000),
    ),
    ...gauge(
      "sallyport_store_differences",
      "Chains that the store does not have as they were recorded. Anything but 0 is an alarm.",
      reconciled?.differences ?? 0,
    ),
  ];
  return `${lines.join("\n")}\n`;
}
