import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, expect, it } from "vitest";
import { sha256 } from "../../base/digest.ts";
import { ensureTool } from "../../tools/ensure.ts";
import { cached, putIntoCache } from "../../tools/setup/cache.mjs";
import { dependenciesInstalled } from "../../tools/setup/dependencies.mjs";
import { download } from "../../tools/setup/download.mjs";
import { withLock } from "../../tools/setup/lock.mjs";
import { onPath } from "../../tools/setup/run.mjs";

const setup = new URL("../../tools/setup.mjs", import.meta.url).pathname;
let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "setup-"));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

interface Ended {
  code: number;
  stdout: string;
  stderr: string;
}

/** Runs set-up with an empty cache, unless the environment names another. */
async function runSetup(env: NodeJS.ProcessEnv): Promise<Ended> {
  const options = { env: { SALLYPORT_CACHE: join(directory, "cache"), HOME: directory, ...env } };
  try {
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [setup], options);
    return { code: 0, stdout, stderr };
  } catch (error) {
    return error as Ended;
  }
}

/** A folder to put on PATH that has these programs, and no others. */
async function pathWith(...names: string[]): Promise<string> {
  const folder = join(directory, "path");
  await mkdir(folder);
  for (const name of names) await symlink((await onPath(name))[0] ?? "", join(folder, name));
  return folder;
}

it("set-up says in one line that go is missing, what it is for and how to get it", async () => {
  const ended = await runSetup({ PATH: await pathWith("git", "npm", "node") });
  expect(ended).toMatchObject({ code: 3, stdout: "" });
  expect(ended.stderr).toMatch(
    /^sallyport: go is not on PATH, and builds opa, regal, etcd, kubectl, kube-apiserver, kube-controller-manager(?:, [a-z-]+)*: install Go .+\n$/,
  );
});

it("set-up names everything that is missing at once", async () => {
  const ended = await runSetup({ PATH: await pathWith() });
  expect(ended).toMatchObject({ code: 3, stdout: "" });
  expect(ended.stderr.trim().split("\n")).toEqual([
    expect.stringContaining("git is not on PATH"),
    expect.stringContaining("go is not on PATH"),
  ]);
});

const CPU_TIME = /^(\d+)m([\d.]+)s (\d+)m([\d.]+)s$/;
it("a second set-up does nothing, says nothing and takes under a second", async () => {
  await ensureTool("opa");
  const env = { ...process.env };
  await promisify(execFile)(process.execPath, [setup], { env });
  // POSIX `times`: the CPU time of the shell and of what it ran. How long others kept the machine is not its doing.
  const timed = ["-c", '"$@" && times', "sh", process.execPath, setup];
  const { stdout, stderr } = await promisify(execFile)("sh", timed, { env });
  const [shell, ran, ...more] = stdout.trim().split("\n");
  expect({ shell, more, stderr }).toEqual({ shell: expect.stringMatching(CPU_TIME), more: [], stderr: "" });
  const [, ...each] = CPU_TIME.exec(ran ?? "") ?? [];
  const [minutes = NaN, seconds = NaN, inKernelMinutes = NaN, inKernel = NaN] = each.map(Number);
  expect(60 * (minutes + inKernelMinutes) + seconds + inKernel).toBeLessThan(1);
});

it("what one clone built is found by another, go or no go", async () => {
  // Fills the cache that process.env names, so that nothing is left to build.
  await promisify(execFile)(process.execPath, [setup]);
  const { SALLYPORT_CACHE, XDG_CACHE_HOME, HOME } = process.env;
  const path = await pathWith("git", "npm", "node");
  const cache = SALLYPORT_CACHE ?? join(XDG_CACHE_HOME ?? join(HOME ?? "", ".cache"), "sallyport");
  expect(await runSetup({ SALLYPORT_CACHE: cache, PATH: path })).toEqual({ code: 0, stdout: "", stderr: "" });
});

