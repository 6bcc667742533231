import { errorMessage } from "../../base/errors.ts";
import { type Style, style } from "../style.ts";
import type { Environment } from "./environment.ts";
import { accounted } from "./tour/accounted.ts";
import { allowed } from "./tour/allowed.ts";
import { blocked } from "./tour/blocked.ts";
import { changed } from "./tour/changed.ts";
import { held } from "./tour/held.ts";
import { masked } from "./tour/masked.ts";
import { replayed } from "./tour/replayed.ts";
import { type Shown, type TourStep, Unseen } from "./tour/step.ts";

/** What the tour shows, in this order. */
export const TOUR: readonly TourStep[] = [allowed, blocked, held, masked, changed, replayed, accounted];

export interface StepResult {
  title: string;
  seen: boolean;
  shown?: Shown;
  /** Why it was not seen. */
  why?: string;
}

/** Plays every step, also after one failed, so that a person sees all that is missing at once. */
export async function playTour(
  environment: Environment,
  onResult: (result: StepResult) => void,
): Promise<StepResult[]> {
  const results: StepResult[] = [];
  for (const step of TOUR) {
    const result = await play(step, environment);
    results.push(result);
    onResult(result);
  }
  return results;
}

async function play(step: TourStep, environment: Environment): Promise<StepResult> {
  try {
    return { title: step.title, seen: true, shown: await step.run(environment) };
  } catch (error) {
    const why = error instanceof Unseen ? error.message : `unexpectedly: ${errorMessage(error)}`;
    return { title: step.title, seen: false, why };
  }
}

const ANSWER_LINES = 16;

/** One step as a person reads it. */
export function renderStep(result: StepResult, colour: boolean): string {
  const paint = (text: string, how: Style): string => style(text, how, colour);
  if (result.shown === undefined) {
    return `${paint("✗", "error")} ${paint(result.title, "bold")}\n  ${result.why ?? "not seen"}\n`;
  }
  const { command, answer, verified } = result.shown;
  const lines = answer.trimEnd().split("\n");
  const shown =
    lines.length > ANSWER_LINES
      ? [...lines.slice(0, ANSWER_LINES), `… ${lines.length - ANSWER_LINES} more lines`]
      : lines;
  return [
    `${paint("✓", "ok")} ${paint(result.title, "bold")}`,
    `  $ ${command}`,
    ...shown.map((line) => `    ${line}`),
    ...verified.map((line) => `  ${paint("verified:", "dim")} ${line}`),
    "",
  ].join("\n");
}
