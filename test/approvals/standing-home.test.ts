import { join } from "node:path";
import { expect, test } from "vitest";
import type { EmbeddedHome } from "../../approvals/git/home.ts";
import type { StandingQuestion } from "../../approvals/standing/standing.ts";
import { alice, approved, carol, newMergeKey, type Rig, rig } from "./embedded.ts";
import { standingFile } from "./standing-files.ts";

const asked: StandingQuestion = {
  connection: { name: "prod" },
  user: { issuer: "corp", username: "corp:agent", groups: ["corp:devs"] },
  request: {
    verb: "create",
    operation: "CREATE",
    resource: { group: "apps", resource: "deployments" },
    subResource: "",
    nonResource: false,
    namespace: "shop",
    name: "web",
  },
};
const by = { issuer: alice.issuer, username: alice.username };
const names = (home: EmbeddedHome): string[] => home.standing.candidates(asked).sure.map(({ name }) => name);

async function merge(home: EmbeddedHome, ...files: [string, Record<string, unknown>?][]): Promise<void> {
  await home.standing.merge(new Map(files.map(([name, spec]) => [name, standingFile(name, spec)])), by, "asked for");
}

/** Puts a file on main by git alone, as whoever can write the folder could. */
function pushByHand({ git }: Rig, name: string, text: string | undefined): void {
  const files = git(["ls-tree", "-r", "main"])
    .split("\n")
    .filter((line) => line.includes("\texceptions/") && !line.endsWith(`/${name}.yaml`))
    .map((line) => line.replace("\texceptions/", "\t"));
  if (text !== undefined) files.push(`100644 blob ${git(["hash-object", "-w", "--stdin"], text)}\t${name}.yaml`);
  const folder = git(["mktree"], files.map((line) => `${line}\n`).join(""));
  const tree = git(["mktree"], `040000 tree ${folder}\texceptions\n`);
  git(["update-ref", "refs/heads/main", git(["commit-tree", tree, "-p", "main", "-m", "by hand"])]);
}

test("a standing exception that was merged is a candidate at once, and after the gateway starts again", async () => {
  const { home, open } = await rig();
  await merge(home, ["logs"], ["other", { match: { namespaces: ["pay"] } }]);
  expect(names(home)).toEqual(["logs"]);
  expect(names(await open())).toEqual(["logs"]);
});

test("what another gateway merged is known with the next look at main", async () => {
  const { home, open } = await rig();
  const other = await open();
  await merge(other, ["logs"]);
  await home.standing.refresh();
  expect(names(home)).toEqual(["logs"]);
});

test("approvals of single requests and standing exceptions are on one main, and neither is taken for the other", async () => {
  const { home, open } = await rig();
  await merge(home, ["logs"]);
  const approval = await approved(home);
  const again = await open();
  expect(names(again)).toEqual(["logs"]);
  expect((await again.get(approval.name))?.state).toBe("approved");
});

test("a file that only git brought to main stands for nothing", async () => {
  const all = await rig();
  await merge(all.home, ["logs"]);
  pushByHand(all, "more", standingFile("more"));
  await all.home.standing.refresh();
  expect(names(all.home)).toEqual(["logs"]);
  expect(all.home.status().malformed).toEqual([{ name: "more", error: "no merge key signed it" }]);
});

test("a file that was altered after it was merged stands for nothing", async () => {
  const all = await rig();
  await merge(all.home, ["logs"]);
  pushByHand(all, "logs", standingFile("logs", { rules: ["workload/host-path", "rbac/role"] }));
  await all.home.standing.refresh();
  expect(names(all.home)).toEqual([]);
});

test("a ref to a commit that another key signed stands for nothing", async () => {
  const { home, open, path, git } = await rig();
  const strange = await rig();
  const { home: impostor } = { home: await strange.open({ path, mergeKeyFile: newMergeKey(path, "other.pem") }) };
  await merge(impostor, ["logs"]);
  expect(git(["for-each-ref", "refs/sallyport/standing"])).toContain("refs/sallyport/standing/logs");
  await home.standing.refresh();
  expect(names(home)).toEqual([]);
  expect(names(await open())).toEqual([]);
});

test("a ref to a commit that signed another file stands for nothing", async () => {
  const all = await rig();
  await merge(all.home, ["logs"]);
  pushByHand(all, "more", standingFile("more"));
  all.git(["update-ref", "refs/sallyport/standing/more", "refs/sallyport/standing/logs"]);
  await all.home.standing.refresh();
  expect(names(all.home)).toEqual(["logs"]);
});

