import { existsSync } from "node:fs";
import { UserError } from "../../base/errors.ts";
import { openChdbStore } from "./chdb.ts";
import { openServerStore } from "./server.ts";
import type { QuestionReader, Store, StoreLocation, StoreReader } from "./store.ts";

/** Opens the store that the configuration names. People's own SQL is about `tenant`; there is none where absent. */
export async function openStore(location: StoreLocation, tenant?: string): Promise<Store> {
  return "embedded" in location ? openChdbStore(location.embedded, { tenant }) : openServerStore(location);
}

/**
 * Reads the store with no gateway running (`--config F`). Throws a UserError where a gateway has it open, or where
 * there is none.
 */
export async function openStoreReader(
  location: StoreLocation,
  tenant?: string,
): Promise<StoreReader & QuestionReader & { close(): Promise<void> }> {
  if ("embedded" in location && !existsSync(location.embedded)) {
    throw new UserError(`there is no store at ${location.embedded}`, {
      exitCode: 3,
      next: "Check audit.store in the configuration; the gateway creates it when it first starts.",
    });
  }
  // A person waits: a gateway that runs is not going to let go of it.
  return "embedded" in location
    ? openChdbStore(location.embedded, { lockMs: 1000, tenant })
    : openStore(location, tenant);
}
