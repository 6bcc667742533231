import type { Pool } from "undici";
import type { KubernetesConnectionConfig } from "../base/config/gateway.ts";
import type { UpstreamCredential } from "./credentials/credential.ts";
import type { Reader } from "./gather/reader.ts";

/** One upstream that the gateway is the door to. */
export interface Connection {
  name: string;
  config: KubernetesConnectionConfig;
  labels: Record<string, string>;
  /** Path of the server's URL, put before every target; "" for most. */
  prefix: string;
  /** Carries agents' requests. */
  pool: Pool;
  /** Carries the gateway's own; the same pool unless its account goes by another client certificate. */
  ownPool: Pool;
  credential: UpstreamCredential;
  /** Reads namespace labels, roles and API services with the gateway's own account. */
  reader: Reader;
}
