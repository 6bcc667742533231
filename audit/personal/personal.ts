import { errorMessage, Refusal } from "../../base/errors.ts";
import { withMethods } from "../../base/with-methods.ts";
import type { EventDraft, Recorder } from "../event.ts";
import type { Question, QuestionAnswer, QuestionReader, StoreReader } from "../store/store.ts";
import { EventSeal, type SealOptions } from "./sealed-event.ts";
import type { SubjectKeys } from "./subject-keys.ts";

/**
 * The recorder, behind the seal: what reaches the spool names no person in clear, as far as `fields` says. Where the keys
 * cannot be had (their disk is full or gone) an event is recorded without what it says of persons, and what must be
 * recorded is refused.
 */
export function sealing<T extends Recorder>(recorder: T, keys: SubjectKeys, options: SealOptions): T {
  const seal = new EventSeal(keys, options);
  return withMethods(recorder, {
    record(event: EventDraft): void {
      try {
        seal.seal(event);
      } catch (error) {
        withoutPersons(event, error);
      }
      recorder.record(event);
    },
    async recordDurably(event: EventDraft): Promise<void> {
      try {
        seal.seal(event);
      } catch (error) {
        throw new Refusal("recorder-unavailable", "the gateway cannot record this request, so it is not forwarded", {
          next: "Try again later; the operator of the gateway finds the folder of audit.personal.keys unusable.",
          cause: error,
        });
      }
      await recorder.recordDurably(event);
    },
  });
}

/** In place: what seals may have begun. */
function withoutPersons(event: EventDraft, error: unknown): void {
  const { decisionId } = event.payload ?? {};
  const why = `what it says of persons could not be sealed: ${errorMessage(error)}`;
  event.payload = { ...(decisionId === undefined ? {} : { decisionId }), unrecordable: why };
  event.input = undefined;
  event.username = "";
  event.groups = [];
  event.source_ip = "";
  event.user_agent = "";
}

/**
 * A reader that shows what the keys open, and that takes usernames in clear as parameters, and as literals of people's own
 * SQL (whose answers are bytes of any format, so that they show names to whoever reads rows of them). Whole rows of `events` come as
 * they are stored, since their hashes cover what is stored: `revealRow` shows one.
 */
export function revealing<T extends StoreReader & Partial<QuestionReader>>(reader: T, keys: SubjectKeys): T {
  const shown = <Row>(row: Row): Row => (isChained(row) ? row : revealRow(row, keys));
  const ask = async (question: Question): Promise<QuestionAnswer> => {
    const answer = await (reader as unknown as QuestionReader).ask({
      ...question,
      sql: sealedLiterals(question.sql, keys),
    });
    return { ...answer, reveal: shown };
  };
  return withMethods(reader, {
    ...(reader.ask === undefined ? {} : { ask }),
    query: async <Row>(sql: string, params: Record<string, unknown> = {}, ...rest: unknown[]): Promise<Row[]> => {
      const sealed = Object.fromEntries(
        Object.entries(params).map(([name, value]) => [name, sealedParameter(value, keys)]),
      );
      const query = reader.query as (...args: unknown[]) => Promise<Row[]>;
      const rows = await query.call(reader, sql, sealed, ...rest);
      return rows.map(shown);
    },
  });
}

/** SQL whose literals that are a person's whole username are that name as it is sealed. A literal stays a literal. */
function sealedLiterals(sql: string, keys: SubjectKeys): string {
  return sql.replace(/'([^'\\]{1,512})'/g, (literal, value: string) =>
    keys.has(value) ? `'${keys.seal(value, value)}'` : literal,
  );
}

/** A row, or any JSON, with what the keys open in clear. */
export function revealRow<Row>(row: Row, keys: SubjectKeys): Row {
  const reveal = (value: unknown): unknown => {
    if (typeof value === "string") return keys.reveal(value);
    if (typeof value !== "object" || value === null) return value;
    if (Array.isArray(value)) return value.map(reveal);
    return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, reveal(entry)]));
  };
  return reveal(row) as Row;
}

function sealedParameter(value: unknown, keys: SubjectKeys): unknown {
  // Of what was recorded before persons were sealed, names stand in clear.
  if (Array.isArray(value)) return [...new Set([...value, ...value.map((item) => sealedParameter(item, keys))])];
  return typeof value === "string" && value !== "" && keys.has(value) ? keys.seal(value, value) : value;
}

function isChained(row: unknown): boolean {
  return typeof row === "object" && row !== null && "prev_hash" in row && "hash" in row;
}
