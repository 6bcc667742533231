/** An error that ClickHouse names by number (ClickHouse: src/Common/ErrorCodes.cpp). */
export class StoreError extends Error {
  readonly code: number;
  constructor(code: number, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "StoreError";
    this.code = code;
  }
}

/** The numbers that we say ourselves. */
export const STORE_CODES = {
  unknownTable: 60,
  syntaxError: 62,
  readonly: 164,
  tooManyQueries: 202,
  noReply: 210,
  unknownDatabase: 81,
  unknownParameter: 456,
  accessDenied: 497,
  authenticationFailed: 516,
} as const;

/** What ClickHouse said, less the words that its parts put around it; undefined where it is no error of ClickHouse's. */
export function parseStoreError(text: string): StoreError | undefined {
  const all = [...text.matchAll(/Code: (\d{1,5})\. DB::Exception: /g)];
  const last = all.at(-1);
  if (last === undefined) return undefined;
  const said = text.slice(last.index + last[0].length);
  // Repeated as often as the error was passed on: (SYNTAX_ERROR) (version 26.7.2.1). (SYNTAX_ERROR)
  const message = said.replace(/(?:\s*\(version [^)]*\)\.?(?:\s*\([A-Z_]+\))*)+\s*$/, "").trimEnd();
  return new StoreError(Number(last[1]), message);
}
