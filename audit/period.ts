/** Milliseconds since the epoch; open where absent. `until` is not included. */
export interface Period {
  since?: number | undefined;
  until?: number | undefined;
}

const FOREVER = Date.UTC(2200, 0, 1);

/** The parameters of `within`, whole numbers that ClickHouse's times reach. */
export const periodOf = ({ since = 0, until = FOREVER }: Period): { since: number; until: number } => ({
  since: Math.max(0, Math.floor(since)),
  until: Math.min(FOREVER, Math.floor(until)),
});

/** The condition that a column of times is in the period of the parameters `since` and `until`. */
export const within = (column: string): string =>
  `${column} >= fromUnixTimestamp64Milli({since:Int64}, 'UTC') AND ${column} < fromUnixTimestamp64Milli({until:Int64}, 'UTC')`;
