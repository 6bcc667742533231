import { readdirSync, readFileSync } from "node:fs";

/** The processes that this one has started. A child is listed with the thread that started it, and the recorder's worker is what starts the store. */
export function children(): number[] {
  return readdirSync(`/proc/${process.pid}/task`).flatMap((thread) =>
    readFileSync(`/proc/${process.pid}/task/${thread}/children`, "utf8").split(" ").filter(Boolean).map(Number),
  );
}
