import { Refusal } from "../../base/errors.ts";
import type { Decision } from "../../engine/decision.ts";
import { containsPlaceholder } from "../../engine/mask/contains-placeholder.ts";
import { createMasker, type Masker } from "../../engine/mask/masker.ts";
import { refuseMaskedReads } from "../../kubernetes/masked-patch.ts";
import { refuseDenied } from "../deny.ts";
import type { Deps } from "../deps.ts";
import type { Decided, Gathered } from "../exchange.ts";

/** The verdict on everything that is known, and with it what will be masked. */
export function decide(exchange: Gathered, deps: Deps): Decided | Promise<Decided> {
  // Metadata was everything: judging the same question again would give the same answer.
  const known = exchange.needs.size === 0 && exchange.body === null && exchange.verdict.effect === "allow";
  const decision = known ? exchange.verdict : exchange.policy.decide(exchange.input);
  return decision instanceof Promise
    ? decision.then((d) => settle(exchange, d, deps))
    : settle(exchange, decision, deps);
}

function settle(exchange: Gathered, decision: Decision, deps: Deps): Decided {
  refuseDenied(decision, exchange.policy, "all");
  const { group, resource, namespace, name } = exchange.attributes;
  const masker =
    decision.mask.length === 0
      ? undefined
      : createMasker(decision.mask, { group, resource, namespace, name }, deps.hmacKey);
  const decided = Object.assign(exchange, { decision, masker });
  if (masker !== undefined) refuseUnmaskableWrite(decided, masker);
  return decided;
}

/**
 * A placeholder that is written back would destroy the secret it stands for (`kubectl edit`), and a JSON patch
 * that tests, copies or moves a masked value is a way to guess it or to carry it out of the mask.
 */
function refuseUnmaskableWrite(exchange: Decided, masker: Masker): void {
  const { body, attributes, decision } = exchange;
  if (body === null || attributes.operation === "DELETE") return;
  if (body.patch?.type === "json") refuseMaskedReads(body.patch.operations, masker.fields);
  const { object, patch } = body;
  const written = object ?? (patch?.type === "json" ? patch.operations : patch?.fragment);
  const fields = containsPlaceholder(
    written,
    decision.mask.map((entry) => entry.placeholder),
  );
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
