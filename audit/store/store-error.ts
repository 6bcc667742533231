/** The errors that we say ourselves, by ClickHouse's name and number (ClickHouse: src/Common/ErrorCodes.cpp). */
const OWN = {
  UNKNOWN_TABLE: 60,
  SYNTAX_ERROR: 62,
  UNKNOWN_FORMAT: 73,
  UNKNOWN_DATABASE: 81,
  READONLY: 164,
  TOO_MANY_SIMULTANEOUS_QUERIES: 202,
  NETWORK_ERROR: 210,
  TOO_MANY_ROWS_OR_BYTES: 396,
  UNKNOWN_QUERY_PARAMETER: 456,
  ACCESS_DENIED: 497,
  AUTHENTICATION_FAILED: 516,
} as const;

export const STORE_CODES = {
  unknownTable: OWN.UNKNOWN_TABLE,
  syntaxError: OWN.SYNTAX_ERROR,
  unknownFormat: OWN.UNKNOWN_FORMAT,
  unknownDatabase: OWN.UNKNOWN_DATABASE,
  readonly: OWN.READONLY,
  tooManyQueries: OWN.TOO_MANY_SIMULTANEOUS_QUERIES,
  /** The store was not there, or did not answer in time. */
  noReply: OWN.NETWORK_ERROR,
  tooMuch: OWN.TOO_MANY_ROWS_OR_BYTES,
  unknownParameter: OWN.UNKNOWN_QUERY_PARAMETER,
  accessDenied: OWN.ACCESS_DENIED,
  authenticationFailed: OWN.AUTHENTICATION_FAILED,
} as const;

/** An error that ClickHouse names. */
export class StoreError extends Error {
  readonly code: number;
  /** `SYNTAX_ERROR` */
  readonly type: string;
  constructor(code: number, message: string, { type, ...options }: ErrorOptions & { type?: string | undefined } = {}) {
    super(message, options);
    this.name = "StoreError";
    this.code = code;
    this.type = type ?? Object.entries(OWN).find(([, number]) => number === code)?.[0] ?? "UNKNOWN_EXCEPTION";
  }
}

/** What ClickHouse said, less the words that its parts put around it; undefined where it is no error of ClickHouse's. */
export function parseStoreError(text: string): StoreError | undefined {
  const last = [...text.matchAll(/Code: (\d{1,5})\. DB::Exception: /g)].at(-1);
  if (last === undefined) return undefined;
  const said = text.slice(last.index + last[0].length);
  // Repeated as often as the error was passed on: (SYNTAX_ERROR) (version 26.7.2.1). (SYNTAX_ERROR)
  const [around = ""] =
    /(?:\s*(?:\((?:version [^)]*(?:\([^)]*\))?\)|[A-Z][A-Z0-9_]+\))|\([A-Z][A-Z0-9_]+\))\.?)+\s*$/.exec(said) ?? [];
  const type = /\(([A-Z][A-Z0-9_]+)\)/.exec(around)?.[1];
  return new StoreError(Number(last[1]), said.slice(0, said.length - around.length).trimEnd(), { type });
}