it("a cache that cannot be written is named in one line, with what to do", async () => {
  await writeFile(join(directory, "file"), "");
  const ended = await runSetup({ PATH: process.env.PATH, SALLYPORT_CACHE: join(directory, "file", "cache") });
  expect(ended).toMatchObject({ code: 3, stdout: "" });
  expect(ended.stderr).toMatch(/^sallyport: \S+file\/cache\S* cannot be written .+ SALLYPORT_CACHE\n$/);
});

it("a tool on PATH in the pinned version is taken, and in another version is not", async () => {
  const fake = async (folder: string, version: string): Promise<string> => {
    await mkdir(join(directory, folder));
    await writeFile(join(directory, folder, "opa"), `#!/bin/sh\necho 'Version: ${version}'\n`, { mode: 0o755 });
    return join(directory, folder);
  };
  const path = `${await fake("old", "1.20.0")}:${await fake("right", "1.20.1")}:${process.env.PATH}`;
  const module = new URL("../../tools/setup/ensure.mjs", import.meta.url).href;
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ["--input-type=module", "--eval", `console.log(await (await import("${module}")).ensure("opa"))`],
    { env: { ...process.env, PATH: path, SALLYPORT_CACHE: join(directory, "cache") } },
  );
  expect(stdout.trim()).toBe(join(directory, "right", "opa"));
});