test("a file that is taken off main is revoked, and whoever stands on it is told once", async () => {
  const all = await rig();
  let told = 0;
  all.home.standing.onChange(() => told++);
  await merge(all.home, ["logs"]);
  expect(told).toBe(0);
  pushByHand(all, "logs", undefined);
  await all.home.standing.refresh();
  expect(names(all.home)).toEqual([]);
  expect(told).toBe(1);
});

test("a standing exception that is revoked is off main, and stays revoked", async () => {
  const { home, open, git } = await rig();
  await merge(home, ["logs"], ["metrics"]);
  await home.standing.revoke("logs", by, "no longer needed");
  expect(names(home)).toEqual(["metrics"]);
  expect(names(await open())).toEqual(["metrics"]);
  expect(git(["ls-tree", "-r", "--name-only", "main"])).not.toContain("logs.yaml");
});

test("a standing exception that is merged again replaces the one before", async () => {
  const { home } = await rig();
  await merge(home, ["logs"]);
  await merge(home, ["logs", { match: { namespaces: ["pay"] } }]);
  expect(names(home)).toEqual([]);
});

test("where the repository has lost its main, what stood stays in force until somebody says otherwise", async () => {
  const { home, git } = await rig();
  await merge(home, ["logs"]);
  git(["update-ref", "-d", "refs/heads/main"]);
  await home.refresh();
  expect(names(home)).toEqual(["logs"]);
  expect(home.status().frozen?.why).toBe("main is gone");
});

test("one that has expired is no candidate, and whoever stands on it is told", async () => {
  const { home, clock } = await rig();
  let told = 0;
  home.standing.onChange(() => told++);
  await merge(home, ["logs", { notAfter: "2026-11-22T11:00:00Z" }]);
  expect(names(home)).toEqual(["logs"]);
  clock.time = Date.parse("2026-11-22T11:00:00Z");
  expect(names(home)).toEqual([]);
  await home.standing.refresh();
  expect(told).toBe(1);
});

test("without maxUses it is used as often as asked, and leaves no refs", async () => {
  const { home, git } = await rig();
  await merge(home, ["logs"]);
  for (const exchange of ["x-1", "x-2", "x-3"]) expect(await home.standing.use("logs", exchange)).toBe(true);
  expect(git(["for-each-ref", "refs/sallyport/used"])).toBe("");
});

test("with maxUses each exchange spends one, once, and then it is no candidate: here, at a restart, at another gateway", async () => {
  const { home, open } = await rig();
  const other = await open();
  await merge(home, ["logs", { maxUses: 2 }]);
  await other.standing.refresh();
  expect(await home.standing.use("logs", "x-1")).toBe(true);
  expect(await home.standing.use("logs", "x-1")).toBe(true);
  expect(names(home)).toEqual(["logs"]);
  expect(await other.standing.use("logs", "x-2")).toBe(true);
  expect(await home.standing.use("logs", "x-3")).toBe(false);
  expect(names(home)).toEqual([]);
  expect(names(await open())).toEqual([]);
});

test("what one of its uses let begin stands on it though none is left", async () => {
  const { home } = await rig();
  await merge(home, ["logs", { maxUses: 1 }]);
  await home.standing.use("logs", "x-1");
  expect(home.standing.standing(asked, new Set(["logs"])).sure).toHaveLength(1);
  expect(home.standing.standing(asked, new Set(["others"])).sure).toHaveLength(0);
});

test.for<[string, string, string, string]>([
  [
    "has the name of an approval",
    "0123456789abcdef-1",
    standingFile("0123456789abcdef-1"),
    "has the name of an approval",
  ],
  ["names another file", "logs", standingFile("other"), "the file's own name"],
  [
    "is for everybody",
    "logs",
    standingFile("logs", { subjects: [], match: { resources: [], namespaces: [] } }),
    "stands for everybody",
  ],
  [
    "is for one request",
    "logs",
    standingFile("logs").replace(
      /match:\n( {4}.*\n)+/,
      `match: {connection: prod, digest: ${"a".repeat(64)}, change: ${"b".repeat(64)}}\n`,
    ),
    "is for one request",
  ],
])("a file that %s is not merged", async ([, name, text, why]) => {
  const { home, git } = await rig();
  await expect(home.standing.merge(new Map([[name, text]]), by, "")).rejects.toThrow(why);
  expect(git(["ls-tree", "-r", "--name-only", "main"])).toBe("README");
});

