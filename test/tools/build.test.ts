import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, it } from "vitest";
import { writeState } from "../../cli/up/state.ts";
import { compileBundle } from "../../engine/bundle/compile.ts";
import { startDevelopmentIssuer } from "../../identity/development/issuer.ts";
import { ensureTool } from "../../tools/ensure.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
let directory: string;
let cli: string;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "sallyport-build-"));
  symlinkSync(join(root, "node_modules"), join(directory, "node_modules"));
  await promisify(execFile)(process.execPath, [join(root, "tools", "build.ts"), "--out", join(directory, "dist")]);
  cli = join(directory, "dist", "cli", "main.js");
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

async function run(...args: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [cli, ...args]);
  return stdout;
}

it("the compiled command prints the version of the package", async () => {
  const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };
  expect((await run("--version")).trim()).toBe(version);
});

it("the compiled command validates a configuration", async () => {
  const issuer = await startDevelopmentIssuer();
  const at = (name: string): string => join(directory, name);
  try {
    const bundle = at("bundle.tar.gz");
    await compileBundle({ sources: [join(root, "rego")], opa: await ensureTool("opa"), outFile: bundle });
    const state = await writeState({
      directory,
      rules: bundle,
      issuer,
      ports: { listen: 8443, admin: 9443 },
      cluster: { server: "https://127.0.0.1:6443", caFile: at("ca.crt") },
    });
    writeFileSync(state.tokenFile, "none");
    expect(await run("serve", "--check", "--config", state.configFile)).toContain("is valid");
  } finally {
    await issuer.close();
  }
});

it("the compiled command checks Rego with the schema and the library that lie beside it", async () => {
  const answer = JSON.parse(await run("--output", "json", "policy", "check")) as object;
  expect(answer).toMatchObject({ ok: true, problems: [], fixed: [] });
});

it("the compiled command says which Node it needs where it is started with an older one", async () => {
  const older =
    'data:text/javascript,Object.defineProperty(process,"versions",{value:{...process.versions,node:"20.1.0"}})';
  const started = promisify(execFile)(process.execPath, ["--import", older, cli, "--version"]);
  await expect(started).rejects.toMatchObject({
    code: 3,
    stdout: "",
    stderr: expect.stringContaining("needs Node 24"),
  });
});
