import { errorMessage, UserError } from "../../base/errors.ts";

/** Reads a file that was named on the command line; one that cannot be read is wrong usage (exit 2). */
export async function readInput<T>(file: string, read: (file: string) => Promise<T>): Promise<T> {
  try {
    return await read(file);
  } catch (error) {
    throw new UserError(`${file} cannot be read: ${errorMessage(error)}`, { exitCode: 2, cause: error });
  }
}
