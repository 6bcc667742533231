import { type ChildProcess, execFile, spawn } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { adminToken } from "../../cli/admin-token.ts";
import { loadContext } from "../../cli/context.ts";
import { type DevelopmentIssuer, startDevelopmentIssuer } from "../../identity/development/issuer.ts";
import { developmentTokens, signIn } from "../../identity/development/sign-in.ts";
import { ensureTool } from "../../tools/ensure.ts";
import { type LoginGateway, startLoginGateway } from "./gateway.ts";

const MAIN = join(import.meta.dirname, "../../cli/main.ts");
let issuer: DevelopmentIssuer;
let gateway: LoginGateway;
let home: string;
/** One real login for all tests, since the device flow polls every five seconds: each starts from a copy. */
let firstLogin: Ended;
let loggedInHome: string;

beforeAll(async () => {
  issuer = await startDevelopmentIssuer();
  gateway = await startLoginGateway(issuer);
  home = mkdtempSync(join(gateway.folder, "first-"));
  firstLogin = await logIn();
  loggedInHome = home;
});
afterAll(async () => {
  await gateway?.close();
  await issuer?.close();
});
beforeEach(() => {
  home = mkdtempSync(join(gateway.folder, "home-"));
  gateway.exchanges.length = 0;
  gateway.down = false;
  return () => rmSync(home, { recursive: true });
});

interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

function start(args: string[], env: Record<string, string> = {}, onStderr?: (text: string) => void) {
  const child: ChildProcess = spawn(process.execPath, [MAIN, ...args], {
    env: { PATH: process.env.PATH, HOME: home, XDG_CONFIG_HOME: home, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const ended: Ended = { code: null, stdout: "", stderr: "" };
  child.stdout?.on("data", (text) => {
    ended.stdout += text;
  });
  child.stderr?.on("data", (text) => {
    ended.stderr += text;
    onStderr?.(ended.stderr);
  });
  return new Promise<Ended>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve({ ...ended, code }));
  });
}

const loggedIn = (): void => cpSync(loggedInHome, home, { recursive: true });

/** A person: reads the link from the terminal, and logs in there. */
async function logIn(login = "bob"): Promise<Ended> {
  let opened: Promise<void> | undefined;
  const ended = await start(
    ["login", "--server", gateway.url, "--ca-file", gateway.caFile, "--connection", "prod"],
    {},
    (stderr) => {
      const link = /Open (\S+)/.exec(stderr)?.[1];
      const user = issuer.users.find((candidate) => candidate.login === login);
      if (link !== undefined && user !== undefined) opened ??= signIn(link, user);
    },
  );
  await opened;
  return ended;
}

const sessionFile = (): string =>
  join(home, "sallyport/sessions", readdirSync(join(home, "sallyport/sessions"))[0] ?? "");
/** As if the cached token were about to expire. */
function ageCache(): void {
  const cached = JSON.parse(readFileSync(sessionFile(), "utf8")) as { expiresAt: number };
  writeFileSync(sessionFile(), JSON.stringify({ ...cached, expiresAt: Date.now() + 1000 }));
}
async function tokenOf(ended: Ended): Promise<string> {
  expect(ended).toMatchObject({ code: 0, stderr: "" });
  return (JSON.parse(ended.stdout) as { status: { token: string } }).status.token;
}

