import type { BudgetsMetrics } from "../../proxy/model/budgets-metrics.ts";
import { family, label } from "./metrics.ts";

/** What models were asked for, in the text format of Prometheus. Names of models are capped where they are counted. */
export function renderModelMetrics(metrics: BudgetsMetrics): string {
  const counts = [...metrics.all()];
  const labels = (connection: string, model: string): string => `connection="${connection}",model="${label(model)}"`;
  const lines = [
    ...family("sallyport_model_replies_total", "counter", "Replies of models by connection and model."),
    ...counts.map(
      ({ connection, model, replies }) => `sallyport_model_replies_total{${labels(connection, model)}} ${replies}`,
    ),
    ...family(
      "sallyport_model_tokens_total",
      "counter",
      "Tokens by connection, model and kind; no token is two kinds.",
    ),
    ...counts.flatMap(({ connection, model, input, output, cacheRead, cacheWrite }) =>
      Object.entries({ input, output, cache_read: cacheRead, cache_write: cacheWrite }).map(
        ([kind, tokens]) => `sallyport_model_tokens_total{${labels(connection, model)},kind="${kind}"} ${tokens}`,
      ),
    ),
  ];
  return `${lines.join("\n")}\n`;
}