/** Serves that content for any path on loopback, and counts. */
async function mirror(content: Buffer): Promise<{ url: string; paths: string[]; [Symbol.dispose](): void }> {
  const paths: string[] = [];
  const server = createServer((request, response) => {
    paths.push(request.url ?? "");
    response.end(content);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/tools`;
  return { url, paths, [Symbol.dispose]: () => server.close() };
}

async function ensureFromMirror(url: string): Promise<Ended> {
  const module = new URL("../../tools/setup/ensure.mjs", import.meta.url).href;
  const script = `console.log(await (await import("${module}")).ensure("etcd"))`;
  const env = { PATH: await pathWith(), SALLYPORT_CACHE: join(directory, "cache"), SALLYPORT_TOOLS_MIRROR: url };
  try {
    const args = ["--input-type=module", "--eval", script];
    return { code: 0, ...(await promisify(execFile)(process.execPath, args, { env })) };
  } catch (error) {
    return error as Ended;
  }
}

it("a download with another digest than the pinned one is refused and not kept", async () => {
  using server = await mirror(Buffer.from("not etcd"));
  const ended = await ensureFromMirror(server.url);
  expect(server.paths).toEqual([`/tools/etcd-v3.6.8-${process.platform}-${process.arch}`]);
  expect(ended.code).toBe(1);
  expect(ended.stderr).toMatch(/SHA-256 [0-9a-f]{64}, and [0-9a-f]{64} is pinned/);
  expect(await readdir(join(directory, "cache", "tools", "etcd"))).toEqual([]);
});

it("a download with the pinned digest is kept, as a program that runs", async () => {
  const content = Buffer.from("#!/bin/sh\necho it runs\n");
  using server = await mirror(content);
  const file = join(directory, "tool");
  await download(`${server.url}/tool`, sha256(content), file);
  expect((await promisify(execFile)(file)).stdout).toBe("it runs\n");
});

it("a mirror that cannot be reached is named, with what to do", async () => {
  const dead = await mirror(Buffer.of());
  dead[Symbol.dispose]();
  await expect(download(dead.url, "", join(directory, "tool"))).rejects.toMatchObject({
    message: expect.stringContaining(`${dead.url} could not be downloaded: connect ECONNREFUSED`),
    next: expect.stringContaining("unset SALLYPORT_TOOLS_MIRROR"),
  });
});

it("a second use of a cached file takes it while size and time are the same", async () => {
  const folder = join(directory, "tool", "key");
  const file = await putIntoCache(folder, "t", (path) => writeFile(path, "one"));
  expect(await cached(folder, "t")).toBe(file);
});

it("a cached file with another time is taken if its digest is the same", async () => {
  const folder = join(directory, "tool", "key");
  const file = await putIntoCache(folder, "t", (path) => writeFile(path, "one"));
  await utimes(file, 1, 1);
  expect(await cached(folder, "t")).toBe(file);
  expect(JSON.parse(await readFile(join(folder, "manifest.json"), "utf8"))).toMatchObject({ mtimeMs: 1000 });
});

it.each(["two", "three"])("a cached file that was changed to %j is not taken", async (text) => {
  const folder = join(directory, "tool", "key");
  const file = await putIntoCache(folder, "t", (path) => writeFile(path, "one"));
  await writeFile(file, text);
  await utimes(file, 1, 1);
  expect(await cached(folder, "t")).toBeUndefined();
});

it("a build that fails leaves nothing in the cache", async () => {
  const folder = join(directory, "tool", "key");
  const failing = putIntoCache(folder, "t", async (path) => {
    await writeFile(path, "half");
    throw new Error("no");
  });
  await expect(failing).rejects.toThrow("no");
  expect(await readdir(dirname(folder))).toEqual([]);
});

it("of two that want a lock, the second waits for the first", async () => {
  const order: string[] = [];
  const hold = (name: string): Promise<void> =>
    withLock(join(directory, "lock"), "testing", async () => {
      order.push(`${name} in`);
      await new Promise((resolve) => setTimeout(resolve, 50));
      order.push(`${name} out`);
    });
  await Promise.all([hold("a"), hold("b")]);
  expect(order).toEqual(["a in", "a out", "b in", "b out"]);
});

it("the lock of a process that died is taken over", async () => {
  const { stdout } = await promisify(execFile)("sh", ["-c", "echo $$"]);
  const { hostname } = await import("node:os");
  await writeFile(join(directory, "lock"), JSON.stringify({ host: hostname(), pid: Number(stdout), id: "gone" }));
  await expect(withLock(join(directory, "lock"), "testing", async () => "done")).resolves.toBe("done");
  expect(await readdir(directory)).toEqual([]);
});

const LOCK = { packages: { "": {}, "node_modules/a": { version: "1.0.0", integrity: "x" } } };
it.each([
  ["is missing", undefined, false],
  ["is what the lock file says", LOCK, true],
  ["has another version", { packages: { "node_modules/a": { version: "1.0.1", integrity: "x" } } }, false],
  ["has other contents", { packages: { "node_modules/a": { version: "1.0.0", integrity: "y" } } }, false],
  ["lacks a package", { packages: {} }, false],
])("packages are installed when node_modules %s: %3$s", async (_, installed, expected) => {
  await writeFile(join(directory, "package-lock.json"), JSON.stringify(LOCK));
  await mkdir(join(directory, "node_modules"));
  if (installed) {
    await writeFile(join(directory, "node_modules", ".package-lock.json"), JSON.stringify(installed));
  }
  expect(await dependenciesInstalled(directory)).toBe(expected);
});

it("an optional package that npm left out for this platform is not missing", async () => {
  const optional = { "node_modules/b": { version: "1.0.0", integrity: "x", optional: true } };
  await writeFile(join(directory, "package-lock.json"), JSON.stringify({ packages: optional }));
  await mkdir(join(directory, "node_modules"));
  await writeFile(join(directory, "node_modules", ".package-lock.json"), JSON.stringify({ packages: {} }));
  expect(await dependenciesInstalled(directory)).toBe(true);
});

it("package-lock.json names the optional packages of every platform, without which npm ci refuses it", async () => {
  interface Locked {
    packages: Record<string, { optionalDependencies?: Record<string, string> }>;
  }
  const file = new URL("../../package-lock.json", import.meta.url);
  const { packages } = JSON.parse(await readFile(file, "utf8")) as Locked;
  const missing = Object.entries(packages).flatMap(([path, entry]) =>
    Object.keys(entry.optionalDependencies ?? {}).filter(
      (name) => !(`${path}/node_modules/${name}` in packages) && !(`node_modules/${name}` in packages),
    ),
  );
  expect(missing).toEqual([]);
});
