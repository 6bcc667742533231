import { execFileSync, spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const root = resolve(import.meta.dirname, "../..");
const biome = join(root, "node_modules/.bin/biome");

const rooms = [
  "base",
  "engine",
  "identity",
  "kubernetes",
  "approvals",
  "audit",
  "dialogue",
  "proxy",
  "console",
  "agent",
  "cli",
];
const third = ["engine", "identity", "kubernetes", "approvals", "audit", "dialogue"];

describe("imports go one way", () => {
  const forbidden: [from: string, to: string][] = [
    ...third.map((room): [string, string] => ["base", room]),
    ...third.flatMap((room) => third.filter((other) => other !== room).map((other): [string, string] => [room, other])),
    ...third.map((room): [string, string] => [room, "proxy"]),
    ["proxy", "console"],
    ["proxy", "cli"],
    ["console", "proxy"],
    ["console", "cli"],
    ["agent", "proxy"],
    ["cli", "test"],
    ["tools", "cli"],
    ["deploy", "proxy"],
  ];
  const allowed: [from: string, to: string][] = [
    ...third.map((room): [string, string] => [room, "base"]),
    ["proxy", "engine"],
    ["proxy", "audit"],
    ["console", "approvals"],
    ["cli", "console"],
    ["cli", "proxy"],
    ["cli", "tools"],
    // The dashboards ask what the named queries ask.
    ["deploy", "audit"],
  ];
  let refused = new Set<string>();
  let folder = "";
  const probe = ([from, to]: [string, string]): string => `${from}/imports-${to}.ts`;

  beforeAll(() => {
    // The repository's own rules, over one file for each pair of rooms.
    folder = realpathSync(mkdtempSync(join(tmpdir(), "sallyport-imports-")));
    copyFileSync(join(root, "biome.json"), join(folder, "biome.json"));
    for (const pair of [...forbidden, ...allowed]) {
      mkdirSync(join(folder, pair[0]), { recursive: true });
      writeFileSync(join(folder, probe(pair)), `export { x } from "../${pair[1]}/x.ts";\n`);
    }
    const args = ["lint", "--vcs-enabled=false", "--reporter=github", "--max-diagnostics=none", "."];
    const { stdout } = spawnSync(biome, args, { cwd: folder, encoding: "utf8" });
    const found = stdout.matchAll(/noRestrictedImports,file=([^,]+),/g);
    refused = new Set([...found].map((match) => relative(folder, match[1] ?? "")));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  test.each(forbidden)("%s may not import %s", (from, to) => {
    expect(refused).toContain(probe([from, to]));
  });
  test.each(allowed)("%s may import %s", (from, to) => {
    expect(refused).not.toContain(probe([from, to]));
  });
});

test("every folder of TypeScript is a room that the lint rule knows", () => {
  const files = execFileSync("git", ["ls-files", "--", "*.ts"], { cwd: root, encoding: "utf8" })
    .split("\n")
    .filter(Boolean);
  const folders = new Set(files.filter((file) => file.includes("/")).map((file) => file.split("/")[0]));
  const known = [...rooms, "tools", "deploy", "test", "bench"];
  expect(
    [...folders].filter((folder) => !known.includes(folder ?? "") && existsSync(join(root, folder ?? ""))),
  ).toEqual([]);
});
