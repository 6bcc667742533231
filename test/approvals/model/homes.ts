import { embeddedInMemory, embeddedOnGit } from "./embedded.ts";
import { onGitHub } from "./github.ts";
import type { MakeModelHome } from "./home.ts";

/** What the model is run on, by name. */
export const HOMES: Record<string, MakeModelHome> = {
  github: onGitHub,
  git: embeddedOnGit,
  memory: embeddedInMemory,
};
