import type { Recorder } from "../../audit/event.ts";
import { openSubjectKeys } from "../../audit/personal/open-keys.ts";
import { revealing, sealing } from "../../audit/personal/personal.ts";
import type { StoreReader } from "../../audit/store/store.ts";
import type { GatewayConfig } from "../../base/config/gateway.ts";

/** The recorder and its reader as `audit.personal` wants them: what goes in is sealed, and what comes out is shown. */
export function personalRecord<T extends Recorder & StoreReader>(config: GatewayConfig, record: T): T {
  const { personal } = config.audit;
  const keys = openSubjectKeys(personal);
  if (personal === undefined || keys === undefined) return record;
  const people = new Set(config.people.flatMap(({ identities, agents }) => [...identities, ...agents]));
  const prefixes = config.issuers.map(({ prefix }) => prefix.username);
  return sealing(revealing(record, keys), keys, { fields: new Set(personal.fields), prefixes, people });
}
