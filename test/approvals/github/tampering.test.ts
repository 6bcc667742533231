import { describe, expect, test } from "vitest";
import type { Approval } from "../../../approvals/types.ts";
import { bob, digestOf, dora, opened, proposal, START } from "../suite/fixtures.ts";
import { approved } from "../suite/rig.ts";
import { eventually, type GitHubRig, githubRig } from "./rig.ts";

/** mallory may write the repository, and is in nobody's list of people. */
async function rigged(): Promise<GitHubRig> {
  const rig = await githubRig({ github: { memory: true } });
  rig.github.protection = undefined;
  return rig;
}
const call = async (rig: GitHubRig, method: string, path: string, body?: object): Promise<number> => {
  const { github } = rig;
  const response = await fetch(`${github.url}/repos/${github.repository}${path}`, {
    method,
    headers: { authorization: `Bearer ${github.token("mallory")}` },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  return response.status;
};
const mainOf = async (rig: GitHubRig): Promise<string> => (await rig.github.state.git.ref("refs/heads/main")) ?? "";
/** A ref of mallory's own making. */
const forge = async (rig: GitHubRig, ref: string, message = "mine"): Promise<void> => {
  const commit = await rig.github.as("mallory").push(`m-${Math.random()}`, { "m.txt": "m" }, { message });
  expect(await call(rig, "POST", "/git/refs", { ref, sha: commit })).toBe(201);
};
const used = (rig: GitHubRig) => rig.github.state.git.refs("refs/sallyport/used/");

describe("who can write the repository on GitHub and approve nothing", () => {
  test("lets nothing through by a break-glass of their own making", async () => {
    const rig = await rigged();
    const { name } = await opened(rig.home);
    await forge(rig, `refs/sallyport/break-glass/${name}`, `Break-glass\n\nSallyport-Record: {"kind":"break-glass"}`);
    await rig.home.refresh();
    expect((await rig.now(name)).state).toBe("pending");
    expect(await rig.home.use(name, "exchange-1")).toEqual({ ok: false, reason: "not-approved" });
  });

  test("lets nothing through by a signed break-glass of another request", async () => {
    const rig = await rigged();
    const [one, other] = [await opened(rig.home), await opened(rig.home, { digest: digestOf(2) })];
    const terms = { validForSeconds: 300, reviewWithinSeconds: 3600 };
    await rig.home.breakGlass(one.name, bob, { reason: "fire" }, terms);
    const signed = await rig.github.state.git.ref(`refs/sallyport/break-glass/${one.name}`);
    await call(rig, "POST", "/git/refs", { ref: `refs/sallyport/break-glass/${other.name}`, sha: signed });
    await rig.home.refresh();
    expect((await rig.now(other.name)).state).toBe("pending");
  });

  test("can spend an approval, and not use it", async () => {
    const rig = await rigged();
    const { name } = await approved(rig);
    await forge(rig, `refs/sallyport/used/${name}/1`);
    expect(await rig.home.use(name, "exchange-1").catch(() => ({ ok: false }))).toMatchObject({ ok: false });
  });

  test("brings no use back by deleting what it is on record by, also where the gateway starts again", async () => {
    const rig = await rigged();
    const { name, proposal } = await approved(rig);
    expect(await rig.home.use(name, "exchange-1")).toMatchObject({ ok: true });
    expect(await call(rig, "DELETE", `/git/refs/sallyport/used/${name}/1`)).toBe(204);
    await rig.home.refresh();
    expect(rig.home.status().frozen?.why).toContain(`refs/sallyport/used/${name}/1`);
    await rig.home.close();
    const again = await rig.open({ state: rig.state });
    const use = async (): Promise<unknown> => {
      const found = await again.find(proposal.digest);
      return found?.state === "approved" ? again.use(found.name, "exchange-2") : { ok: false };
    };
    expect(await use().catch(() => ({ ok: false }))).toMatchObject({ ok: false });
    expect(await used(rig)).toEqual([]);
  });

  test("brings no revoked approval back by deleting its ref", async () => {
    const rig = await rigged();
    const { name } = await approved(rig);
    await rig.home.revoke(name, bob, { reason: "a mistake" });
    await call(rig, "DELETE", `/git/refs/sallyport/revoked/${name}`);
    await rig.home.refresh();
    expect((await rig.now(name)).state).toBe("revoked");
    await rig.home.close();
    const again = await rig.open({ state: rig.state });
    expect(await again.use(name, "exchange-1").catch(() => ({ ok: false }))).toMatchObject({ ok: false });
    expect(await used(rig)).toEqual([]);
  });

  test("keeps no session alive by a kill of their own making, which is in the way of the gateway's", async () => {
    const rig = await rigged();
    const other = await rig.open();
    await forge(rig, "refs/sallyport/killed/s-1");
    const told: string[] = [];
    other.onKill(({ session, by }) => told.push(`${session} by ${by}`));
    await other.refresh();
    expect(told).toEqual([]);
    await rig.home.kill({ session: "s-1", by: bob.username, reason: "wild", at: START, until: START + 900_000 });
    await other.refresh();
    expect(told).toEqual([`s-1 by ${bob.username}`]);
  });

  test("takes no lock by a branch of their own making", async () => {
    const rig = await rigged();
    const asked = proposal();
    await rig.github.as("mallory").open({
      title: "Looks like the gateway's",
      head: `sallyport/${asked.digest}`,
      files: { [`exceptions/${asked.digest.slice(0, 16)}-1.yaml`]: "kind: PolicyException\n" },
    });
    const { approval, opened: first } = await rig.home.propose(asked);
    expect(first).toBe(true);
    expect(rig.github.state.pull(approval.pullRequest?.number ?? 0).user.login).toBe(rig.github.bot);
  });

  test("approves nothing by a pull request of their own that an approver approves, with the bytes of a proposal", async () => {
    const rig = await rigged();
    const approval: Approval = await opened(rig.home);
    const files = { [`exceptions/${approval.name}.yaml`]: approval.file };
    const number = await rig.github.as("mallory").open({ title: "A copy", head: "copy", files });
    await rig.github.as("bob").review(number, { state: "APPROVED" });
    await rig.github.as("bob").merge(number);
    await rig.home.refresh();
    expect((await rig.now(approval.name)).state).toBe("pending");
    expect(await rig.home.use(approval.name, "exchange-1")).toEqual({ ok: false, reason: "not-approved" });
    expect(rig.home.standing.size).toBe(0);
  });

  test("approves nothing by having it merged into another branch", async () => {
    const rig = await rigged();
    const { name } = await opened(rig.home);
    const number = await rig.number(name);
    await rig.github.as("mallory").push("side", { "a.txt": "a" }, { onto: await mainOf(rig) });
    await rig.github.as("mallory").edit(number, { base: "side" });
    await rig.github.as("bob").review(number, { state: "APPROVED" });
    await rig.github.as("mallory").merge(number);
    await rig.home.refresh();
    expect((await rig.now(name)).state).not.toBe("approved");
    expect(await rig.home.use(name, "exchange-1")).toEqual({ ok: false, reason: "not-approved" });
  });

  test("brings nothing back that was denied by opening its pull request again, for a gateway that starts afterwards", async () => {
    const rig = await rigged();
    const { name, proposal } = await opened(rig.home);
    const number = await rig.number(name);
    const { headSha, headRef } = rig.github.state.pull(number);
    await rig.github.as("bob").review(number, { state: "APPROVED" });
    await rig.deny(name, dora, "not today");
    await eventually(async () => (await rig.github.state.git.ref(`refs/heads/${headRef}`)) === undefined);
    await call(rig, "POST", "/git/refs", { ref: `refs/heads/${headRef}`, sha: headSha });
    await rig.github.as("mallory").reopen(number);
    await rig.github.as("mallory").merge(number);
    await rig.home.refresh();
    expect((await rig.now(name)).state).toBe("denied");
    const other = await rig.open();
    expect((await other.find(proposal.digest))?.state).not.toBe("approved");
    expect(await other.use(name, "exchange-1")).toMatchObject({ ok: false });
  });

  test("reviews no break-glass by having its review merged into a branch whose CODEOWNERS they wrote", async () => {
    const rig = await rigged();
    const requirements = [{ rules: ["workload/host-path"], approvers: ["group:corp:dba"], required: 1 }];
    const { name } = await opened(rig.home, { requirements });
    const terms = { validForSeconds: 300, reviewWithinSeconds: 3600 };
    await rig.home.breakGlass(name, bob, { reason: "down" }, terms);
    const review = () => [...rig.github.state.pulls.values()].find(({ headRef }) => headRef.includes("review/"));
    await eventually(() => review() !== undefined);
    const number = review()?.number ?? 0;
    const mallory = rig.github.as("mallory");
    await mallory.push("side", { CODEOWNERS: "* @carol\n" }, { onto: await mainOf(rig) });
    await mallory.edit(number, { base: "side" });
    await rig.github.as("carol").review(number, { state: "APPROVED" });
    await mallory.merge(number);
    await rig.home.refresh();
    expect((await rig.now(name)).breakGlass?.review).toBeUndefined();
  });

  test("brings nothing back that was taken off main, by deleting the comment and having its file merged again", async () => {
    const rig = await rigged();
    const { name, file } = await approved(rig);
    await rig.takeOffMain(name);
    await rig.home.refresh();
    const { comments } = rig.github.state.pull(await rig.number(name));
    const revoked = () => rig.github.state.git.refs("refs/sallyport/revoked/");
    await eventually(async () => comments.length > 0 && (await revoked()).length > 0);
    comments.splice(0);
    const files = { [`exceptions/${name}.yaml`]: file };
    await rig.github.as("mallory").merge(await rig.github.as("mallory").open({ title: "Again", head: "again", files }));
    const other = await rig.open();
    expect((await other.get(name))?.state).toBe("revoked");
    expect(await other.use(name, "exchange-1")).toEqual({ ok: false, reason: "not-approved" });
  });

  test("approves nothing by moving main back to where an approval was not yet taken off it", async () => {
    const rig = await rigged();
    const { name } = await approved(rig);
    const merged = await mainOf(rig);
    await rig.takeOffMain(name);
    await rig.home.refresh();
    expect((await rig.now(name)).state).toBe("revoked");
    await rig.github.as("mallory").forcePush("main", merged);
    await rig.home.refresh();
    expect(rig.home.status().frozen).toBeDefined();
    await expect(rig.home.propose(proposal({ digest: digestOf(3) }))).rejects.toThrow("was rewritten");
  });
});
