import { randomBytes } from "node:crypto";
import { describe, expect, onTestFinished, test } from "vitest";
import { type GitHubHomeOptions, openGitHubHome } from "../../approvals/github/home.ts";
import type { ApprovalHome, Proposal } from "../../approvals/types.ts";
import { silentLog } from "../../base/log.ts";
import { actor, proposal as fixture } from "../approvals/suite/fixtures.ts";

/** A server of GitHub's API, whichever it is, with an account that writes one repository. */
export interface Server {
  home: Pick<GitHubHomeOptions, "repository" | "credential" | "baseUrl">;
  /** One GET, as anybody who may read the repository: its body, or undefined for a 404. */
  get(path: string): Promise<unknown>;
}

const reviewer = actor("corp:alice@example.com", "corp:oncall");
const people = [{ identities: [reviewer.username], agents: [], github: "alice" }];

/**
 * What a gateway needs of GitHub and can be tried with one account: all but a review that counts, which takes a second
 * person. `start` is asked once a test; a repository may be shared, so that each test has a digest of its own.
 */
export function wireBehaviours(
  name: string,
  start: () => Promise<Server>,
  { skip = false, listsCommits = true }: { skip?: boolean; listsCommits?: boolean } = {},
): void {
  describe.skipIf(skip)(`the home on GitHub, on ${name}`, () => {
    async function opened(): Promise<{ server: Server; open: () => Promise<ApprovalHome>; asked: Proposal }> {
      const server = await start();
      const open = async (): Promise<ApprovalHome> => {
        const home = await openGitHubHome({
          ...server.home,
          ...{ people, log: silentLog, pollSeconds: 0, hmacKeys: [Buffer.alloc(32, 7)] },
          url: (approval) => `https://sallyport.example/approvals/${approval}`,
        });
        onTestFinished(() => home.close());
        return home;
      };
      const digest = randomBytes(32).toString("hex");
      return { server, open, asked: fixture({ digest, notAfter: Date.now() + 600_000 }) };
    }

    test("a hold is a pull request from the digest's branch", async () => {
      const { server, open, asked } = await opened();
      const home = await open();
      const { approval } = await home.propose(asked);
      const pull = await server.get(`/pulls/${approval.pullRequest?.number}`);
      expect(pull).toMatchObject({ state: "open", head: { ref: `sallyport/${asked.digest}` }, base: { ref: "main" } });
      await home.cancel(approval.name, "", "the test ends");
    });

    // Another gateway knows a pull request by its commits.
    if (listsCommits) {
      test("a hold is one pull request for two gateways", async () => {
        const { open, asked } = await opened();
        const [one, other] = [await open(), await open()];
        const { name } = (await one.propose(asked)).approval;
        expect(await other.propose(asked)).toMatchObject({ opened: false, approval: { name } });
        await one.cancel(name, "", "the test ends");
      });
    }

    test("a denial closes the pull request, and says why", async () => {
      const { server, open, asked } = await opened();
      const home = await open();
      const { approval } = await home.propose(asked);
      await home.deny(approval.name, reviewer, { reason: "not on a Sunday" });
      const number = approval.pullRequest?.number;
      await expect.poll(() => server.get(`/pulls/${number}`)).toMatchObject({ state: "closed", merged: false });
      await expect
        .poll(() => server.get(`/issues/${number}/comments`))
        .toContainEqual(expect.objectContaining({ body: expect.stringContaining("not on a Sunday") }));
    });

    test("a use is spent once, whichever gateway spends it", async () => {
      const { server, open, asked } = await opened();
      const [one, other] = [await open(), await open()];
      const { name } = (await one.propose(asked)).approval;
      await other.refresh();
      // The one way to an approval that takes no second account.
      await one.breakGlass(name, reviewer, { reason: "fire" }, { validForSeconds: 300, reviewWithinSeconds: 3600 });
      await other.refresh();
      const uses = await Promise.all([one.use(name, "exchange-1"), other.use(name, "exchange-2")]);
      expect(uses.filter(({ ok }) => ok)).toEqual([{ ok: true, n: 1 }]);
      expect(await server.get(`/git/ref/sallyport/used/${name}/1`)).toMatchObject({ object: { type: "commit" } });
    });

    test("a kill is known to another gateway, as a ref outside the branches", async () => {
      const { server, open } = await opened();
      const [one, other] = [await open(), await open()];
      const session = `s-${randomBytes(8).toString("hex")}`;
      const kill = { session, by: reviewer.username, reason: "gone wild", at: Date.now(), until: Date.now() + 600_000 };
      await one.kill(kill);
      await other.refresh();
      const told: string[] = [];
      other.onKill((known) => told.push(known.session));
      expect(told).toContain(session);
      expect(await server.get(`/git/ref/sallyport/killed/${session}`)).toBeDefined();
    });
  });
}
