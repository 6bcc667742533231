import { Refusal } from "../../base/errors.ts";
import type { Mask } from "../../engine/decision.ts";
import { KnownValues } from "../../engine/mask/known-values.ts";
import { createMasker, type Masker } from "../../engine/mask/masker.ts";
import { recordMasks } from "../../engine/mask/record-masks.ts";
import type { DecodedBody } from "../../kubernetes/body/decode.ts";
import { pointerTokens } from "../../kubernetes/json-pointer.ts";
import type { JsonPatchOperation } from "../../kubernetes/patch.ts";
import { isLog } from "../answer/redact-log.ts";
import type { Deps } from "../deps.ts";
import type { Classified, Known } from "../exchange.ts";
import { objectAsSent } from "../facts.ts";

type Withholding = Pick<Deps, "hmacKey" | "recordValues">;
export type RecordMasker = Pick<Masker, "maskText">;

/**
 * What is masked of an object's copy for the record beside what policy masks: credentials that policy lets the caller
 * see, and where else they stand. Undefined where there is nothing of that. `more`: further masks. It throws Refusal
 * `unmaskable` once what the session knew is known no more.
 */
export function recordMaskerOf(
  { attributes, session, body }: Pick<Classified, "attributes" | "session"> & Partial<Pick<Known, "body">>,
  { hmacKey, recordValues }: Withholding,
  more: readonly Mask[] = [],
): RecordMasker | undefined {
  const { group, resource, namespace, name, operation, nonResource } = attributes;
  if (nonResource || resource === "" || operation === "CONNECT" || isLog({ attributes })) return undefined;
  const secret = holdsSecret(body ?? null);
  const masks = [...more, ...recordMasks(attributes, secret)];
  // Where it has just ended, the last is what it knew.
  const late = recordValues.known(session.id).at(-1);
  if (masks.length === 0 && late === undefined) return undefined;
  const requested = secret ? { group: "", resource: "secrets" } : { group, resource };
  let known = late ?? recordValues.of(session.id);
  const create = (): Masker | undefined => createMasker(masks, { ...requested, namespace, name }, { hmacKey, known });
  let masker = create();
  if (masker === undefined && !known.ended) return undefined;
  return {
    maskText(text) {
      if (known.ended) {
        known = recordValues.known(session.id).at(-1) ?? new KnownValues();
        masker = create();
      }
      if (known.ended) {
        throw new Refusal(
          "unmaskable",
          "the session has ended, and what it must not see cannot be looked for any more",
        );
      }
      return masker?.maskText(text) ?? { value: text, maskedFields: [], fingerprints: {} };
    },
  };
}

/** An object's JSON as the record may have it: masked as policy says, and what is masked for the record alone. */
export function withheldText(
  text: string,
  maskers: readonly (RecordMasker | undefined)[],
): { value: string; masked: string[] } {
  let value = text;
  const masked: string[] = [];
  for (const masker of maskers) {
    if (masker === undefined) continue;
    const answer = masker.maskText(value);
    value = answer.value;
    masked.push(...answer.maskedFields);
  }
  return { value, masked };
}

/**
 * Learns what a write sends of values that no record may hold, before anything is said of it: a rule's finding, the API
 * server's refusal and the answer may each quote them.
 */
export function learnSent(
  exchange: Classified & Pick<Known, "body"> & { verdict: { mask: Mask[] } },
  deps: Withholding,
): void {
  const { body, verdict } = exchange;
  if (body == null) return;
  const { group, resource } = exchange.attributes;
  // Of a resource that a mask names in part, another part may be masked too.
  const masks = verdict.mask.filter(
    ({ selector }) => takes(selector.group, group) && takes(selector.resource, resource),
  );
  if (masks.length === 0 && recordMasks(exchange.attributes, holdsSecret(body)).length === 0) return;
  const masker = recordMaskerOf(exchange, deps, masks);
  try {
    const sent = objectAsSent({ body });
    if (sent !== undefined) masker?.maskText(JSON.stringify(sent));
    if (body.patch?.type === "json") for (const one of body.patch.operations) masker?.maskText(objectOf(one));
  } catch (error) {
    // What cannot be masked is not kept either; whether it may go on is not for the record to say.
    if (!(error instanceof Refusal)) throw error;
  }
}

/** Whether a body says that it is a Secret, or that one is among what it lists. */
function holdsSecret(body: DecodedBody | null): boolean {
  const sent = objectAsSent({ body });
  if (sent?.kind === "Secret") return true;
  return (
    Array.isArray(sent?.items) &&
    sent.items.some((item: unknown) => (item as { kind?: unknown } | null)?.kind === "Secret")
  );
}

function takes(pattern: string | undefined, value: string): boolean {
  return pattern === undefined || pattern.includes("*") || pattern === value;
}

/** The object that holds nothing but what an operation of a JSON patch puts at its path. */
function objectOf({ path, value }: JsonPatchOperation): string {
  let text = JSON.stringify(value ?? null);
  for (const token of pointerTokens(path).reverse()) {
    text = /^(?:\d+|-)$/.test(token) ? `[${text}]` : `{${JSON.stringify(token)}:${text}}`;
  }
  return text;
}
