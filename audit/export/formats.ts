import type { EventRow } from "../event.ts";
import type { EventScope } from "../event-pages.ts";
import type { StoreReader } from "../store/store.ts";
import type { PackSigner } from "./pack-note.ts";

export const EXPORT_FORMATS = [
  "ndjson",
  "csv",
  "parquet",
  "k8s-audit",
  "ocsf",
  "opa",
  "har",
  "asciicast",
  "pack",
] as const;
export type ExportFormat = (typeof EXPORT_FORMATS)[number];

/** What is exported, and from where. */
export interface ExportJob {
  store: StoreReader;
  tenant: string;
  scope: EventScope;
  /**
   * Shows what is sealed in a row (audit/personal), in formats that are for reading. Rows as rows stay as they were
   * recorded, since their hashes cover that.
   */
  reveal?: ((row: EventRow) => EventRow) | undefined;
  /** What writes it: `sallyport/<version>`. */
  gateway: string;
  /** Where agents reach it: `listen.url`, with no slash at its end. */
  url: string;
  /** Milliseconds since the epoch. */
  now: number;
  /** Of asciicast: which exec, where a session has several. */
  exchange?: string | undefined;
  /** Contents above so many bytes stand by their SHA-256 in formats that hold them in one line; 4 MiB where absent. */
  contentBytes?: number | undefined;
  /** Of a pack: who signs it. An unsigned one is refused. */
  signer?: PackSigner | undefined;
}

export type ExportBytes = AsyncIterable<Uint8Array | string>;

interface FormatInfo {
  contentType: string;
  extension: string;
  write(job: ExportJob): Promise<ExportBytes>;
}

/** Each format by its name: what it is on the wire, and its writer, loaded when it is asked for. */
export const exportFormats: Readonly<Record<ExportFormat, FormatInfo>> = {
  ndjson: {
    contentType: "application/x-ndjson",
    extension: "ndjson",
    write: async (job) => (await import("./ndjson.ts")).writeNdjson(job),
  },
  csv: {
    contentType: "text/csv; charset=utf-8",
    extension: "csv",
    write: async (job) => (await import("./csv.ts")).writeCsv(job),
  },
  parquet: {
    contentType: "application/vnd.apache.parquet",
    extension: "parquet",
    write: async (job) => (await import("./parquet.ts")).writeParquet(job),
  },
  "k8s-audit": {
    contentType: "application/x-ndjson",
    extension: "ndjson",
    write: async (job) => (await import("./kubernetes-audit.ts")).writeKubernetesAudit(job),
  },
  ocsf: {
    contentType: "application/x-ndjson",
    extension: "ndjson",
    write: async (job) => (await import("./ocsf.ts")).writeOcsf(job),
  },
  opa: {
    contentType: "application/x-ndjson",
    extension: "ndjson",
    write: async (job) => (await import("./opa-decisions.ts")).writeOpaDecisions(job),
  },
  har: {
    contentType: "application/json",
    extension: "har",
    write: async (job) => (await import("./har.ts")).writeHar(job),
  },
  asciicast: {
    contentType: "application/x-asciicast",
    extension: "cast",
    write: async (job) => (await import("./asciicast.ts")).writeAsciicast(job),
  },
  pack: {
    contentType: "application/zip",
    extension: "zip",
    write: async (job) => (await import("./pack.ts")).writePack(job),
  },
};
