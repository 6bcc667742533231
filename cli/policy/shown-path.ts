import { relative } from "node:path";

/** A path as a person would type it here: relative where it is below this folder. */
export function shownPath(file: string): string {
  const path = relative(".", file);
  return path.startsWith("..") ? file : path;
}
