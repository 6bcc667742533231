import { listSources } from "../../engine/bundle/sources.ts";
import { LIBRARY } from "./library.ts";

/** The folders that make a whole policy: those without a decision of their own stand on the library's. */
export async function wholeFolders(folders: readonly string[]): Promise<readonly string[]> {
  const sources = await listSources(folders, { tests: true });
  return sources.some(({ path }) => path.startsWith("sallyport/")) ? folders : [LIBRARY, ...folders];
}
