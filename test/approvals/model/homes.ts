import { embeddedInMemory, embeddedOnGit } from "./embedded.ts";
import type { MakeModelHome } from "./home.ts";

/** What the model is run on, by name. */
export const HOMES: Record<string, MakeModelHome> = {
  git: embeddedOnGit,
  memory: embeddedInMemory,
};
