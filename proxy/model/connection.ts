import type { Pool } from "undici";
import type { ModelConnectionConfig } from "../../base/config/gateway.ts";

/** A model provider that the gateway is the door to. */
export interface ModelConnection {
  name: string;
  kind: ModelConnectionConfig["kind"];
  labels: Record<string, string>;
  /** Path of the server's URL, put before every target; "" for most. */
  prefix: string;
  pool: Pool;
  /** Ids of files, vector stores and skills that any session may name. */
  shared: ReadonlySet<string>;
  /** The provider's key, which no agent sees. Throws Refusal `credential-unavailable`. */
  key(): string;
}
