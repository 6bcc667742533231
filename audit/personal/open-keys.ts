import type { PersonalField } from "./sealed-event.ts";
import { SubjectKeys } from "./subject-keys.ts";

/** The keys of `audit.personal`, where it is set. Throws a UserError where their folder cannot be used. */
export function openSubjectKeys(
  personal: { fields: PersonalField[]; keys: string } | undefined,
): SubjectKeys | undefined {
  return personal === undefined ? undefined : new SubjectKeys(personal.keys);
}
