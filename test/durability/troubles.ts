export const TROUBLES: Record<string, () => Promise<string[]>> = {};
