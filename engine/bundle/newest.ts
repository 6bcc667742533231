import { UserError } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import { type Mark, readMark, refuseOlder, writeMark } from "./mark.ts";
import type { Offer } from "./source.ts";

/** Throws a UserError (exit 1) where an offered bundle is older than what was in force before. */
export async function admit(offer: Offer, state: string | undefined): Promise<void> {
  if (state === undefined) return;
  const { bundle, name, verified, commit } = offer;
  const mark = await readMark(state);
  // History says it where it is known; a clock only where it is not.
  if (commit !== undefined && mark?.commit !== undefined) {
    if (commit.id === mark.commit || (await commit.after(mark.commit))) return;
    throw new UserError(
      `${name}: commit ${commit.id.slice(0, 12)} does not come after ${mark.commit.slice(0, 12)}, which was in force`,
      {
        exitCode: 1,
        next: "If it is what you want, say so on the gateway's host: `sallyport policy rollback --config F --serial N`.",
      },
    );
  }
  refuseOlder(bundle, mark, name, verified);
}

/** Puts it on disk that this bundle is the newest, and keeps it where its source asks for that. */
export async function remember(offer: Offer, state: string | undefined, log: Log): Promise<void> {
  if (state === undefined) return;
  const { bundle, commit } = offer;
  if (bundle.serial !== undefined) {
    const mark: Mark = {
      serial: bundle.serial,
      content: bundle.content,
      revision: bundle.revision,
      ...(commit === undefined ? {} : { commit: commit.id }),
    };
    const before = await readMark(state);
    if (JSON.stringify(before) !== JSON.stringify(mark)) await writeMark(state, mark);
  }
  try {
    await offer.keep?.();
  } catch (error) {
    log.warn("this policy could not be kept for a start with its source down", { source: offer.name, error });
  }
}
