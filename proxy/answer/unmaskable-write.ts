import { Refusal } from "../../base/errors.ts";
import type { Decision } from "../../engine/decision.ts";
import { containsPlaceholder } from "../../engine/mask/contains-placeholder.ts";
import { createMasker, type Masker } from "../../engine/mask/masker.ts";
import type { DecodedBody } from "../../kubernetes/body/decode.ts";
import { refuseMaskedReads } from "../../kubernetes/masked-patch.ts";
import type { Deps } from "../deps.ts";
import type { Classified } from "../exchange.ts";
import { isLog } from "./redact-log.ts";

/**
 * What masks the answers to this request, or undefined where they may stream through untouched: what policy says,
 * and what the session must not see. What is no object has no mask: a log and a terminal are streams of bytes
 * (engine/mask/redact-stream.ts), and discovery holds nobody's values.
 */
export function maskerOf(
  { attributes, session }: { attributes: Classified["attributes"]; session: Pick<Classified["session"], "id"> },
  decision: Decision,
  deps: Pick<Deps, "hmacKey" | "knownValues">,
): Masker | undefined {
  const { group, resource, namespace, name, operation, nonResource } = attributes;
  if (nonResource || resource === "" || operation === "CONNECT" || isLog({ attributes })) return undefined;
  return createMasker(
    decision.mask,
    { group, resource, namespace, name },
    { hmacKey: deps.hmacKey, known: deps.knownValues.of(session.id) },
  );
}

/**
 * A placeholder that is written back would destroy the secret it stands for (`kubectl edit`), and a JSON patch
 * that tests, copies or moves a masked value is a way to guess it or to carry it out of the mask. It is refused
 * before the outcome is asked for: a dry run answers both.
 */
export function refuseUnmaskableWrite(
  { body, attributes }: { body: DecodedBody | null; attributes: Classified["attributes"] },
  decision: Decision,
  masker: Masker,
): void {
  if (body === null || attributes.operation === "DELETE") return;
  if (body.patch?.type === "json") refuseMaskedReads(body.patch.operations, masker.fields, masker.tellsMore);
  const { object, patch } = body;
  const written = object ?? (patch?.type === "json" ? patch.operations : patch?.fragment);
  const fields = containsPlaceholder(written, masker.placeholders);
  if (fields.length > 0) {
    throw new Refusal(
      "placeholder-write",
      `${fields.join(", ")} holds the placeholder that stands for a masked value`,
      {
        decisionId: decision.decisionId,
        causes: fields.map((field) => ({
          rule: "request/placeholder-write",
          message: "the placeholder would replace the value",
          field,
        })),
        next: "Leave the masked field out of what you write, or give it a new value.",
      },
    );
  }
}
