import { loadGatewayConfig } from "../../base/config/gateway.ts";
import { UserError } from "../../base/errors.ts";
import { readMark, writeMark } from "../../engine/bundle/mark.ts";
import type { Answer } from "../action.ts";
import { stateFolder } from "../serve/bundles/open-source.ts";

/**
 * `sallyport policy rollback`: an operator says on the gateway's host that a bundle of this serial, or a later one, may
 * serve again. It changes what the gateway remembers and nothing else; a running gateway looks at it by itself.
 */
export async function rollback(file: string, text: string): Promise<Answer> {
  const serial = Number(text);
  if (!Number.isSafeInteger(serial) || serial < 1)
    throw new UserError(`--serial ${text}: must be a whole number above 0`, { exitCode: 2 });
  const state = stateFolder(loadGatewayConfig(file));
  // One that cannot be read is what this command repairs.
  const before = await readMark(state).catch(() => undefined);
  if (before !== undefined && serial > before.serial) {
    throw new UserError(`the newest policy here had serial ${before.serial}, so ${serial} is no way back`, {
      exitCode: 2,
    });
  }
  await writeMark(state, { serial, revision: "set by an operator" });
  const was = before === undefined ? "" : ` It was ${before.serial} (revision ${before.revision}).`;
  return {
    json: { serial, before: before?.serial ?? null },
    text: `This gateway takes bundles of serial ${serial} and later.${was}`,
  };
}