test("an exception is not applied by who asked for it", async () => {
  const { home, git } = await rig();
  const put = home.standing.put("logs", standingFile("logs"), alice, "please");
  await expect(put).rejects.toMatchObject({ code: "forbidden" });
  expect(git(["ls-tree", "-r", "--name-only", "main"])).toBe("README");
});

test("an exception that another person applies is in force, and the commit says who and why", async () => {
  const { home, git } = await rig();
  await home.standing.put("logs", standingFile("logs"), carol, "the collector needs it");
  expect(names(home)).toEqual(["logs"]);
  const record = git(["log", "-1", "--format=%B", "main"]);
  expect(record).toContain("the collector needs it");
  expect(record).toContain(carol.username);
  await home.standing.remove("logs", carol, "no longer");
  expect(names(home)).toEqual([]);
});

test("an exception that is past, or reaches further than the guardrails in force allow, is not applied", async () => {
  const limits = { maxLifeDays: 90, wildcards: [] };
  const { home } = await rig({ exceptionLimits: () => limits });
  const put = (spec: Record<string, unknown>) => home.standing.put("logs", standingFile("logs", spec), carol, "please");
  await expect(put({ notAfter: "2026-11-22T09:59:59Z" })).rejects.toThrow("has passed already");
  await expect(put({ match: { namespaces: ["*"] } })).rejects.toThrow("spec.match.namespaces");
  limits.maxLifeDays = 30;
  await expect(put({})).rejects.toThrow("more than 30 days");
});

test("what the guardrails allow no longer is out of force with the next look, though main is as it was", async () => {
  const limits = { maxLifeDays: 90, wildcards: [] };
  const { home } = await rig({ exceptionLimits: () => limits });
  await merge(home, ["logs"]);
  limits.maxLifeDays = 1;
  await home.standing.refresh();
  expect(names(home)).toEqual([]);
  expect(home.status().malformed).toEqual([{ name: "logs", error: expect.stringContaining("spec.notAfter") }]);
});

test("one that was taken back stays so wherever its ref and its file are put back to, until it is applied again", async () => {
  const all = await rig();
  await merge(all.home, ["logs"]);
  const [ref, text] = [
    all.git(["rev-parse", "refs/sallyport/standing/logs"]),
    all.git(["cat-file", "-p", "main:exceptions/logs.yaml"]),
  ];
  await all.home.standing.revoke("logs", by, "no more");
  all.git(["update-ref", "refs/sallyport/standing/logs", ref]);
  pushByHand(all, "logs", `${text}\n`);
  await all.home.standing.refresh();
  expect(all.home.status().malformed[0]?.error).toContain("was taken back");
  expect(names(await all.open())).toEqual([]);
  await merge(all.home, ["logs"]);
  expect(names(all.home)).toEqual(["logs"]);
});

test("one that was replaced, or that git took off main, does not come back by its old ref and file", async () => {
  const all = await rig();
  await merge(all.home, ["logs"], ["more"]);
  const ref = all.git(["rev-parse", "refs/sallyport/standing/logs"]);
  const text = standingFile("logs");
  pushByHand(all, "more", undefined);
  await all.home.standing.refresh();
  await merge(all.home, ["logs", { match: { namespaces: ["pay"] } }]);
  all.git(["update-ref", "refs/sallyport/standing/logs", ref]);
  pushByHand(all, "logs", text);
  pushByHand(all, "more", standingFile("more"));
  expect(names(await all.open())).toEqual([]);
});

test("a use whose ref is deleted stays spent, and one that is no number spends all there are", async () => {
  const all = await rig();
  const state = join(all.path, "..", "state");
  const home = await all.open({ state });
  await merge(home, ["logs", { maxUses: 1 }], ["more", { maxUses: 9 }]);
  expect(await home.standing.use("logs", "x-1")).toBe(true);
  expect(await home.standing.use("more", "x-1")).toBe(true);
  await home.close();
  all.git(["update-ref", "-d", "refs/sallyport/used/logs/1"]);
  for (const n of ["abc", "4294967295"]) all.git(["update-ref", `refs/sallyport/used/more/${n}`, "main"]);
  const again = await all.open({ state });
  expect(await again.standing.use("logs", "x-2")).toBe(false);
  expect(await again.standing.use("more", "x-2")).toBe(false);
});
