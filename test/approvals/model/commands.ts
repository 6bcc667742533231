import fc from "fast-check";
import type { ModelGateway } from "./gateway.ts";
import { HOLD_MS, VALID_MS } from "./policy.ts";
import { KINDS } from "./requests.ts";
import type { Fault } from "./upstream.ts";
import type { Gate, World } from "./world.ts";

/** What may happen next. Numbers choose among what there is when its time comes. */
export type Command =
  | { kind: "request"; gate: number; what: number }
  | { kind: "retry"; gate: number; which: number }
  | { kind: "leave"; which: number }
  | { kind: "approve" | "deny" | "revoke"; gate: number; which: number }
  | { kind: "change"; what: number; to: number }
  | { kind: "fault"; fault: Fault }
  | { kind: "hold times out" | "expire" }
  /** `look`: gate 2 is both, side by side. */
  | { kind: "crash" | "restart" | "look"; gate: number };

/** A command, and what goes on before it: everything, or some of what waits, in an order of its own. */
export interface Step {
  before: "all" | number[];
  command: Command;
}

const gate = fc.nat(1);
const which = fc.nat(5);
const what = fc.nat(KINDS.length - 1);
const arbitraries: fc.WeightedArbitrary<Command>[] = [
  { weight: 10, arbitrary: fc.record({ kind: fc.constant("request" as const), gate, what }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("retry" as const), gate, which }) },
  { weight: 10, arbitrary: fc.record({ kind: fc.constant("approve" as const), gate, which }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("deny" as const), gate, which }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("revoke" as const), gate, which }) },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant("change" as const), what, to: fc.integer({ min: 2, max: 4 }) }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("leave" as const), which }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("fault" as const),
      fault: fc.constantFrom<Fault[]>("refused", "conflict", "invalid", "lost before", "lost after"),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("hold times out" as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("expire" as const) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("crash" as const), gate }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("restart" as const), gate }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("look" as const), gate: fc.nat(2) }) },
];

/** Every kind of command. */
export const COMMANDS: readonly Command["kind"][] = [
  "request",
  "retry",
  "leave",
  "approve",
  "deny",
  "revoke",
  "change",
  "fault",
  "hold times out",
  "expire",
  "crash",
  "restart",
  "look",
];

export const step: fc.Arbitrary<Step> = fc.record({
  before: fc.oneof(
    { weight: 2, arbitrary: fc.constant("all" as const) },
    { weight: 3, arbitrary: fc.array(fc.nat(9), { maxLength: 12, size: "max" }) },
  ),
  command: fc.oneof(...arbitraries),
});

const pick = <T>(items: readonly T[], n: number): T | undefined => items[n % Math.max(1, items.length)];

/** Makes it happen; false where there is nothing for it to happen to. */
export async function run(command: Command, world: World): Promise<boolean> {
  switch (command.kind) {
    case "request":
      return send(world, command.gate, KINDS[command.what]?.command);
    case "retry":
      return send(world, command.gate, pick([...world.history.sent.values()].toReversed(), command.which)?.command);
    case "leave": {
      const sent = pick(open(world), command.which);
      sent?.leave();
      return sent !== undefined;
    }
    case "approve":
    case "deny":
    case "revoke":
      return act(world, command);
    case "change":
      KINDS[command.what]?.prepare(world.upstream.cluster.objects, command.to);
      return true;
    case "fault":
      world.upstream.fault = command.fault;
      return true;
    case "hold times out":
      world.time.pass(HOLD_MS);
      return open(world).length > 0;
    case "expire":
      world.time.pass(VALID_MS);
      return true;
    default:
      return atGate(world, command);
  }
}

const open = (world: World) => [...world.history.sent.values()].filter(({ status }) => status === undefined);

/** That gateway, or the other one where it doesn't serve. */
function serving(world: World, n: number): { gate: Gate; gateway: ModelGateway } | undefined {
  for (const at of [world.gates[n], world.gates[1 - n]]) {
    if (at?.gateway !== undefined && !at.busy) return { gate: at, gateway: at.gateway };
  }
  return undefined;
}

function send(world: World, n: number, wanted: string | undefined): boolean {
  const kind = KINDS.find(({ command }) => command === wanted);
  const at = serving(world, n);
  if (kind === undefined || at === undefined) return false;
  world.send(at.gate, kind, at.gateway);
  return true;
}

async function act(
  world: World,
  { kind, gate: n, which: nth }: Extract<Command, { kind: "approve" | "deny" | "revoke" }>,
): Promise<boolean> {
  const at = serving(world, n);
  if (at === undefined) return false;
  const listed = await world.listed(at.gateway, ...(kind === "revoke" ? REVOCABLE : PENDING));
  const approval = pick(listed.toReversed(), nth);
  if (approval === undefined || at.gateway.process.dead) return false;
  world.act(kind, approval, at.gateway);
  return true;
}

const PENDING = ["pending"] as const;
const REVOCABLE = ["approved", "consumed"] as const;

type AtGate = Extract<Command, { kind: "crash" | "restart" | "look" }>;

function atGate(world: World, { kind, gate: n }: AtGate): boolean {
  if (n === 2) return [0, 1].map((gate) => atGate(world, { kind, gate })).includes(true);
  const at = world.gates[n];
  if (at === undefined || at.busy) return false;
  const { gateway } = at;
  if (kind === "restart" && gateway === undefined) {
    world.start(at);
    return true;
  }
  if (gateway === undefined) return false;
  if (kind === "look") world.look(at, gateway);
  else if (kind === "crash") {
    gateway.crash();
    at.gateway = undefined;
  } else world.restart(at, gateway);
  return true;
}
