import { setTimeout as wait } from "node:timers/promises";
import { approvalOf, Flow, STEPS, type StepName } from "./flow.ts";
import type { World } from "./world.ts";

export interface KillResult {
  /** How often it was killed inside each step. */
  histogram: Record<string, number>;
  kills: number;
  /** What must not have been. */
  wrong: string[];
}

/** How long after a step's begin the kill may come, in milliseconds. */
const WITHIN: Partial<Record<StepName, number>> = {
  judging: 30,
  proposing: 60,
  holding: 100,
  approving: 60,
  "judging again": 30,
  spending: 40,
  recording: 4,
  forwarding: 30,
  answering: 3,
};
/** The upstream takes its time, so that a kill can fall into what it does. */
const SLOW = { dryRun: 40, write: 40 };
/** What is approved is not held. */
const PATIENCE_MS = 20_000;
const INSIDE = STEPS.filter((step) => step !== "done");

/** Kills the gateway at least so often inside each step; after each kill it starts again, and all is looked at. */
export async function killEverywhere(
  world: World,
  { times, steps = INSIDE, onKill }: { times: number; steps?: readonly StepName[]; onKill?: (step: StepName) => void },
): Promise<KillResult> {
  const histogram: Record<string, number> = Object.fromEntries(steps.map((step) => [step, 0]));
  const wrong: string[] = [];
  Object.assign(world.slow, SLOW);
  let kills = 0;
  const mostKills = times * steps.length * 5;
  for (;;) {
    const next = steps.filter((step) => (histogram[step] ?? 0) < times)[0];
    if (next === undefined || kills >= mostKills) break;
    const flow = new Flow(`pod-${++kills}`, world);
    const fell = await killInside(flow, next, world);
    histogram[fell] = (histogram[fell] ?? 0) + 1;
    onKill?.(fell);
    await world.gateway.start();
    wrong.push(...(await lookAt(flow, fell, world)).map((what) => `killed while ${fell}: ${what}`));
  }
  const rare = steps.filter((step) => (histogram[step] ?? 0) < times);
  if (rare.length > 0) wrong.push(`${kills} kills, and fewer than ${times} of them fell into: ${rare.join(", ")}`);
  return { histogram, kills, wrong };
}

/** Starts the flow, kills the gateway inside that step or close to it, and says where it was hit. */
async function killInside(flow: Flow, step: StepName, world: World): Promise<StepName> {
  const client = new AbortController();
  const answered = world.send(flow.object, client.signal).then(
    (status) => {
      flow.status = status;
    },
    () => {},
  );
  const before = STEPS.indexOf(step);
  if (before > STEPS.indexOf("holding")) {
    await flow.until("holding");
    const [approval] = await approvalOf(world, flow.object);
    if (approval === undefined) throw new Error(`${flow.object} is held by nothing`);
    flow.name = approval.name;
    flow.approving = true;
    // The gateway may die of it: what the person is answered then is not looked at.
    world.home.approve(approval.name, world).catch(() => undefined);
  }
  await flow.until(step);
  const within = Math.random() * (WITHIN[step] ?? 10);
  if (within > 1) await wait(within);
  await world.gateway.kill();
  client.abort();
  await answered;
  return flow.step(true);
}

/** Nothing was forwarded unapproved or twice, and what was asked or approved is still there: the same request goes on. */
async function lookAt(flow: Flow, fell: StepName, world: World): Promise<string[]> {
  const wrong: string[] = [];
  const { object } = flow;
  const at = STEPS.indexOf(fell);
  const writes = world.asked(object).writes;
  if (writes > 0 && !flow.approving) wrong.push("it was forwarded, and nobody approved it");
  const [approval, ...more] = await approvalOf(world, object);
  if (more.length > 0) wrong.push(`${object} has ${more.length + 1} approvals`);
  if (at >= STEPS.indexOf("holding") && approval === undefined) return [...wrong, "its approval is lost"];
  if (approval === undefined) return wrong;
  const allowed = statesAfter(fell);
  if (!allowed.includes(approval.state)) wrong.push(`its approval is ${approval.state}, not ${allowed.join(" or ")}`);
  if (approval.state === "consumed") {
    // Whether the API server has seen it nobody knows, so nothing may go there by itself.
    if (world.asked(object).writes > 1) wrong.push("it was forwarded twice");
    return wrong;
  }
  if (approval.state === "pending") await world.home.approve(approval.name, world);
  const patience = AbortSignal.timeout(PATIENCE_MS);
  const status = await world.send(object, patience).catch((error: unknown) => String(error));
  if (status !== 201) wrong.push(`asked again on ${approval.state}, it is answered ${status}`);
  if (world.asked(object).writes !== 1) wrong.push(`the API server saw ${world.asked(object).writes} writes of it`);
  return wrong;
}

function statesAfter(step: StepName): string[] {
  const at = STEPS.indexOf(step);
  if (at <= STEPS.indexOf("holding")) return ["pending"];
  if (step === "approving") return ["pending", "approved"];
  // A ref that was written when the kill came is the use, whether the gateway learnt of it or not.
  if (at <= STEPS.indexOf("spending")) return ["approved", "consumed"];
  return ["consumed"];
}
