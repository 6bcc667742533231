import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { createReadStream } from "node:fs";
import { chmod, mkdir, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:https";
import { type AddressInfo, createServer as createNetServer, type Socket } from "node:net";
import { join, normalize } from "node:path";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import { rollback } from "../../../cli/policy/rollback.ts";
import { type GitSourceOptions, gitLocation, gitSource } from "../../../cli/serve/bundles/git-source.ts";
import { markFile, writeMark } from "../../../engine/bundle/mark.ts";
import { EvaluationWorker } from "../../../engine/wasm/evaluation-worker.ts";
import { type WatchedPolicy, watchPolicy } from "../../../engine/watch.ts";
import { createAuthority } from "../../../tools/control-plane/certificates.ts";
import { folder, input, opa, writeFiles } from "../../engine/support.ts";
import { archive, bundleFiles, deciding, OURS } from "./support.ts";

const GUARDRAILS =
  'apiVersion: sallyport.dev/v1alpha1\nkind: Guardrails\ndefaults: {approval: {approvers: ["group:corp:oncall"]}}\n';
const run = promisify(execFile);

/** A policy repository on this machine: `commit` writes files and commits them on the branch that is checked out. */
interface Repository {
  at: string;
  git(...args: string[]): Promise<string>;
  commit(files: Record<string, string | Uint8Array>, ...args: string[]): Promise<string>;
}

async function repository(files: Record<string, string | Uint8Array>): Promise<Repository> {
  const at = await folder();
  const env = { PATH: process.env.PATH, HOME: at, GIT_CONFIG_NOSYSTEM: "1" };
  const git = async (...args: string[]): Promise<string> => {
    const who = ["-c", "user.name=t", "-c", "user.email=dev@example.com", "-c", "gpg.format=ssh"];
    return (await run("git", [...who, ...args], { cwd: at, env })).stdout.trim();
  };
  const commit: Repository["commit"] = async (changed, ...args) => {
    for (const [name, content] of Object.entries(changed)) {
      await mkdir(join(at, name, ".."), { recursive: true });
      await writeFile(join(at, name), content);
    }
    await git("add", "--all");
    await git("commit", "--quiet", "--allow-empty", "--message", "change", ...args);
    return git("rev-parse", "HEAD");
  };
  await git("init", "--quiet", "--initial-branch=main");
  await commit(files);
  return { at, git, commit };
}

const under = (path: string, sources: Record<string, string>): Record<string, string> =>
  Object.fromEntries(Object.entries(sources).map(([name, content]) => [`${path}/${name}`, content]));
const ALLOW = under("rego", deciding("allow"));
const DENY = under("rego", deciding("deny"));

interface Setup {
  watched: WatchedPolicy;
  rejections: string[];
  serves(): Promise<string>;
  close(): Promise<void>;
}

async function start(at: string, location: string, more: Partial<GitSourceOptions> = {}): Promise<Setup> {
  await writeFiles(at, { "guardrails.yaml": GUARDRAILS });
  const rejections: string[] = [];
  const worker = new EvaluationWorker();
  const state = join(at, "state");
  const source = gitSource({
    location,
    verify: false,
    publicKeyFiles: [],
    rules: [],
    state,
    pollMs: 50,
    retryMs: 50,
    deadlineMs: 10_000,
    maxBytes: 5_000_000,
    opa,
    ...more,
  });
  const watched = await watchPolicy({
    source,
    state,
    guardrailsFile: join(at, "guardrails.yaml"),
    worker,
    pollMs: 50,
    onRejected: (error) => rejections.push(String(error)),
  }).catch(async (error: unknown) => {
    await worker.close();
    throw error;
  });
  let closed = false;
  const close = async (): Promise<void> => {
    if (closed) return;
    closed = true;
    await watched.close();
    await worker.close();
  };
  onTestFinished(close);
  const serves = async (): Promise<string> => (await watched.holder.current.decide(input())).effect;
  return { watched, rejections, serves, close };
}

const at = (repo: Repository, query = "?path=rego"): string => `git+file://${repo.at}${query}`;
const rejected = ({ watched }: Setup): string => watched.holder.status().rejected?.reason ?? "";

test("a branch's sources are compiled here, and a push is in force with no restart", async () => {
  const repo = await repository(ALLOW);
  const setup = await start(await folder(), at(repo));
  expect(await setup.serves()).toBe("allow");
  await repo.commit(DENY);
  await expect.poll(setup.serves).toBe("deny");
  await repo.commit({ "rego/broken.rego": "package broken\n\nx := {\n" });
  await expect.poll(() => rejected(setup)).toContain("broken.rego");
  expect(await setup.serves()).toBe("deny");
});

test("a signed bundle in a repository is verified as any other", async () => {
  const home = await folder({ "ours.pem": OURS.publicKey });
  const one = await archive(await bundleFiles(deciding("allow"), { serial: 1, revision: "one" }));
  const repo = await repository({ "dist/bundle.tar.gz": one });
  const signed = { verify: true, publicKeyFiles: [join(home, "ours.pem")] };
  const setup = await start(home, at(repo, "?path=dist/bundle.tar.gz"), signed);
  expect(setup.watched.holder.status()).toMatchObject({ revision: { bundle: "one" }, serial: 1 });
  await repo.commit({ "dist/bundle.tar.gz": Buffer.concat([one.subarray(0, -9), Buffer.alloc(9)]) });
  await expect.poll(() => rejected(setup)).toContain("is no bundle");
});

test("a branch that is forced back to an earlier commit is refused, until an operator says so; over a restart too", async () => {
  const repo = await repository(DENY);
  const first = await repo.git("rev-parse", "HEAD");
  await repo.commit(ALLOW);
  const home = await folder();
  const setup = await start(home, at(repo));
  expect(await setup.serves()).toBe("allow");
  await repo.git("reset", "--quiet", "--hard", first);
  await expect.poll(() => rejected(setup)).toContain("does not come after");
  await setup.close();
  const again = await start(home, at(repo));
  expect([await again.serves(), again.rejections.length]).toEqual(["allow", 1]);
  await writeMark(join(home, "state"), { serial: 1, revision: "set by an operator" });
  await expect.poll(again.serves).toBe("deny");
});

test("a history that was written anew is refused: nobody can tell what came after what", async () => {
  const repo = await repository(ALLOW);
  const setup = await start(await folder(), at(repo));
  await repo.git("checkout", "--quiet", "--orphan", "anew");
  await repo.commit(DENY);
  await repo.git("branch", "--quiet", "--force", "main", "anew");
  await expect.poll(() => rejected(setup)).toContain("does not come after");
  expect(await setup.serves()).toBe("allow");
});

/** A key that git signs with, and the line that names it in an allowed signers file. */
async function signer(home: string, name: string): Promise<{ sign: string[]; allowed: string }> {
  const key = join(home, name);
  await run("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "", "-f", key]);
  return { sign: [`--gpg-sign=${key}`], allowed: `dev@example.com ${await readFile(`${key}.pub`, "utf8")}` };
}

test("where commits must be signed, one that nobody or somebody else signed is refused, and a known key's is in force", async () => {
  const home = await folder();
  const [ours, theirs] = [await signer(home, "ours"), await signer(home, "theirs")];
  const allowedSignersFile = join(home, "signers");
  await writeFile(allowedSignersFile, ours.allowed);
  const signers = { signed: "commit" as const, allowedSignersFile };
  const repo = await repository({});
  await expect(start(home, at(repo, ""), { verify: true, signers })).rejects.toThrow("is not signed by a known key");
  await repo.commit(ALLOW, ...ours.sign);
  const setup = await start(home, at(repo), { verify: true, signers });
  await repo.commit(DENY);
  await expect.poll(() => rejected(setup)).toContain("is not signed by a known key");
  await repo.commit({ a: "" }, ...theirs.sign);
  await expect.poll(() => rejected(setup)).toMatch(/known key: .*No principal matched/s);
  expect(await setup.serves()).toBe("allow");
  await repo.commit({ b: "" }, ...ours.sign);
  await expect.poll(setup.serves).toBe("deny");
});

test("a commit that is signed with PGP counts by the keys of pgpKeysFile alone", async () => {
  const home = await folder();
  const env = { ...process.env, GNUPGHOME: join(home, "g") };
  await mkdir(env.GNUPGHOME, { mode: 0o700 });
  onTestFinished(() => run("gpgconf", ["--kill", "all"], { env }).then(() => undefined));
  const make = ["--batch", "--quiet", "--passphrase", "", "--quick-gen-key", "dev@example.com", "ed25519", "sign"];
  await run("gpg", make, { env });
  await writeFile(join(home, "keys.asc"), (await run("gpg", ["--armor", "--export"], { env })).stdout);
  const repo = await repository(ALLOW);
  const config = ["-c", "user.name=t", "-c", "user.email=dev@example.com", "-c", "gpg.format=openpgp"];
  await run("git", [...config, "commit", "--quiet", "--amend", "--no-edit", "--gpg-sign=dev@example.com"], {
    cwd: repo.at,
    env,
  });
  const signers = { signed: "commit" as const, pgpKeysFile: join(home, "keys.asc") };
  const setup = await start(home, at(repo), { verify: true, signers });
  expect(await setup.serves()).toBe("allow");
  const nobody = await signer(home, "nobody");
  await writeFile(join(home, "signers"), nobody.allowed);
  const others = { signed: "commit" as const, allowedSignersFile: join(home, "signers") };
  await expect(start(await folder(), at(repo), { verify: true, signers: others })).rejects.toThrow(
    "not signed by a known",
  );
});

test("where tags must be signed, one that is not, or an old one under a new name, is refused", async () => {
  const home = await folder();
  const ours = await signer(home, "ours");
  const allowedSignersFile = join(home, "signers");
  await writeFile(allowedSignersFile, ours.allowed);
  const more = { verify: true, signers: { signed: "tag" as const, allowedSignersFile } };
  const repo = await repository(ALLOW);
  const key = ours.sign[0]?.replace("--gpg-sign=", "--local-user=") ?? "";
  await repo.git("tag", "--sign", key, "--message", "1", "v1");
  await repo.git("update-ref", "refs/tags/v2", "refs/tags/v1");
  await repo.git("tag", "light");
  const tag = (name: string): string => at(repo, `?path=rego&ref=refs/tags/${name}`);
  expect(await (await start(home, tag("v1"), more)).serves()).toBe("allow");
  await expect(start(await folder(), tag("v2"), more)).rejects.toThrow("holds a tag that was signed as v1");
  await expect(start(await folder(), tag("light"), more)).rejects.toThrow("is no annotated tag");
});

test("sources that nobody signed are refused while policy.verify is true", async () => {
  const repo = await repository(ALLOW);
  await expect(start(await folder(), at(repo), { verify: true })).rejects.toMatchObject({
    message: expect.stringContaining("which nobody signed"),
    next: expect.stringContaining("policy.fetch.signed"),
  });
});

test.for<[string, (repo: Repository) => Promise<unknown>, string]>([
  [
    "a symbolic link",
    (repo) => symlink("/etc/passwd", join(repo.at, "rego/passwd.rego")).then(() => repo.git("add", "--all")),
    "is no plain file (mode 120000)",
  ],
  [
    "a submodule",
    (repo) => repo.git("update-index", "--add", "--cacheinfo", `160000,${"1".repeat(40)},rego/sub`),
    "is no plain file (mode 160000)",
  ],
  [
    "too much",
    (repo) => writeFile(join(repo.at, "rego/big.rego"), "#".repeat(6_000_000)).then(() => repo.git("add", "--all")),
    "larger than policy.fetch.maxBytes",
  ],
  ["nothing", (repo) => repo.git("rm", "-r", "--quiet", "rego"), "there is nothing at rego"],
])("%s in a repository is refused, with the old one serving", async ([, change, message]) => {
  const repo = await repository(ALLOW);
  const setup = await start(await folder(), at(repo));
  await change(repo);
  await repo.git("commit", "--quiet", "--message", "change");
  await expect.poll(() => rejected(setup)).toContain(message);
  expect(await setup.serves()).toBe("allow");
});

test("a repository whose history is too large is let go of, and what comes instead is in force", async () => {
  const repo = await repository(ALLOW);
  const first = await repo.git("rev-parse", "HEAD");
  const home = await folder();
  const setup = await start(home, at(repo), { maxBytes: 100_000 });
  await repo.commit({ big: randomBytes(2_000_000) });
  await expect.poll(() => rejected(setup)).toContain("with its history it is larger than 1600000 bytes");
  expect(await setup.serves()).toBe("allow");
  await repo.git("reset", "--quiet", "--hard", first);
  await repo.commit(DENY);
  await expect.poll(setup.serves).toBe("deny");
});

test("no hook, filter or attribute of a repository has a say", async () => {
  const repo = await repository({
    ...ALLOW,
    ".gitattributes": "*.rego export-ignore filter=x ident eol=crlf\n",
    "rego/.gitattributes": "* export-subst\n",
  });
  const home = await folder();
  const setup = await start(home, at(repo));
  const [mirror = ""] = (await readdir(join(home, "state"))).filter((name) => name.startsWith("git-"));
  const hooks = join(home, "state", mirror, "hooks");
  await mkdir(hooks, { recursive: true });
  for (const hook of ["reference-transaction", "post-checkout", "post-merge"]) {
    await writeFile(join(hooks, hook), `#!/bin/sh\ntouch ${join(home, "ran")}\n`);
    await chmod(join(hooks, hook), 0o755);
  }
  await repo.commit(DENY);
  await expect.poll(setup.serves).toBe("deny");
  expect(await readdir(home)).not.toContain("ran");
});

test("with its repository out of reach at the start the commit that was in force serves; at the first start nothing does", async () => {
  const repo = await repository(ALLOW);
  const home = await folder();
  await (await start(home, at(repo))).close();
  await rm(repo.at, { recursive: true });
  const setup = await start(home, at(repo));
  expect([await setup.serves(), setup.rejections.length]).toEqual(["allow", 1]);
  await expect(start(await folder(), at(repo))).rejects.toThrow("no policy was kept from an earlier start");
});

test("a token of a file is sent over TLS of the configured authority, and to nobody's redirect", async () => {
  const repo = await repository(ALLOW);
  const bare = join(await folder(), "repo.git");
  await run("git", ["clone", "--quiet", "--bare", repo.at, bare]);
  await run("git", ["update-server-info"], { cwd: bare });
  const authority = await createAuthority("git");
  const { certificate, key } = await authority.issueServer(["127.0.0.1"]);
  const seen: string[] = [];
  const server = createServer({ cert: certificate, key }, (req, res) => {
    const { pathname } = new URL(req.url ?? "", "https://x");
    const basic = `Basic ${Buffer.from("x-access-token:s3cret").toString("base64")}`;
    seen.push(`${req.headers.authorization === basic} ${pathname}`);
    if (pathname.startsWith("/moved.git")) res.writeHead(302, { location: `/repo.git${pathname.slice(10)}` }).end();
    else if (req.headers.authorization !== basic) res.writeHead(401, { "www-authenticate": "Basic" }).end();
    else
      createReadStream(join(bare, normalize(pathname).replace("/repo.git/", "")))
        .on("error", () => res.writeHead(404).end())
        .pipe(res);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const home = await folder({ token: "s3cret\n", "ca.crt": authority.certificate });
  const files = { tokenFile: join(home, "token"), caFile: join(home, "ca.crt") };
  const setup = await start(home, `git+https://127.0.0.1:${port}/repo.git?path=rego`, files);
  expect(await setup.serves()).toBe("allow");
  await setup.close();
  expect(seen.filter((line) => line.startsWith("true")).length).toBeGreaterThan(0);
  const moved = `git+https://127.0.0.1:${port}/moved.git?path=rego`;
  await expect(start(await folder(), moved, files)).rejects.toThrow(/redirect|302/);
  const { tokenFile } = files;
  const repoUrl = `git+https://127.0.0.1:${port}/repo.git?path=rego`;
  await expect(start(await folder(), repoUrl, { tokenFile })).rejects.toThrow(/certificate/);
});

test("over ssh the key and the host keys of the configuration are the only ones, and nobody is asked anything", async () => {
  const repo = await repository(ALLOW);
  const home = await folder({ "my key": "", "known hosts": "" });
  // In ssh's place: notes what it was asked, and runs here what it was to run there.
  const ssh = join(home, "bin", "ssh");
  await writeFiles(home, {
    "bin/ssh": `#!/bin/sh\nprintf '%s\\n' "$@" > "${home}/asked"\nfor last; do :; done\nexec sh -c "$last"\n`,
  });
  await chmod(ssh, 0o755);
  const { PATH } = process.env;
  process.env.PATH = `${join(home, "bin")}:${PATH}`;
  onTestFinished(() => {
    process.env.PATH = PATH;
  });
  const files = { sshKeyFile: join(home, "my key"), knownHostsFile: join(home, "known hosts") };
  const setup = await start(home, `git+ssh://git@policies.example.com${repo.at}?path=rego`, files);
  expect(await setup.serves()).toBe("allow");
  const asked = (await readFile(join(home, "asked"), "utf8")).trim().split("\n");
  expect(asked.slice(0, 2)).toEqual(["-F", "/dev/null"]);
  expect(asked).toEqual(expect.arrayContaining(["BatchMode=yes", "StrictHostKeyChecking=yes", "IdentitiesOnly=yes"]));
  expect(asked[asked.indexOf("-i") + 1]).toBe(files.sshKeyFile);
  expect(asked).toContain(`UserKnownHostsFile="${files.knownHostsFile}"`);
  expect(asked).toContain("git@policies.example.com");
});

test("a fetch from a server that says nothing is ended, with all that it had started", async () => {
  const sockets = new Set<Socket>();
  const server = createNetServer((socket) => void sockets.add(socket.on("error", () => {}).resume()));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const location = `git+https://127.0.0.1:${port}/repo.git`;
  await expect(start(await folder(), location, { deadlineMs: 500 })).rejects.toThrow("took longer than 0.5 s");
  // git's transport is a process of its own, and its connection ends with it.
  await expect.poll(() => [...sockets].every((socket) => socket.destroyed || socket.readableEnded)).toBe(true);
});

test.for([
  ["git+https://h/r.git", { url: "https://h/r.git", ref: "refs/heads/main", paths: [""] }],
  [
    "git+ssh://git@h/r?ref=next&path=/rego/&path=ours",
    { url: "ssh://git@h/r", ref: "refs/heads/next", paths: ["rego", "ours"] },
  ],
  ["git+file:///r?ref=refs/tags/v1", { url: "file:///r", ref: "refs/tags/v1", paths: [""] }],
] as const)("%s says which ref of which repository", ([text, location]) => {
  expect(gitLocation(text)).toEqual(location);
});

test.for(["ref=-x", "ref=a..b", "ref=a.lock", "path=../x", "path=a/../../b", "path=:/", "path=*", "branch=main"])(
  "a location with ?%s is refused",
  (query) => {
    expect(() => gitLocation(`git+https://h/r.git?${query}`)).toThrow("policy.bundle");
  },
);

test("an operator's rollback needs a way back, and repairs a mark that cannot be read", async () => {
  const home = await folder();
  const state = join(home, "state");
  const { config } = await import("./config.ts");
  const file = await config(home, { state });
  await writeMark(state, { serial: 20, revision: "new", content: "c" });
  await expect(rollback(file, "21")).rejects.toThrow("21 is no way back");
  await expect(rollback(file, "x")).rejects.toMatchObject({ exitCode: 2 });
  expect((await rollback(file, "10")).json).toEqual({ serial: 10, before: 20 });
  await writeFile(markFile(state), "{");
  expect((await rollback(file, "10")).json).toEqual({ serial: 10, before: null });
  expect(JSON.parse(await readFile(markFile(state), "utf8"))).toMatchObject({ serial: 10 });
});
