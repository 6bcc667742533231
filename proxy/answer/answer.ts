import type { HttpResponse } from "../http.ts";
import { CLIENT_GONE } from "../step.ts";

/** Writes a whole answer and resolves when it was handed to the socket, or with why it was not. */
export function answer(
  res: HttpResponse,
  status: number,
  headers: Record<string, string | string[]>,
  body: Buffer,
  headOnly: boolean,
): Promise<string | undefined> {
  return new Promise((resolve) => {
    const gone = (): void => resolve(CLIENT_GONE);
    res.once("close", gone);
    res.writeHead(status, headers);
    res.end(headOnly ? undefined : body, () => {
      res.off("close", gone);
      resolve(undefined);
    });
  });
}
