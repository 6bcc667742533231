import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import type { Command } from "commander";
import { describe, expect, test } from "vitest";
import { createProgram } from "../../cli/main.ts";

const root = resolve(import.meta.dirname, "../..");
const pages = [
  "README.md",
  "CONTRIBUTING.md",
  "SECURITY.md",
  ...readdirSync(join(root, "docs")).map((name) => join("docs", name)),
].filter((page) => page.endsWith(".md") && existsSync(join(root, page)));
const read = (page: string): string => readFileSync(join(root, page), "utf8");

/** Every command line of a page's `console` blocks, less what goes into files and pipes. */
function commands(page: string): string[] {
  const blocks = [...read(page).matchAll(/^```console\n([\s\S]*?)^```/gm)].map((match) => match[1] ?? "");
  const lines = blocks.flatMap((block) => block.split("\n")).filter((line) => line.startsWith("$ "));
  return lines.map((line) => line.slice(2).replace(/\s+[|>].*$/, ""));
}

const all = pages.flatMap((page) => commands(page).map((command): [command: string, page: string] => [command, page]));
const ours = all.filter(([command]) => command.startsWith("sallyport "));

/** The command that these words name, and the words that are left. */
function find(words: string[]): { command: Command; rest: string[] } {
  let command = createProgram();
  let rest = words;
  for (;;) {
    const next = command.commands.find((one) => one.name() === rest[0]);
    if (next === undefined) return { command, rest };
    command = next;
    rest = rest.slice(1);
  }
}

describe("a command in the docs", () => {
  test.each(ours)("is one that there is, with options that it has: %s (%s)", (line) => {
    const { command, rest } = find(line.split(/\s+/).slice(1));
    expect(
      command.commands.map((one) => one.name()),
      "a whole command, not a group of them",
    ).toEqual([]);
    const options = command.options.map((option) => option.long);
    // What stands behind `--` is another program's.
    const own = rest.includes("--") ? rest.slice(0, rest.indexOf("--")) : rest;
    const given = own.filter((word) => word.startsWith("--")).map((word) => word.split("=")[0]);
    expect(given.filter((option) => !options.includes(option))).toEqual([]);
    const required = command.options.filter((option) => option.mandatory).map((option) => option.long);
    expect(required.filter((option) => !given.includes(option ?? ""))).toEqual([]);
  });

  test("is sallyport's, npm's or kubectl's", () => {
    expect(all.filter(([command]) => !/^(sallyport|npm (start|test)|kubectl)( |$)/.test(command))).toEqual([]);
    expect(ours.length).toBeGreaterThan(5);
  });

  test("of npm is in package.json", () => {
    const { scripts } = JSON.parse(read("package.json"));
    const named = all.flatMap(([command]) => /^npm (start|test)$/.exec(command)?.[1] ?? []);
    expect(named.filter((name) => scripts[name] === undefined)).toEqual([]);
  });
});

const links = pages.flatMap((page) => {
  const targets = [...read(page).matchAll(/\]\((?!https?:)([^)#]+)[^)]*\)/g)].map((match) => match[1] ?? "");
  return targets.map((target): [page: string, target: string] => [page, target]);
});
test.each(links)("the link of %s to %s leads somewhere", (page, target) => {
  expect(existsSync(join(root, dirname(page), target))).toBe(true);
});
