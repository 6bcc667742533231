import { expect, test } from "vitest";
import { GUARDED } from "../../github/double.ts";
import { githubRig } from "./rig.ts";

const warned = async (change: (rig: Awaited<ReturnType<typeof githubRig>>) => void): Promise<string[]> => {
  const rig = await githubRig();
  rig.github.protection = GUARDED;
  change(rig);
  return (await rig.open()).status().warnings;
};

test("a branch that is guarded gets no warning", async () => {
  expect(await warned(() => {})).toEqual([]);
});

test("a branch without protection is said, loudly", async () => {
  const warnings = await warned(({ github }) => {
    github.protection = undefined;
  });
  expect(warnings).toEqual([expect.stringContaining("main is not protected")]);
});

test("each part of the protection that is missing is said", async () => {
  const warnings = await warned(({ github }) => {
    github.protection = { ...GUARDED, reviews: 0, codeOwners: false, dismissStale: false };
  });
  expect(warnings.join("\n")).toMatch(/without a review.*\n.*changed since.*\n.*no code owner/);
});

test("permissions that the App lacks, and branches that stay, are said", async () => {
  const warnings = await warned(({ github }) => {
    delete github.permissions.members;
    github.permissions.issues = "read";
    github.settings.deleteBranchOnMerge = false;
  });
  expect(warnings.join("\n")).toContain("members: read");
  expect(warnings.join("\n")).toContain("issues: write");
  expect(warnings.join("\n")).toContain("delete_branch_on_merge");
});

test("a ruleset guards as well", async () => {
  const warnings = await warned(({ github }) => {
    github.protection = { ...GUARDED, by: "ruleset" };
  });
  expect(warnings).toEqual([]);
});

test("a token does as an App does, and is told that an App is better", async () => {
  const rig = await githubRig();
  const home = await rig.open({ credential: { tokenFile: rig.github.tokenFile } });
  expect(home.status().warnings.join("\n")).toContain("use a GitHub App");
});
