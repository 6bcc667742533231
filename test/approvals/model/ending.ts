import type { Approval } from "../../../approvals/types.ts";
import type { ModelGateway } from "./gateway.ts";
import type { Grant } from "./history.ts";
import { KINDS } from "./requests.ts";
import type { World } from "./world.ts";

/**
 * What must be true at the end, once every gateway runs again and everything has settled: both know the same approvals,
 * none is lost, nobody waits for what is decided, and what is approved or still undecided lets its request through.
 */
export async function checkEnding(world: World): Promise<void> {
  const wrong = (what: string): void => void world.history.violations.push(what);
  world.upstream.fault = undefined;
  await world.settle();
  for (const gate of world.gates) if (gate.gateway === undefined) world.start(gate);
  await world.settle();
  const gateways = world.gates.flatMap(({ gateway }) => (gateway === undefined ? [] : [gateway]));
  await refresh(world, gateways);
  const names = await namesOf(world, gateways);
  const states: Map<string, Approval>[] = [];
  for (const gateway of gateways) states.push(await statesOf(world, gateway, names));
  const [a, b] = states;
  if (a === undefined || b === undefined) {
    wrong("a gateway does not come back");
    return;
  }
  const [ofA, ofB] = [a, b].map((states) => describe([...states.values()].filter((one) => !isForgotten(world, one))));
  if (ofA !== ofB) wrong(`the gateways differ: A ${ofA}; B ${ofB}`);
  for (const grant of world.history.grants.values()) checkKept(world, grant, a.get(grant.approval.name), wrong);
  world.history.checkUses(({ approval: { name, proposal } }) => {
    const now = a.get(name);
    const forgotten = now === undefined ? world.home.forgetsTheOver : isForgotten(world, now);
    return forgotten ? proposal.maxUses : (now?.uses.length ?? 0);
  });
  checkWaiting(world, a, wrong);
  await checkAlive(world, gateways, a, wrong);
}

/** Twice: what one writes while it looks, the other sees. */
async function refresh(world: World, gateways: readonly ModelGateway[]): Promise<void> {
  for (let i = 0; i < 2; i++) {
    for (const { home } of gateways) await world.finish(home.refresh());
    await world.settle();
  }
}

/** Of all approvals that a gateway lists, or people were shown. What was never pending where it is asked may not be listed. */
async function namesOf(world: World, gateways: readonly ModelGateway[]): Promise<Set<string>> {
  const names = new Set(world.history.grants.keys());
  for (const gateway of gateways) for (const { name } of await world.listed(gateway)) names.add(name);
  return names;
}

async function statesOf(
  world: World,
  { home }: ModelGateway,
  names: ReadonlySet<string>,
): Promise<Map<string, Approval>> {
  const states = new Map<string, Approval>();
  for (const name of names) {
    const approval = await world.finish(home.get(name));
    if (approval !== undefined) states.set(name, approval);
  }
  return states;
}

/** Whether it may be forgotten by now, or be said to have ended otherwise: it lets nothing through, whoever says it. */
function isForgotten({ home, time }: World, { state, proposal }: Approval): boolean {
  return home.forgetsTheOver && proposal.notAfter <= time.now() && state !== "approved" && state !== "pending";
}

const describe = (states: readonly Approval[]): string =>
  states
    .map(({ name, state, uses }) => `${name} ${state} ${uses.length}`)
    .sort()
    .join(", ");

/** An approval that people acted on, or were shown. */
function checkKept(world: World, grant: Grant, now: Approval | undefined, wrong: (what: string) => void): void {
  const { name, proposal } = grant.approval;
  const over = proposal.notAfter <= world.time.now();
  const forgets = over && world.home.forgetsTheOver;
  if (now === undefined) {
    if (!forgets) wrong(`${name} is lost`);
    return;
  }
  if (now.file !== grant.approval.file) wrong(`${name} is another file than what was shown`);
  const did = (verb: string, outcome: string): boolean =>
    grant.acts.some((act) => act.verb === verb && act.outcome === outcome);
  const maybe = (verb: string): boolean => did(verb, "open") || did(verb, "done");
  const possible = new Set<string>(forgets ? ["expired"] : []);
  if (!did("approve", "done") && !did("deny", "done")) possible.add(over ? "expired" : "pending");
  if (maybe("approve") && !did("deny", "done")) {
    possible.add("consumed").add(over ? "expired" : "approved");
    if (maybe("revoke")) possible.add("revoked");
  }
  if (maybe("deny")) possible.add("denied");
  if (did("revoke", "done")) for (const state of possible) if (state !== "revoked") possible.delete(state);
  if (!possible.has(now.state)) wrong(`${name} is ${now.state}, and can only be ${[...possible].join(" or ")}`);
  if (did("approve", "done") && did("deny", "done")) wrong(`${name} was approved and denied`);
  if (now.uses.length > proposal.maxUses) wrong(`${name} was used ${now.uses.length} times`);
}

/** Nobody is held for what is decided. */
function checkWaiting(world: World, states: ReadonlyMap<string, Approval>, wrong: (what: string) => void): void {
  const pending = new Set(
    [...states.values()].filter(({ state }) => state === "pending").map(({ proposal }) => proposal.summary.command),
  );
  for (const { id, command, status } of world.history.sent.values()) {
    if (status === undefined && !pending.has(command)) wrong(`${id}, «${command}», is held by nothing`);
  }
  // What a person has approved is not asked of another one.
  for (const approved of [...states.values()].filter(({ state }) => state === "approved")) {
    const { digest, change } = approved.proposal;
    const again = [...states.values()].find(
      ({ state, proposal }) => state === "pending" && proposal.digest === digest && proposal.change === change,
    );
    if (again !== undefined) wrong(`${again.name} asks for what ${approved.name} approves`);
  }
}

/** What is approved lets its request through by itself, and what is pending can still be approved, and does then. */
async function checkAlive(
  world: World,
  gateways: readonly ModelGateway[],
  states: ReadonlyMap<string, Approval>,
  wrong: (what: string) => void,
): Promise<void> {
  let n = 0;
  for (const approval of states.values()) {
    const { name, state, proposal } = approval;
    const kind = KINDS.find(({ command }) => command === proposal.summary.command);
    const gate = world.gates[n++ % 2];
    if ((state !== "approved" && state !== "pending") || kind === undefined || gate?.gateway === undefined) continue;
    // As it was when the approver was shown what would change.
    const replicas = proposal.changes.find(({ path }) => path === "spec.replicas")?.from;
    kind.prepare(world.upstream.cluster.objects, Number(replicas ?? 1));
    if (state === "pending") {
      world.act("approve", approval, gate.gateway);
      await world.settle();
      await refresh(world, gateways);
      // Those that were held for it had their turn.
      kind.prepare(world.upstream.cluster.objects, Number(replicas ?? 1));
    }
    const now = await world.finish(gate.gateway.home.get(name));
    if (now?.state === "consumed") continue;
    if (now?.state !== "approved") {
      wrong(`${name} cannot be approved any more: it is ${now?.state ?? "lost"}`);
      continue;
    }
    const sent = world.send(gate, kind, gate.gateway);
    await world.settle();
    if (sent.status === undefined || sent.status >= 300) {
      wrong(`${name} is approved, and ${sent.id}, «${kind.command}», is answered ${sent.status}: ${sent.text}`);
    }
  }
}
