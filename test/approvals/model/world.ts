import type { Approval, ApprovalState } from "../../../approvals/types.ts";
import { Refusal } from "../../../base/errors.ts";
import type { Policy } from "../../../engine/decision.ts";
import { ModelGateway } from "./gateway.ts";
import { History, type Sent } from "./history.ts";
import type { MakeModelHome, ModelHome } from "./home.ts";
import { KINDS, type Kind } from "./requests.ts";
import { type Process, Turns } from "./turns.ts";
import { Upstream } from "./upstream.ts";
import { VirtualTime } from "./virtual-time.ts";

/** Where a gateway runs, whether it does at the moment or not. */
export interface Gate {
  name: string;
  gateway: ModelGateway | undefined;
  busy: boolean;
  /** When it looked at the repository. */
  looked: { begun: number; done: number }[];
  starts: number;
}

interface WorldParts {
  turns: Turns;
  time: VirtualTime;
  home: ModelHome;
  policy: Policy;
}

/** Two gateways on one repository, in front of one upstream. */
export class World {
  readonly turns: Turns;
  readonly time: VirtualTime;
  readonly home: ModelHome;
  readonly upstream = new Upstream();
  readonly gates: [Gate, Gate] = [newGate("A"), newGate("B")];
  readonly history: History;
  /** How often an approval came to be in a state, as a gateway told it. */
  readonly changes = new Map<string, number>();
  readonly #policy: Policy;
  readonly #told = new Set<string>();

  private constructor({ turns, time, home, policy }: WorldParts) {
    this.turns = turns;
    this.time = time;
    this.home = home;
    this.#policy = policy;
    this.history = new History(home.revokesAtOnce);
    this.upstream.onApplied = (applied) => this.history.applied(applied);
    this.upstream.onRefused = (request, object) => this.history.refused(request, object);
    for (const kind of KINDS) kind.prepare(this.upstream.cluster.objects, 1);
  }

  static async open(make: MakeModelHome, options: { policy: Policy; withoutSwap: boolean }): Promise<World> {
    const time = new VirtualTime();
    const parts = { turns: new Turns(time), time };
    const home = await make({ ...parts, withoutSwap: options.withoutSwap });
    const world = new World({ ...parts, home, policy: options.policy });
    for (const gate of world.gates) world.start(gate);
    await world.settle();
    return world;
  }

  start(gate: Gate): void {
    const process: Process = { name: gate.name, dead: false };
    const life = ++gate.starts;
    gate.busy = true;
    const { turns, time, upstream } = this;
    this.home.open(process).then(
      (home) => {
        gate.gateway = new ModelGateway({ process, home, policy: this.#policy, upstream, turns, time });
        gate.busy = false;
        home.onChange((approval) => this.#heard(`${gate.name}${life}`, approval));
      },
      (error: unknown) => {
        gate.busy = false;
        this.history.violations.push(`gateway ${gate.name} does not start: ${String(error)}`);
      },
    );
  }

  /** It is asked to end, and starts again. */
  restart(gate: Gate, gateway: ModelGateway): void {
    gate.busy = true;
    gateway.stop().then(() => {
      gate.gateway = undefined;
      this.start(gate);
    });
  }

  #heard(listener: string, { name, state }: Approval): void {
    const once = `${listener} ${name} ${state}`;
    if (this.#told.has(once)) this.history.violations.push(`${once} was told twice`);
    this.#told.add(once);
    this.changes.set(state, (this.changes.get(state) ?? 0) + 1);
  }

  send(gate: Gate, kind: Kind, gateway: ModelGateway): Sent {
    const { history } = this;
    const id = `r${history.sent.size + 1}`;
    const { answered, leave } = gateway.send({
      ...kind.request,
      headers: { ...kind.request.headers, "user-agent": id },
    });
    const sent: Sent = { id, command: kind.command, gate, at: history.tick(), ms: this.time.now(), leave };
    history.sent.set(id, sent);
    answered.then(({ status, text }) => {
      sent.status = status;
      sent.text = text;
      if (status >= 500 && ![502, 504].includes(status))
        this.history.violations.push(`${id} is answered ${status}: ${text}`);
    });
    return sent;
  }

  /** A person acts on what they are shown by this gateway. */
  act(verb: "approve" | "deny" | "revoke", approval: Approval, gateway: ModelGateway): void {
    const grant = this.history.grant(approval);
    const end = this.history.begin(grant, verb);
    const acted = Promise.resolve().then(() => this.home[verb](approval, gateway.home));
    acted.then(
      () => end("done"),
      (error: unknown) => {
        // Anything but a refusal may have come after it took effect.
        if (error instanceof Refusal && error.code !== "internal" && error.code !== "approvals-unavailable")
          end("refused");
        else if (!(error instanceof Refusal)) this.history.violations.push(`${verb} failed: ${String(error)}`);
      },
    );
  }

  look(gate: Gate, gateway: ModelGateway): void {
    const begun = this.history.tick();
    gateway.home.refresh().then(() => gate.looked.push({ begun, done: this.history.tick() }));
  }

  /** What a gateway lists in this state, in order of its opening. */
  async listed(gateway: ModelGateway, ...states: ApprovalState[]): Promise<Approval[]> {
    const { items } = await this.finish(gateway.home.list({ limit: 500 }));
    return items.toReversed().filter(({ state }) => states.length === 0 || states.includes(state));
  }

  /** Waits for what may need others to go on first. */
  async finish<T>(work: Promise<T>): Promise<T> {
    let over = false;
    const end = (): void => {
      over = true;
    };
    work.then(end, end);
    await this.turns.quiet();
    while (!over && (await this.turns.step(0)));
    if (!over) throw new Error("what was waited for does not come");
    return work;
  }

  /** Lets everything go on until nothing does: in order, as it came. */
  async settle(): Promise<void> {
    for (let idle = 0; idle < 2; idle++) {
      while (await this.turns.step(0)) idle = 0;
      // Whoever waits a moment before they try again: half a second where another gateway may be about to finish.
      this.time.pass(500);
    }
  }

  async close(): Promise<void> {
    for (const { gateway } of this.gates) gateway?.crash();
    await this.turns.quiet();
    this.time.end();
    await this.home.close();
  }
}

function newGate(name: string): Gate {
  return { name, gateway: undefined, busy: false, looked: [], starts: 0 };
}
