const TIME = { type: "string", format: "date-time", maxLength: 40 } as const;
const LIMIT = { type: "integer", minimum: 1, maximum: 10_000 } as const;

/** JSON schema of a period and of how many rows are wanted. */
export const PERIOD = { since: TIME, until: TIME, limit: LIMIT } as const;

/** What `PERIOD` lets pass. */
export interface PeriodParameters {
  since?: string;
  until?: string;
  limit?: number;
}

const millis = (text: string | undefined): number | undefined => (text === undefined ? undefined : Date.parse(text));

/** As the queries of audit/ take it: milliseconds since the epoch. */
export const periodOf = ({ since, until, limit }: PeriodParameters) => ({
  since: millis(since),
  until: millis(until),
  limit,
});
