/** The parser of an option that may be repeated, for commander: each value after the ones before. */
export const collect = (value: string, before: string[]): string[] => [...before, value];