describe("login, by the device flow", () => {
  it("stores what it got for its owner alone, and credential then needs no provider", async () => {
    loggedIn();
    expect(firstLogin).toMatchObject({
      code: 0,
      stdout: expect.stringContaining(`Logged in to ${gateway.url} with dev`),
    });
    const folder = join(home, "sallyport");
    expect(statSync(join(loggedInHome, "sallyport")).mode & 0o777).toBe(0o700);
    for (const name of ["config.yaml", "tokens.json"]) expect(statSync(join(folder, name)).mode & 0o777).toBe(0o600);
    expect(statSync(sessionFile()).mode & 0o777).toBe(0o600);
    expect(parse(readFileSync(join(folder, "config.yaml"), "utf8"))).toMatchObject({
      url: gateway.url,
      connection: "prod",
    });
    const token = await tokenOf(await start(["credential"]));
    expect((await gateway.auth.authenticate(token, "data")).identity.username).toBe("dev:bob@example.com");
    expect(gateway.exchanges).toHaveLength(0);
  });
  it("for approving gives a token that passes as one, and stores nothing", async () => {
    loggedIn();
    const before = readdirSync(join(home, "sallyport"), { recursive: true }).sort();
    const context = loadContext({ XDG_CONFIG_HOME: home });
    const write = process.stderr.write;
    let opened: Promise<void> | undefined;
    process.stderr.write = ((text: string) => {
      const link = /Open (\S+)/.exec(text)?.[1];
      const alice = issuer.users.find((user) => user.login === "alice");
      if (link !== undefined && alice !== undefined) opened = signIn(link, alice);
      return true;
    }) as typeof write;
    const token = await adminToken(context, {}).finally(() => {
      process.stderr.write = write;
    });
    await opened;
    expect((await gateway.auth.authenticate(token, "admin")).identity).toMatchObject({
      username: "dev:alice@example.com",
      audience: "admin",
    });
    expect(readdirSync(join(home, "sallyport"), { recursive: true }).sort()).toEqual(before);
  });
  it("refreshes an expired ID token with the refresh token", async () => {
    loggedIn();
    const path = join(home, "sallyport/tokens.json");
    const stored = JSON.parse(readFileSync(path, "utf8")) as { idToken: string; refreshToken: string };
    const [header, payload = "", signature] = stored.idToken.split(".");
    const claims = { ...JSON.parse(Buffer.from(payload, "base64url").toString()), exp: 1 };
    const expired = [header, Buffer.from(JSON.stringify(claims)).toString("base64url"), signature].join(".");
    writeFileSync(path, JSON.stringify({ ...stored, idToken: expired }));
    const token = await tokenOf(await start(["credential"], { CLAUDE_CODE_SESSION_ID: "another" }));
    expect((await gateway.auth.authenticate(token, "data")).identity.username).toBe("dev:bob@example.com");
    expect((JSON.parse(readFileSync(path, "utf8")) as typeof stored).refreshToken).not.toBe(stored.refreshToken);
  });
});

