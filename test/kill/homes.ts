import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { atHomeOn, openGitHub } from "../gateway/github.ts";
import type { Points } from "./points.ts";
import { EMBEDDED_STEPS, GITHUB_STEPS, type Step } from "./steps.ts";
import type { World } from "./world.ts";

/** One of the two homes, as it is seen from outside of the gateway. */
export interface KillHome {
  steps: readonly Step[];
  /** Puts it into sallyport.yaml. */
  configure(config: Record<string, unknown>): void;
  /** What it sees from now on is of this flow. */
  begin(points: Points): void;
  /** Whether there is a proposal's branch since then. */
  proposed(): boolean;
  approved(name: string): boolean;
  used(name: string): boolean;
  /** A person approves. */
  approve(name: string, world: World): Promise<void>;
  close(): Promise<void>;
}

/** Opens a home. `decided`: whether a person has decided about the flow that is under way. */
export type OpenHome = (directory: string, decided: () => boolean) => KillHome | Promise<KillHome>;

/** Without what git is just writing. */
const entries = (folder: string): string[] =>
  existsSync(folder) ? readdirSync(folder).filter((name) => !name.endsWith(".lock")) : [];

/** The embedded home: its refs are files. */
export function embedded(directory: string): KillHome {
  const refs = join(directory, "policy-exceptions.git", "refs");
  const branches = (): string[] => entries(join(refs, "heads", "sallyport"));
  let before = new Set<string>();
  return {
    steps: EMBEDDED_STEPS,
    configure() {},
    begin() {
      before = new Set(branches());
    },
    proposed: () => branches().some((branch) => !before.has(branch)),
    approved: (name) => existsSync(join(refs, "sallyport", "settled", name)),
    used: (name) => entries(join(refs, "sallyport", "used", name)).length > 0,
    approve: (name, world) => world.decide(name),
    close: async () => {},
  };
}

/** What GitHub is asked, by method and path; after a person has decided, some of it is for the use. */
const ASKED: readonly [method: string, path: RegExp, point: string, decided: string][] = [
  ["POST", /\/git\/trees$/, "tree", "tree"],
  ["POST", /\/git\/commits$/, "commit", "commit of the use"],
  ["POST", /\/git\/refs$/, "branch", "use"],
  ["POST", /\/pulls$/, "pull request", "pull request"],
  ["POST", /\/labels$/, "labels", "labels"],
  ["GET", /\/reviews$/, "reviews of nothing", "reviews"],
  ["POST", /\/comments$/, "comment of nothing", "comment"],
];

/** The home on the double of GitHub, which lives here. */
export async function github(_directory: string, decided: () => boolean): Promise<KillHome> {
  const double = await openGitHub();
  let points: Points | undefined;
  double.fault.watch = (method, path, phase) => {
    const asked = ASKED.find(([one, pattern]) => one === method && pattern.test(path));
    return asked === undefined ? true : (points?.pass(decided() ? asked[3] : asked[2], phase) ?? true);
  };
  const pullOf = (name: string) =>
    [...double.state.pulls.values()].find(({ title, body }) => title.includes(name) || body?.includes(name));
  return {
    steps: GITHUB_STEPS,
    configure: atHomeOn(double),
    begin(next) {
      points = next;
    },
    proposed: () => (points?.count("branch", "after") ?? 0) > 0,
    approved: (name) => pullOf(name)?.mergedAt !== undefined,
    used: () => (points?.count("use", "after") ?? 0) > 0,
    async approve(name, world) {
      const number = pullOf(name)?.number;
      if (number === undefined) throw new Error(`${name} has no pull request`);
      const alice = double.as("alice");
      await alice.review(number, { state: "APPROVED" });
      await alice.merge(number);
      const body = "{}";
      await world.hook(body, double.webhooks.sign(body));
    },
    close: () => double.close(),
  };
}

export const HOMES: Record<string, OpenHome> = { embedded, github };
