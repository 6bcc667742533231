import { Refusal } from "../base/errors.ts";
import { parseLossless } from "../base/lossless-json.ts";
import { jsonForYaml } from "../kubernetes/body/yaml.ts";
import type { Forwarded } from "./exchange.ts";
import { answerHeaders } from "./headers.ts";

/** A masked answer as the client reads it. For YAML it is JSON that every YAML reader takes alike: `yes` stays text. */
export function renderAnswer(json: string, render: "json" | "yaml"): Buffer {
  return Buffer.from(render === "json" ? json : jsonForYaml(parseLossless(json)));
}

/** What the headers of an answer say of the bytes of its body: no longer true of a masked one (RFC 9110 §8). */
const OF_THE_BYTES = ["content-length", "content-encoding", "etag", "last-modified", "accept-ranges", "digest"];

/** The headers of an answer whose body is not the upstream's. */
export function maskedHeaders({ response, id, warnings, render }: Forwarded): Record<string, string | string[]> {
  const headers = answerHeaders(response.headers, id, warnings);
  for (const name of OF_THE_BYTES) delete headers[name];
  if (render === "yaml") headers["content-type"] = "application/yaml";
  return headers;
}

/** The client takes no encoding in which the answer can be masked. */
export function notAcceptable({ decision }: Pick<Forwarded, "decision">): Refusal {
  return new Refusal(
    "not-acceptable",
    "the answer holds values to mask, and none of the accepted encodings can be masked",
    { decisionId: decision.decisionId, next: "Accept application/json." },
  );
}
