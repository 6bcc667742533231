import { eventPages } from "../event-pages.ts";
import type { ExportBytes, ExportJob } from "./formats.ts";

/** Rows as the store has them, in the order of their chains: what `audit verify` reads. */
export async function* writeNdjson({ store, tenant, scope }: ExportJob): ExportBytes {
  for await (const page of eventPages(store, tenant, scope)) {
    yield page.map((row) => `${JSON.stringify(row)}\n`).join("");
  }
}
