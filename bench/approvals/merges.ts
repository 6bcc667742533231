import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { getCACertificates, setDefaultCACertificates } from "node:tls";
import { atHomeOn, openGitHub } from "../../test/gateway/github.ts";
import type { GitHubDouble } from "../../test/github/double.ts";
import type { Row } from "../table.ts";
import type { World } from "../world.ts";
import { type HoldingGateway, type Proposed, startHolding } from "./held.ts";

/** The default of approvals.pollSeconds. */
const POLL_SECONDS = 10;
/** Nobody waits so long: what is learned before, a webhook told. */
const NO_POLL_SECONDS = 300;
const TIMES = 20;
/** A gateway creates at most 80 things on GitHub in a minute, 8 for each. */
const HOOKED = 9;
const POLLED = 8;

/** From the merge to the held request going on to the API server, by each of the ways that a gateway learns of it. */
export async function benchMerges(world: World): Promise<Row[]> {
  world.say("measuring from an approval to the held request going on: embedded");
  const embedded = await startHolding(world);
  const own = await measure(embedded, TIMES, async (proposal) => {
    const at = performance.now();
    await embedded.approve(proposal);
    return at;
  });

  world.say("measuring the same on GitHub: webhook");
  const told = await onGitHub(world, NO_POLL_SECONDS);
  const { origin, state } = told.holding.gateway;
  setDefaultCACertificates([...getCACertificates("default"), readFileSync(state.caFile, "utf8")]);
  told.github.setWebhook(`${origin}/webhooks/github`);
  const hooked = await measure(told.holding, HOOKED, (proposal) => merge(told.github, proposal));

  world.say("measuring the same on GitHub: by polling alone");
  const asking = await onGitHub(world, POLL_SECONDS);
  const polled = await measure(asking.holding, POLLED, async (proposal, i) => {
    // A hold begins as a poll ends: merged at once, each would wait for a whole interval.
    await sleep(((i + 0.5) / POLLED) * POLL_SECONDS * 1000);
    return merge(asking.github, proposal);
  });
  return [
    ...rows("embedded", own, 100),
    ...rows("GitHub, webhook", hooked, 1000),
    ...rows(`GitHub, poll of ${POLL_SECONDS} s`, polled, POLL_SECONDS * 1000),
  ];
}

async function onGitHub(world: World, pollSeconds: number): Promise<{ github: GitHubDouble; holding: HoldingGateway }> {
  const github = await openGitHub();
  world.later(() => github.close());
  return { github, holding: await startHolding(world, atHomeOn(github, { pollSeconds })) };
}

/** What a person does on GitHub; resolves to when they began to merge, in milliseconds of performance.now(). */
async function merge(github: GitHubDouble, { name }: Proposed): Promise<number> {
  const pull = [...github.state.pulls.values()].find(({ title, body }) => title.includes(name) || body?.includes(name));
  if (pull === undefined) throw new Error(`there is no pull request of ${name}`);
  const alice = github.as("alice");
  await alice.review(pull.number, { state: "APPROVED" });
  const at = performance.now();
  await alice.merge(pull.number);
  return at;
}

/** One request after the other; `approve` resolves to when it did. In milliseconds, sorted. */
async function measure(
  holding: HoldingGateway,
  times: number,
  approve: (proposal: Proposed, i: number) => Promise<number>,
): Promise<number[]> {
  const took: number[] = [];
  for (let i = 0; i < times; i++) {
    const { proposal, goesOn } = await holding.hold();
    const [at, arrived] = await Promise.all([approve(proposal, i), goesOn]);
    took.push(arrived - at);
  }
  return took.sort((a, b) => a - b);
}

function rows(way: string, took: readonly number[], most: number): Row[] {
  const aim = { at: "most" as const, value: most };
  const what = `merge to held request going on, ${way}`;
  return [
    { what: `${what}: median`, value: took[took.length >> 1] ?? Number.NaN, unit: "ms", aim },
    { what: `${what}: worst of ${took.length}`, value: took.at(-1) ?? Number.NaN, unit: "ms", aim },
  ];
}
