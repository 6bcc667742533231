import { join } from "node:path";

/** The rules that come with the project. */
export const LIBRARY: string = join(import.meta.dirname, "..", "..", "rego");
