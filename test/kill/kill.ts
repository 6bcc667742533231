import { setTimeout as wait } from "node:timers/promises";
import { errorMessage } from "../../base/errors.ts";
import { Flow, type Time } from "./flow.ts";
import { BETWEEN, type Step } from "./steps.ts";
import type { World } from "./world.ts";

export interface KillResult {
  /** How often it was killed inside each step; a kill that missed its step is counted where it fell. */
  histogram: Record<string, number>;
  kills: number;
  /** What must not have been. */
  wrong: string[];
}

/** How long after a time's begin the kill may come, in milliseconds: about as long as it takes. */
const WITHIN: Partial<Record<Time, number>> = {
  proposing: 60,
  holding: 100,
  approving: 60,
  spending: 40,
  recording: 3,
  recorded: 0.5,
  answering: 3,
};
/** What is approved is not held. */
const PATIENCE_MS = 20_000;
/** Each start reads what the last days left: a world is for so many kills. */
const IN_ONE_WORLD = 20;
/** After so many nobody needs to see more. */
const MOST_WRONG = 20;

/** Kills the gateway at least so often inside each step; after each kill it starts again, and all is looked at. */
export async function killEverywhere(
  open: () => Promise<World>,
  options: { times: number; only?: readonly string[]; onKill?: (step: string) => void },
): Promise<KillResult> {
  const { times, only = [], onKill } = options;
  const histogram: Record<string, number> = {};
  const wrong: string[] = [];
  let kills = 0;
  let world = await open();
  const steps = world.home.steps.filter(({ name }) => only.length === 0 || only.includes(name));
  for (const { name } of steps) histogram[name] = 0;
  const rare = (): Step | undefined => steps.find(({ name }) => (histogram[name] ?? 0) < times);
  try {
    const most = times * steps.length * 4;
    for (let step = rare(); step !== undefined && kills < most && wrong.length < MOST_WRONG; step = rare()) {
      if (kills > 0 && kills % IN_ONE_WORLD === 0) {
        await world.close();
        world = await open();
      }
      const flow = new Flow(`db-${++kills}`, world);
      try {
        const fell = await killInside(flow, step, world);
        histogram[fell] = (histogram[fell] ?? 0) + 1;
        onKill?.(fell);
        await world.gateway.start();
        const states = fell === step.name ? step.states : BETWEEN[fell];
        wrong.push(...(await lookAt(flow, states ?? [], world)).map((what) => `killed while ${fell}: ${what}`));
      } catch (error) {
        // What a gateway does that does not start, or does not get there, is a finding as well.
        wrong.push(`kill ${kills}, meant for ${step.name}: ${errorMessage(error)}`);
        await world.close();
        world = await open();
      }
    }
  } finally {
    await world.close();
  }
  const missed = steps.filter(({ name }) => (histogram[name] ?? 0) < times).map(({ name }) => name);
  if (missed.length > 0) wrong.push(`${kills} kills, and fewer than ${times} of them fell into: ${missed.join(", ")}`);
  return { histogram, kills, wrong };
}

/** Starts the flow, kills the gateway inside that step or close to it, and says where it was hit. */
async function killInside(flow: Flow, step: Step, world: World): Promise<string> {
  const { at } = step;
  const client = new AbortController();
  const kill = (): Promise<void> => world.gateway.kill();
  const killed = at === undefined ? undefined : flow.points.trap(at.point, at.phase, kill);
  const answered = world.send(flow.object, client.signal).then(
    (status) => {
      flow.status = status;
    },
    () => {},
  );
  if (step.decided) {
    await flow.held();
    world.decided = true;
    // The gateway may die of it: what the person is answered then is not looked at.
    world.home.approve(flow.name, world).catch(() => undefined);
  } else if (step.name === "holding") await flow.held();
  if (killed !== undefined) await within(killed, `${flow.object} does not come to: ${step.name}`);
  else {
    const time = step.name as Time;
    await flow.until(time);
    const ms = Math.random() * (WITHIN[time] ?? 10);
    if (ms > 1) await wait(ms);
    await kill();
  }
  client.abort();
  await answered;
  return killed === undefined ? flow.time(true) : step.name;
}

/** Nothing was forwarded unapproved or twice, and what was asked or approved is still there: the same request goes on. */
async function lookAt(flow: Flow, states: readonly string[], world: World): Promise<string[]> {
  const wrong: string[] = [];
  const { object, points } = flow;
  const writes = (): number => points.count("write", "before");
  if (writes() > 0 && !world.decided) wrong.push("it was forwarded, and nobody approved it");
  const [approval, ...more] = await world.approvals(object);
  if (more.length > 0) wrong.push(`it has ${more.length + 1} approvals`);
  if (states.length > 0 && approval === undefined) return [...wrong, "its approval is lost"];
  if (approval !== undefined && states.length > 0 && !states.includes(approval.state)) {
    wrong.push(`its approval is ${approval.state}, not ${states.join(" or ")}`);
  }
  const before = writes();
  // Else what was applied already would be a change of nothing, which nobody need approve.
  world.putBack(object);
  const patience = AbortSignal.timeout(PATIENCE_MS);
  const again = world.send(object, patience).catch((error: unknown) => String(error));
  if (approval === undefined || approval.state === "consumed") {
    // Whether the API server has seen what was approved nobody knows, so that a person is asked anew.
    const next = await Promise.race([again, nextOf(world, object, more.length + (approval === undefined ? 0 : 1))]);
    if (typeof next !== "object") return [...wrong, `asked again, it is answered ${next}`];
    if (writes() !== before) wrong.push("it was forwarded once more, and nobody approved that");
    world.decided = true;
    await world.home.approve(next.name, world);
  } else if (approval.state === "pending") {
    world.decided = true;
    await world.home.approve(approval.name, world);
  }
  const status = await again;
  if (status !== 200) wrong.push(`asked again on ${approval?.state ?? "nothing"}, it is answered ${status}`);
  if (writes() !== before + 1) wrong.push(`asked again, the API server saw ${writes() - before} writes of it`);
  return wrong;
}

/** The pending approval that the object has beside so many others, as soon as it has one. */
async function nextOf(world: World, object: string, others: number): Promise<{ name: string }> {
  const end = Date.now() + PATIENCE_MS;
  for (;;) {
    const next = (await world.approvals(object))[others];
    if (next !== undefined) return next;
    if (Date.now() > end) throw new Error(`${object} is not held again`);
    await wait(20);
  }
}

async function within(work: Promise<void>, what: string): Promise<void> {
  const late = new AbortController();
  const tooLong = wait(30_000, undefined, { signal: late.signal }).then(() => {
    throw new Error(what);
  });
  await Promise.race([work, tooLong]).finally(() => {
    tooLong.catch(() => undefined);
    late.abort();
  });
}
