import { openStoreReader } from "../store/open.ts";
import type { StoreLocation } from "../store/store.ts";
import { revealing } from "./personal.ts";
import type { PersonalField } from "./sealed-event.ts";
import { SubjectKeys } from "./subject-keys.ts";

interface Personal {
  fields: PersonalField[];
  keys: string;
}

/** The keys of `audit.personal`, where it is set. Throws a UserError where their folder cannot be used. */
export function openSubjectKeys(personal: Personal | undefined): SubjectKeys | undefined {
  return personal === undefined ? undefined : new SubjectKeys(personal.keys);
}

/** As `openStoreReader`, showing what is sealed as far as this host has the keys (audit/personal/personal.ts, `revealing`). */
export async function openRevealingReader(
  { store, personal }: { store: StoreLocation; personal?: Personal | undefined },
  tenant?: string,
): ReturnType<typeof openStoreReader> {
  const keys = openSubjectKeys(personal);
  const reader = await openStoreReader(store, tenant);
  return keys === undefined ? reader : revealing(reader, keys);
}
