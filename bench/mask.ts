import type { DevelopmentIssuer } from "../identity/development/issuer.ts";
import { residentMb } from "./child.ts";
import { type BenchGateway, openSession } from "./gateway.ts";
import { LoadClient, type Measured, sideBySide, type Target } from "./load.ts";
import type { Row } from "./table.ts";

/** Bytes of one list where throughput is measured. */
const LIST_MB = 20;
const LONG_MB = 100;

export interface MaskBench {
  /** The least that a gateway can be, with TLS in front (servers/pass-through.ts). */
  passThrough: Target;
  /** Starts a gateway with these guardrails before the same upstream (servers/list-upstream.ts), as connection `stub`. */
  gateway(guardrails: object): Promise<BenchGateway>;
  issuer: DevelopmentIssuer;
}

const GUARDRAILS = {
  scopes: [{ name: "all", rules: { "secrets/list": { effect: "mask" } } }],
  masks: [{ group: "", resource: "configmaps", fields: ["data['db-password']"] }],
};

/**
 * Long lists through the mask. Each of the gateway's lists is read in a session of its own: what a session has seen
 * masked is looked for in all that it reads afterwards.
 */
export async function benchMask({ passThrough, gateway, issuer }: MaskBench): Promise<Row[]> {
  const { origin, state, child } = await gateway(GUARDRAILS);
  const through = async (resource: string, login: string, mb: number): Promise<Target> => ({
    name: `full path: ${resource}`,
    origin,
    caFile: state.caFile,
    path: `/connections/stub/api/v1/namespaces/shop/${resource}?mb=${mb}`,
    headers: { authorization: `Bearer ${await openSession(origin, state.caFile, issuer, login)}` },
    pid: child.pid,
  });
  const targets = [
    { ...passThrough, path: `/api/v1/namespaces/shop/secrets?mb=${LIST_MB}` },
    await through("services", "alice", LIST_MB),
    await through("configmaps", "bob", LIST_MB),
    await through("secrets", "agent", LIST_MB),
  ];
  const clients = targets.map((target) => new LoadClient(target, 1));
  const long = new LoadClient(await through("secrets", "agent", LONG_MB), 1);
  try {
    const measured = await sideBySide(clients, { concurrency: 1, turns: 5, milliseconds: 1000, settle: true });
    const [plain, none, some, every] = measured as [Measured, Measured, Measured, Measured];
    const speed = ({ perSecond }: Measured): number => perSecond * LIST_MB;
    const cost = ({ cpu }: Measured): number => cpu / 1000 / LIST_MB;
    const growth = await growthDuring(child.pid, () => long.one());
    const list = (what: string, one: Measured): Row[] => [
      { what: `list of ${LIST_MB} MB: ${what}`, value: speed(one), unit: "MB/s" },
      { what: `list of ${LIST_MB} MB: ${what}, CPU`, value: cost(one), unit: "ms/MB" },
    ];
    const ratio = (what: string, one: Measured): Row => ({
      what: `list of ${LIST_MB} MB: ${what}`,
      value: speed(one) / speed(plain),
      unit: "×",
      aim: { at: "least", value: 0.5 },
      beside: "MB/s of the pass-through with TLS",
    });
    return [
      ...list("pass-through with TLS", plain),
      ...list("full path, no mask", none),
      ...list("one ConfigMap of fifty masked", some),
      ...list("Secrets, all masked", every),
      ratio("one ConfigMap of fifty masked", some),
      ratio("Secrets, all masked", every),
      {
        what: `memory that serve grows by for a list of ${LONG_MB} MB of Secrets`,
        value: growth,
        unit: "MB",
        aim: { at: "most", value: 32 },
        beside: "VmRSS before, and its peak meanwhile",
      },
    ];
  } finally {
    for (const client of [...clients, long]) await client.close();
    await child.stop("SIGTERM");
  }
}

/** How far resident memory goes above where it was, in MB. */
async function growthDuring(pid: number, work: () => Promise<void>): Promise<number> {
  const before = residentMb(pid);
  let peak = before;
  const timer = setInterval(() => {
    peak = Math.max(peak, residentMb(pid));
  }, 20);
  try {
    await work();
  } finally {
    clearInterval(timer);
  }
  return Math.max(peak, residentMb(pid)) - before;
}
