import { readFileSync } from "node:fs";
import { dirname, relative, resolve } from "node:path";
import { expect, test } from "vitest";

const root = resolve(import.meta.dirname, "../..");

/** What a file imports when it is loaded: not types, and not `import()`. */
function staticImports(file: string): string[] {
  const statements = readFileSync(file, "utf8").matchAll(/^(?:import|export) (?!type )(?:[^;]*? from )?"([^"]+)"/gm);
  return [...statements].map((match) => match[1] ?? "");
}

test("kubectl's exec plugin starts quickly: no command loads a package but commander before its action", () => {
  const packages = new Map<string, string>();
  const seen = new Set<string>();
  const queue = [resolve(root, "cli/main.ts")];
  for (let file = queue.pop(); file !== undefined; file = queue.pop()) {
    if (seen.has(file)) continue;
    seen.add(file);
    for (const name of staticImports(file)) {
      if (name.startsWith(".")) {
        if (/\.(ts|mjs)$/.test(name)) queue.push(resolve(dirname(file), name));
      } else if (!name.startsWith("node:") && name !== "commander") packages.set(name, relative(root, file));
    }
  }
  expect(seen.size, "the graph was walked").toBeGreaterThan(8);
  expect(Object.fromEntries(packages)).toEqual({});
});
