import { run } from "../../tools/setup/run.mjs";
import { type Outcome, single } from "./outcome.ts";

/** Runs a command that holds or doesn't, by its exit code. */
export async function command(file: string, args: string[]): Promise<Outcome> {
  const { code, stdout, stderr } = await run(file, args);
  return single(code === 0, `${stdout}${stderr}`);
}