describe("credential", () => {
  const base = (): Record<string, string> => ({ SALLYPORT_URL: gateway.url, SALLYPORT_CA_FILE: gateway.caFile });
  async function withTokenFile(login = "agent"): Promise<Record<string, string>> {
    const file = join(home, "id.token");
    writeFileSync(file, `${(await developmentTokens(issuer, login)).idToken}\n`);
    return { ...base(), SALLYPORT_ID_TOKEN_FILE: file };
  }

  it("prints an ExecCredential for the token in SALLYPORT_ID_TOKEN_FILE, and one exchange serves many calls", async () => {
    const env = await withTokenFile();
    const [first, second] = [await start(["credential"], env), await start(["credential"], env)];
    expect(JSON.parse(first.stdout)).toMatchObject({
      apiVersion: "client.authentication.k8s.io/v1",
      kind: "ExecCredential",
    });
    expect(await tokenOf(second)).toBe(await tokenOf(first));
    expect(gateway.exchanges).toHaveLength(1);
  });
  it("is called by a real kubectl with the kubeconfig that kubeconfig --merge wrote", async () => {
    const kubectl = await ensureTool("kubectl");
    const env = { ...(await withTokenFile()), SALLYPORT_CONNECTION: "prod", KUBECONFIG: join(home, "kubeconfig") };
    expect(await start(["kubeconfig", "--merge"], env)).toMatchObject({ code: 0 });
    const { stdout } = await promisify(execFile)(kubectl, ["get", "--raw", "/version"], {
      env: { PATH: process.env.PATH, HOME: home, XDG_CONFIG_HOME: home, ...env },
    });
    expect(JSON.parse(stdout)).toEqual({ gitVersion: "dev:agent@example.com" });
  });
  it("makes one exchange where kubectl starts it many times at once", async () => {
    const env = await withTokenFile();
    const all = await Promise.all([1, 2, 3].map(() => start(["credential"], env)));
    expect(new Set(await Promise.all(all.map(tokenOf))).size).toBe(1);
    expect(gateway.exchanges).toHaveLength(1);
  });
  it("reads the token file again each time: another subject is another session", async () => {
    const env = await withTokenFile("agent");
    const first = await tokenOf(await start(["credential"], env));
    await withTokenFile("bob");
    const second = await tokenOf(await start(["credential"], env));
    const names = await Promise.all(
      [first, second].map(async (t) => (await gateway.auth.authenticate(t, "data")).identity.username),
    );
    expect(names).toEqual(["dev:agent@example.com", "dev:bob@example.com"]);
  });
  it("carries CLAUDE_CODE_SESSION_ID and TRACEPARENT into the session, and each Claude session is one", async () => {
    const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    const env = { ...(await withTokenFile()), CLAUDE_CODE_SESSION_ID: "c-1", TRACEPARENT: traceparent };
    const token = await tokenOf(await start(["credential"], env));
    const { session } = await gateway.auth.authenticate(token, "data");
    expect(session).toMatchObject({ agent: "claude-code", labels: { claude_code_session_id: "c-1", traceparent } });
    const other = await tokenOf(await start(["credential"], { ...env, CLAUDE_CODE_SESSION_ID: "c-2" }));
    expect((await gateway.auth.authenticate(other, "data")).session.id).not.toBe(session.id);
  });
  it("leaves a malformed TRACEPARENT out", async () => {
    const token = await tokenOf(await start(["credential"], { ...(await withTokenFile()), TRACEPARENT: "garbage" }));
    expect((await gateway.auth.authenticate(token, "data")).session.labels).toEqual({});
  });
  it("says with an actor token that the agent acts for the subject", async () => {
    const env = await withTokenFile("bob");
    const actor = join(home, "actor.token");
    writeFileSync(actor, (await developmentTokens(issuer, "agent")).idToken);
    const token = await tokenOf(await start(["credential"], { ...env, SALLYPORT_ACTOR_TOKEN_FILE: actor }));
    const { identity, session } = await gateway.auth.authenticate(token, "data");
    expect([identity.username, identity.hasActor, session.owner.username]).toEqual([
      "dev:agent@example.com",
      true,
      "dev:bob@example.com",
    ]);
  });
  it("renews the session before its token expires", async () => {
    const env = await withTokenFile();
    const first = await gateway.auth.authenticate(await tokenOf(await start(["credential"], env)), "data");
    ageCache();
    const second = await gateway.auth.authenticate(await tokenOf(await start(["credential"], env)), "data");
    expect(second.session).toEqual(first.session);
    expect(gateway.exchanges[1]?.get("subject_token_type")).toBe("urn:ietf:params:oauth:token-type:access_token");
  });
  it("opens no new session for one that was ended: it forgets the login and says so", async () => {
    loggedIn();
    const { session } = await gateway.auth.authenticate(await tokenOf(await start(["credential"])), "data");
    gateway.auth.endSession(session.id);
    ageCache();
    const ended = await start(["credential"]);
    expect(ended).toMatchObject({ code: 1, stdout: "", stderr: expect.stringContaining("the session was ended") });
    expect(await start(["credential"])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("nobody is logged in"),
    });
  });
  it("exits 1 where nobody is logged in, and 3 where the gateway cannot be reached or drains", async () => {
    expect(await start(["credential"], base())).toMatchObject({
      code: 1,
      stdout: "",
      stderr: expect.stringContaining("sallyport login"),
    });
    const env = await withTokenFile();
    expect(await start(["credential"], { ...env, SALLYPORT_URL: "https://127.0.0.1:1" })).toMatchObject({
      code: 3,
      stdout: "",
    });
    gateway.down = true;
    expect(await start(["credential"], env)).toMatchObject({ code: 3, stdout: "" });
  });
  it("exits 1 where the gateway refuses the token, without showing it", async () => {
    const env = await withTokenFile();
    const { idToken } = await developmentTokens(issuer, "alice", "admin");
    writeFileSync(join(home, "id.token"), idToken);
    const ended = await start(["credential"], env);
    expect(ended).toMatchObject({ code: 1, stdout: "", stderr: expect.stringContaining("another audience") });
    expect(ended.stderr).not.toContain(idToken.slice(0, 30));
  });
  it("shows a stored login to no other gateway", async () => {
    loggedIn();
    const ended = await start(["credential", "--server", "https://127.0.0.1:1"]);
    expect(ended).toMatchObject({ code: 1, stderr: expect.stringContaining("nobody is logged in to this gateway") });
  });
});
