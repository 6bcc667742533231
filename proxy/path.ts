import type { Arrived } from "./exchange.ts";
import { type Path, path } from "./step.ts";
import { classify } from "./steps/classify.ts";
import { decide } from "./steps/decide.ts";
import { forward } from "./steps/forward.ts";
import { gather } from "./steps/gather.ts";
import { hold } from "./steps/hold.ts";
import { identify } from "./steps/identify.ts";
import { mask } from "./steps/mask.ts";
import { openSession } from "./steps/open-session.ts";
import { readBody } from "./steps/read-body.ts";
import { recordIntent } from "./steps/record-intent.ts";
import { recordOutcome } from "./steps/record-outcome.ts";
import { screen } from "./steps/screen.ts";

/**
 * The data path. Its order is the security argument: nobody is classified before being identified, nothing is
 * read before metadata allowed it, nothing is forwarded before it was decided, approved and put on record, and
 * nothing is answered before it was masked.
 */
export const dataPath: Path<Arrived, void> = path(
  identify,
  openSession,
  classify,
  screen,
  readBody,
  gather,
  decide,
  hold,
  recordIntent,
  forward,
  mask,
  recordOutcome,
);
