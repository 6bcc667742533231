import { UserError } from "../base/errors.ts";
import { ensure } from "./setup/ensure.mjs";
import { SetupFailure, toSetupFailure } from "./setup/failure.mjs";
import type { ToolName } from "./setup/pins.mjs";

export type { ToolName } from "./setup/pins.mjs";
export { toolCache } from "./setup/pins.mjs";

const found = new Map<ToolName, Promise<string>>();

/**
 * Path of a pinned tool, got or built if it is missing: PATH in the pinned version, cache, mirror, `go build`.
 * Progress of more than two seconds goes to stderr. Throws UserError (exit 3) where it cannot be had.
 */
export function ensureTool(name: ToolName): Promise<string> {
  let path = found.get(name);
  if (path === undefined) {
    path = ensure(name).catch((thrown: unknown) => {
      found.delete(name);
      const error = toSetupFailure(thrown);
      if (error instanceof SetupFailure) {
        throw new UserError(error.message, { exitCode: 3, next: error.next, cause: error });
      }
      throw error;
    });
    found.set(name, path);
  }
  return path;
}
