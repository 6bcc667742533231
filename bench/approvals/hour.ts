import { setTimeout as sleep } from "node:timers/promises";
import { ContentBudget } from "../../approvals/github/budget.ts";
import { openGitHubHome } from "../../approvals/github/home.ts";
import { silentLog } from "../../base/log.ts";
import { digestOf, people, proposal } from "../../test/approvals/suite/fixtures.ts";
import { type GitHubDouble, GUARDED, startGitHub } from "../../test/github/double.ts";
import type { Row } from "../table.ts";

const HOLDS = 60;
const MINUTE_MS = 60_000;
const POLLS_A_MINUTE = 6;
const WRITTEN_BACK_MS = 10_000;

/**
 * Sixty whole holds, one a minute, by a clock of their own: opened, looked at at every poll, reviewed, merged, used,
 * and what became of it written back. GitHub's limits are enforced by the same clock.
 */
export async function benchHour(): Promise<Row[]> {
  let time = Date.now();
  const clock = { now: () => time };
  const github = await startGitHub({ memory: true, now: clock.now, limitsNow: clock.now });
  github.protection = { ...GUARDED, codeOwners: false };
  github.team("acme/oncall", ["bob"]);
  const home = await openGitHubHome({
    repository: github.repository,
    credential: github.app,
    baseUrl: github.url,
    teams: { "corp:oncall": "acme/oncall" },
    hmacKeys: [Buffer.alloc(32, 7)],
    people,
    log: silentLog,
    url: (name) => `https://gateway.example.com/approvals/${name}`,
    clock,
    pollSeconds: 0,
    budget: new ContentBudget({ now: clock.now }),
  });
  try {
    const bob = github.as("bob");
    for (let i = 1; i <= HOLDS; i++) {
      const notAfter = time + 15 * MINUTE_MS;
      const { approval } = await home.propose(proposal({ digest: digestOf(i), notAfter }));
      for (let poll = 1; poll <= POLLS_A_MINUTE; poll++) {
        time += MINUTE_MS / POLLS_A_MINUTE;
        const number = approval.pullRequest?.number ?? 0;
        if (poll === 3) await bob.review(number, { state: "APPROVED" });
        if (poll === 3) await bob.merge(number);
        await home.refresh();
        if (poll === 3) await use(home, approval.name, i);
      }
    }
    await writtenBack(github);
  } finally {
    await home.close();
    await github.close();
  }
  const refused = github.requests.filter(({ status }) => status === 403 || status === 429).length;
  const counted = github.requests.filter(({ status }) => status !== 304).length;
  const what = `${HOLDS} whole holds on GitHub in an hour`;
  return [
    {
      what: `${what}: content creations`,
      value: github.mutations(),
      unit: "",
      aim: { at: "most", value: 500 },
      beside: "GitHub's limit of an hour",
    },
    { what: `${what}: refused`, value: refused, unit: "", aim: { at: "exactly", value: 0 } },
    {
      what: `${what}: requests, 304 aside`,
      value: counted,
      unit: "",
      aim: { at: "most", value: 5000 },
      beside: "GitHub's limit of an hour; with a poll every 10 s",
    },
  ];
}

async function use(home: Awaited<ReturnType<typeof openGitHubHome>>, name: string, i: number): Promise<void> {
  const used = await home.use(name, `x-${i}`);
  if (!used.ok) throw new Error(`${name} cannot be used: ${used.reason}`);
}

/** Comments are made after the gateway has answered. */
async function writtenBack({ requests }: GitHubDouble): Promise<void> {
  const end = performance.now() + WRITTEN_BACK_MS;
  const comments = (): number =>
    requests.filter(({ method, path, status }) => method === "POST" && /comments$/.test(path) && status === 201).length;
  while (comments() < HOLDS) {
    if (performance.now() > end) throw new Error(`${comments()} of ${HOLDS} holds were written back`);
    await sleep(20);
  }
}
