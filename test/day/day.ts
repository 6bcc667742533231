import type { EventRow } from "../../audit/event.ts";
import type { Chapter, Step } from "./steps.ts";
import { type DayOptions, openDay } from "./world.ts";

export interface Day {
  commands: number;
  /** Requests for resources that the agent's kubectl made, as the gateway's record has them. */
  calls: number;
  /** Requests for what the API serves: discovery, OpenAPI, versions. */
  discovery: number;
  denied: EventRow[];
  held: EventRow[];
  /** Commands that ended otherwise than they should have. */
  failed: { step: Step; code: number; stderr: string }[];
}

const ENDS: ReadonlySet<string> = new Set(["request.outcome", "request.refused"]);

/** Lives these chapters through, and reads in the gateway's own record how it went. */
export async function liveThrough(
  chapters: readonly Chapter[],
  options: DayOptions & { onStep?(step: Step, seconds: number): void } = {},
): Promise<Day> {
  const world = await openDay(options);
  try {
    const failed: Day["failed"] = [];
    const steps = chapters.flatMap((chapter) => chapter.steps);
    for (const step of steps) {
      const started = performance.now();
      const { code, stderr } = await world.run(step);
      if (code !== 0 && step.codes?.includes(code) !== true) failed.push({ step, code, stderr });
      options.onStep?.(step, (performance.now() - started) / 1000);
    }
    const events = await world.closeAndRead();
    const ends = events.filter(({ kind }) => ENDS.has(kind));
    const resources = ends.filter(({ resource }) => resource !== "");
    return {
      commands: steps.length,
      calls: resources.length,
      discovery: ends.length - resources.length,
      denied: ends.filter(isDenied),
      held: events.filter(({ kind, effect }) => kind === "hold.opened" || effect === "hold"),
      failed,
    };
  } finally {
    await world.close();
  }
}

/** A conflict of versions is no denial: kubectl asks again, as it does of an API server. */
function isDenied({ effect, kind, payload }: EventRow): boolean {
  if (kind !== "request.refused") return effect === "deny";
  return (JSON.parse(payload) as { code?: string }).code !== "conflict";
}

/** `patch apps/deployments store/web: hold by workload/host-path`. */
export function lineOf({
  verb,
  api_group,
  resource,
  subresource,
  namespace,
  name,
  path,
  effect,
  rules,
  kind,
}: EventRow): string {
  const what = [api_group, resource, subresource].filter((part) => part !== "").join("/");
  const where = [namespace, name].filter((part) => part !== "").join("/");
  return `${verb} ${what === "" ? path : what} ${where}: ${kind}, ${effect} by ${rules.join(", ")}`;
}
