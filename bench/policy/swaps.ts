import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Agent, fetch } from "undici";
import { parse, stringify } from "yaml";
import { developmentTokens } from "../../identity/development/sign-in.ts";
import { type BenchGateway, startGateway } from "../gateway.ts";
import { LoadClient, type Measured, medianOf } from "../load.ts";
import type { Row } from "../table.ts";
import type { World } from "../world.ts";

const LANES = 8;
const TURNS = 7;
const TURN_MS = 3000;
/** Guardrails change so often while requests go through. */
const SWAP_EVERY_MS = 500;

/**
 * GETs while the policy is swapped twice a second, beside GETs while it is not, in turns. A request that fails ends the
 * bench: the client takes nothing but a 2xx.
 */
export async function benchSwaps({ start, files, directory, issuer, cluster, token, later }: World): Promise<Row[]> {
  const upstream = await start("stub-upstream", files.cert, files.key);
  const stub = { server: `https://127.0.0.1:${upstream.ready}`, caFile: files.ca };
  const gateway = await startGateway({
    directory: mkdtempSync(join(directory, "swaps-")),
    issuer,
    cluster,
    stub,
    token,
  });
  later(() => gateway.child.stop("SIGKILL"));
  const client = new LoadClient(
    {
      name: "full path",
      origin: gateway.origin,
      caFile: gateway.state.caFile,
      path: "/connections/stub/api/v1/namespaces/shop/pods/web",
      headers: { authorization: `Bearer ${gateway.sessionToken}` },
    },
    LANES,
  );
  const admin = (await developmentTokens(issuer, "alice")).idToken;
  await client.run(LANES, TURN_MS);
  const steady: Measured[] = [];
  const swapping: Measured[] = [];
  const revisions = new Set([await revision(gateway, admin)]);
  for (let turn = 0; turn < TURNS; turn++) {
    steady.push(await client.run(LANES, TURN_MS));
    let n = 0;
    const timer = setInterval(() => swap(gateway, `${turn}-${n++}`), SWAP_EVERY_MS);
    const look = setInterval(
      () =>
        void revision(gateway, admin).then(
          (seen) => revisions.add(seen),
          () => undefined,
        ),
      SWAP_EVERY_MS / 2,
    );
    swapping.push(await client.run(LANES, TURN_MS));
    clearInterval(timer);
    clearInterval(look);
    // The last change comes into force before the next steady turn begins.
    await new Promise((resolve) => setTimeout(resolve, 2 * SWAP_EVERY_MS));
  }
  await client.close();
  const p99 = (turns: readonly Measured[]): number => medianOf(turns.map((one) => one.p99));
  return [
    { what: `GET, ${LANES} lanes: p99, steady`, value: p99(steady), unit: "ms" },
    { what: `GET, ${LANES} lanes: p99 while the policy is swapped`, value: p99(swapping), unit: "ms" },
    {
      what: `GET, ${LANES} lanes: p99 while the policy is swapped`,
      value: p99(swapping) / p99(steady),
      unit: "×",
      aim: { at: "most", value: 2 },
      beside: "p99, steady",
    },
    {
      what: "policies that came into force meanwhile",
      value: revisions.size - 1,
      unit: "",
      aim: { at: "least", value: TURNS },
    },
    {
      what: "requests that failed meanwhile",
      value: 0,
      unit: "",
      aim: { at: "exactly", value: 0 },
      beside: `${client.sent} sent`,
    },
  ];
}

/** A scope of a namespace that nobody asks for: another policy with the same answers. */
function swap({ state }: BenchGateway, name: string): void {
  const guardrails = parse(readFileSync(state.guardrailsFile, "utf8")) as { scopes?: { name: string }[] };
  const kept = (guardrails.scopes ?? []).filter((scope) => !scope.name.startsWith("bench-"));
  const scopes = [...kept, { name: `bench-${name}`, match: { namespaces: [`bench-${name}`] } }];
  writeFileSync(state.guardrailsFile, stringify({ ...guardrails, scopes }));
}

async function revision({ origin, state }: BenchGateway, token: string): Promise<string> {
  const dispatcher = new Agent({ connect: { ca: readFileSync(state.caFile, "utf8") } });
  const headers = { authorization: `Bearer ${token}` };
  const response = await fetch(`${origin}/v1alpha1/policy`, { dispatcher, headers });
  const answer = (await response.json()) as { revision?: { guardrails: string } };
  await dispatcher.close();
  if (answer.revision === undefined) throw new Error(`GET /v1alpha1/policy answered ${response.status}`);
  return answer.revision.guardrails;
}
