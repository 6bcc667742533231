import { generateKeyPairSync } from "node:crypto";
import { cpSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { parse, stringify } from "yaml";
import { eventsWithin } from "../../audit/queries.ts";
import { openStoreReader } from "../../audit/store/open.ts";
import { verifyChain } from "../../audit/verify-chain.ts";
import { type Finished, start } from "../../cli/up/command.ts";
import { packBundle, unpackBundle } from "../../engine/bundle/archive.ts";
import {
  alive,
  call,
  decide,
  folder,
  idToken,
  MAIN,
  open,
  openWorld,
  pending,
  REGO,
  type Serve,
  startServe,
  until,
  type World,
} from "./harness.ts";
import { hostPathPod } from "./objects.ts";

let world: World;
let serve: Serve;
/** Sources of the policy in force, to break. */
let rules: string;

beforeAll(async () => {
  rules = join(folder(), "rego");
  cpSync(REGO, rules, { recursive: true });
  world = await openWorld({ serve: true, rules });
  if (world.serve === undefined) throw new Error("the world has no serve");
  serve = world.serve;
});

function sallyport(args: readonly string[]): Promise<Finished> {
  const { PATH, HOME, XDG_CACHE_HOME, NODE_COMPILE_CACHE } = process.env;
  const env = { PATH, HOME, XDG_CACHE_HOME, NODE_COMPILE_CACHE, NO_COLOR: "1" };
  return start(process.execPath, [MAIN, ...args], { env }).finished;
}

/** A copy of the configuration with changes, in a folder of its own beside what it names. */
function variant(name: string, change: (config: Record<string, Record<string, unknown>>) => void): string {
  const config = parse(readFileSync(world.state.configFile, "utf8"));
  change(config);
  const file = join(world.directory, `${name}.yaml`);
  writeFileSync(file, stringify(config));
  return file;
}

describe("commands that wait", () => {
  test("kubectl get -w shows what happens while it watches", async () => {
    await world.admin(["create", "configmap", "known", "-n", "shop"]);
    const watching = world.agent.kubectl(["get", "configmaps", "-n", "shop", "-w"]);
    await until(() => /^known /m.test(watching.stdout()));
    await world.admin(["create", "configmap", "news", "-n", "shop"]);
    await until(() => /^news /m.test(watching.stdout()));
    watching.kill("SIGKILL");
    await watching.finished;
  });

  test("kubectl wait takes at most 1.5 times as long as at the API server itself (OpenUnison 142)", async () => {
    await world.admin(["create", "configmap", "awaited", "-n", "shop"]);
    const wait = ["wait", "--for=delete", "configmap/awaited", "-n", "shop", "--timeout=25s"];
    const started = Date.now();
    const took = async ({ code, stderr }: Finished): Promise<number> => {
      expect(`${code} ${stderr}`).toBe("0 ");
      return Date.now() - started;
    };
    const through = world.agent.kubectl(wait).finished.then(took);
    const direct = world.admin(wait).then(took);
    await new Promise((resolve) => setTimeout(resolve, 2000));
    await world.admin(["delete", "configmap", "awaited", "-n", "shop"]);
    expect(await through).toBeLessThan(1.5 * (await direct));
  });

  test("a watch that the policy of now would not open ends when that comes into force", async () => {
    const watching = world.agent.kubectl(["get", "pods", "-n", "shop", "-w"], { timeoutMs: 90_000 });
    const shown = (): number => watching.stdout().match(/^web /gm)?.length ?? 0;
    await until(() => shown() > 0);
    // What comes after the list comes of the watch, which is open by then.
    await world.admin(["label", "pod", "web", "-n", "shop", "watched=yes"]);
    await until(() => shown() > 1);
    await world.editGuardrails((guardrails) => {
      guardrails.scopes = [{ name: "chatty", match: { namespaces: ["shop"] }, record: "RequestResponse" }];
    });
    const { stdout, code } = await watching.finished;
    expect(stdout).toContain("web");
    // 128 is a kill by the time limit above.
    expect(code).toBeLessThan(128);
    await world.editGuardrails((guardrails) => {
      guardrails.scopes = [];
    });
  });

  test("a watch ends with its session", async () => {
    const form = {
      grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
      subject_token: await idToken(world, "agent"),
      subject_token_type: "urn:ietf:params:oauth:token-type:id_token",
    };
    const headers = { "content-type": "application/x-www-form-urlencoded" };
    const opened = await call(world, "POST", "/session", { headers, body: new URLSearchParams(form).toString() });
    const { access_token: token } = opened.json as { access_token: string };
    const { body } = await open(world, "GET", "/connections/local/api/v1/namespaces/shop/pods?watch=1", { token });
    // Cut, and not ended cleanly: a client must not take it for the end of what there is to see.
    const cut = expect(body.text()).rejects.toThrow();
    expect((await call(world, "DELETE", "/session", { token })).status).toBe(204);
    await cut;
  });
});

describe("a decision", () => {
  test("is shown by the id that the refusal names", async () => {
    const blocked = await world.kubectl(["create", "clusterrolebinding", "x", "--clusterrole=view", "--user=y"]);
    const [, id = ""] = /Decision ([0-9a-f-]{36})/.exec(blocked.stderr) ?? [];
    const shown = await until(async () => {
      const answer = await world.agent.sallyport(["decisions", "show", id]).finished;
      return answer.code === 0 ? answer : undefined;
    });
    expect(shown.stdout).toContain("rbac/cluster-role-binding");
    // It is bob's agent, listed with him in `people`.
    expect((await world.bob.sallyport(["decisions", "show", id]).finished).code).toBe(0);
  });
});

describe("a policy that does not compile", () => {
  const broken = (): string => join(rules, "nodes", "proxy", "broken.rego");

  test("leaves the old one serving, and `policy status` says so", async () => {
    const status = async (): Promise<Record<string, unknown>> => {
      const { stdout } = await world.alice.sallyport(["policy", "status", "--output", "json"]).finished;
      return JSON.parse(stdout) as Record<string, unknown>;
    };
    const before = await status();
    writeFileSync(broken(), "package sallyport.rules.nodes.broken\n\nfindings contains {\n");
    const after = await until(async () => {
      const now = await status();
      return now.rejected === undefined ? undefined : now;
    });
    expect(after.revision).toEqual(before.revision);
    expect(JSON.stringify(after.rejected)).toContain("broken.rego");
    const text = await world.alice.sallyport(["policy", "status"]).finished;
    expect(text.stdout).toContain("broken.rego");
    expect((await world.kubectl(["get", "pods", "-n", "shop"])).code).toBe(0);
    const blocked = await world.kubectl(["create", "clusterrolebinding", "x", "--clusterrole=view", "--user=y"]);
    expect(blocked.stderr).toContain("blocked by rbac/cluster-role-binding");
  });

  test("once repaired, it is in force with no restart", async () => {
    rmSync(broken());
    await until(async () => {
      const { json } = await call(world, "GET", "/v1alpha1/policy", { token: await idToken(world, "alice") });
      return (json as { rejected?: unknown }).rejected === undefined;
    });
    expect(alive(serve.pid)).toBe(true);
  });

  test("guardrails with a mistake are refused in words, and the ones before go on", async () => {
    const original = readFileSync(world.state.guardrailsFile, "utf8");
    writeFileSync(world.state.guardrailsFile, original.replace("profiles:", "profile:"));
    const { stdout } = await until(async () => {
      const answer = await world.alice.sallyport(["policy", "status"]).finished;
      return answer.stdout.includes("profile") ? answer : undefined;
    });
    expect(stdout).toMatch(/profile.*profiles/s);
    writeFileSync(world.state.guardrailsFile, original);
  });
});

describe("SIGTERM drains", () => {
  let restarted: Serve;
  let held: string;

  test("a watch ends, a hold answers, what is on record is whole, and the exit code is 0", async () => {
    const watching = world.agent.kubectl(["get", "pods", "-n", "shop", "-w"], { timeoutMs: 90_000 });
    const holding = world.agent.kubectl(["create", "-f", "-"], { input: hostPathPod("patient"), timeoutMs: 90_000 });
    held = (await pending(world, "patient")).name;
    await until(() => watching.stdout().includes("web"));
    const started = Date.now();
    serve.kill("SIGTERM");
    expect(await serve.exited).toEqual({ code: 0, signal: null });
    expect(Date.now() - started).toBeLessThan(20_000);
    const answer = await holding.finished;
    expect(answer.code).toBe(1);
    expect(answer.stderr).toContain(`/approvals/${held}`);
    const ended = await watching.finished;
    expect(ended.stdout).toContain("web");
    expect(ended.code).toBeLessThan(2);

    const store = await openStoreReader(world.config.audit.store);
    const events = await eventsWithin(store, world.config.tenant);
    await store.close();
    expect(verifyChain(events)).toMatchObject({ ok: true });
    const kinds = (kind: string) => events.filter((event) => event.kind === kind);
    expect(kinds("hold.timed_out").map(({ approval_id }) => approval_id)).toContain(held);
    const cut = kinds("request.outcome").filter(
      ({ verb, payload }) => verb === "watch" && payload.includes("shutting"),
    );
    expect(cut).toHaveLength(1);
  });

  test("a restart keeps what is pending, and its approval lets the same command through", async () => {
    restarted = await startServe(world.state.configFile);
    const still = await pending(world, "patient");
    expect(still.name).toBe(held);
    expect((await decide(world, still, "approve")).status).toBe(200);
    const again = await world.kubectl(["create", "-f", "-"], hostPathPod("patient"));
    expect(again).toMatchObject({ code: 0, stdout: "pod/patient created\n" });
  });

  test("a restart keeps the record, and goes on with it", async () => {
    const query = ["audit", "query", "privileged-operations", "--output", "json"];
    // The store has what is on the spool a moment later: until then a row is missing, or an intent has no outcome.
    const outcomes = await until(async () => {
      const { stdout } = await world.alice.sallyport(query).finished;
      const rows = (JSON.parse(stdout) as { items: { name: string; resource: string; outcome: string }[] }).items;
      const found = rows.filter(({ name }) => name === "patient").map(({ outcome }) => outcome);
      return found.length < 2 || found.includes("unknown") ? undefined : found;
    });
    expect(outcomes.sort()).toEqual(["approved", "expired"]);
  });

  test("kill -9 loses nothing that was answered", async () => {
    const marked = await world.kubectl(["annotate", "configmap", "news", "-n", "shop", "last=words"]);
    expect(marked.code).toBe(0);
    restarted.kill("SIGKILL");
    await restarted.exited;
    const next = await startServe(world.state.configFile);
    next.kill("SIGTERM");
    expect(await next.exited).toEqual({ code: 0, signal: null });
    const store = await openStoreReader(world.config.audit.store);
    const events = await eventsWithin(store, world.config.tenant);
    await store.close();
    expect(verifyChain(events)).toMatchObject({ ok: true });
    const patches = events.filter(({ name, verb }) => name === "news" && verb === "patch");
    expect(patches.map(({ kind }) => kind)).toContain("request.intent");
  });
});

describe("a signed bundle", () => {
  const pem = (): { privateKey: string; publicKey: string } =>
    generateKeyPairSync("ec", {
      namedCurve: "P-256",
      publicKeyEncoding: { type: "spki", format: "pem" },
      privateKeyEncoding: { type: "pkcs8", format: "pem" },
    });
  const at = (name: string): string => join(world.directory, name);
  let config: string;

  beforeAll(async () => {
    const key = pem();
    writeFileSync(at("bundle.key"), key.privateKey, { mode: 0o600 });
    writeFileSync(at("bundle.pub"), key.publicKey);
    writeFileSync(at("other.pub"), pem().publicKey);
    config = variant("signed", (all) => {
      Object.assign(all.policy ?? {}, { bundle: "bundle.tar.gz", verify: true });
      Object.assign(all.keys ?? {}, { bundlePublicFile: "bundle.pub" });
    });
    const built = await sallyport(["policy", "build", "--key", at("bundle.key"), "--out", at("bundle.tar.gz")]);
    expect(built).toMatchObject({ code: 0 });
  });

  test("made by `policy build --key` is served with verify: true", async () => {
    const signed = await startServe(config);
    const blocked = await world.kubectl(["create", "clusterrolebinding", "x", "--clusterrole=view", "--user=y"]);
    expect(blocked.stderr).toContain("blocked by rbac/cluster-role-binding");
    signed.kill("SIGTERM");
    expect((await signed.exited).code).toBe(0);
  });

  test.each([
    ["unsigned", ["policy", "build"], /sign/],
    ["signed by another key", ["policy", "build", "--key"], /sign|key/],
  ])("one that is %s is refused at the start, in words", async (_what, build, message) => {
    const args = build.includes("--key") ? [...build, at("stranger.key")] : [...build];
    if (build.includes("--key")) writeFileSync(at("stranger.key"), pem().privateKey, { mode: 0o600 });
    expect((await sallyport([...args, "--out", at("bundle.tar.gz")])).code).toBe(0);
    const answer = await sallyport(["serve", "--config", config]);
    expect(answer.code).toBe(1);
    expect(answer.stderr).toMatch(message);
    expect(answer.stderr).not.toContain("    at ");
  });

  test("one that was tampered with is refused at the start, in words", async () => {
    await sallyport(["policy", "build", "--key", at("bundle.key"), "--out", at("bundle.tar.gz")]);
    const whole = await sallyport(["policy", "verify", at("bundle.tar.gz"), "--key", at("bundle.pub")]);
    expect(whole.code).toBe(0);
    const files = await unpackBundle(readFileSync(at("bundle.tar.gz")), "bundle.tar.gz");
    const data = Buffer.from(files.get("data.json") ?? "").toString("utf8");
    const tampered = data.replace(/"effect":\s*"deny"/, '"effect":"allow"');
    expect(tampered).not.toBe(data);
    files.set("data.json", Buffer.from(tampered));
    writeFileSync(at("bundle.tar.gz"), await packBundle(files));
    expect((await sallyport(["policy", "verify", at("bundle.tar.gz"), "--key", at("bundle.pub")])).code).toBe(1);
    const answer = await sallyport(["serve", "--config", config]);
    expect(answer.code).toBe(1);
    expect(answer.stderr).toContain("data.json");
    expect(answer.stderr).not.toContain("    at ");
  });
});

describe("mistakes in the configuration", () => {
  test("are all reported at once with their dotted paths, and exit 2", async () => {
    const file = variant("wrong", (all) => {
      Object.assign(all, { listne: {}, sessions: { tokenSeconds: 5 } });
      Object.assign(all.listen ?? {}, { certFile: "nowhere.crt" });
      Object.assign(all.policy ?? {}, { guardrail: "x" });
      (all.issuers as unknown as Record<string, unknown>[])[0] = {
        ...(all.issuers as unknown as Record<string, unknown>[])[0],
        prefix: { username: "", groups: "system:" },
      };
    });
    const answer = await sallyport(["serve", "--check", "--config", file]);
    expect(answer.code).toBe(2);
    expect(answer.stdout).toBe("");
    for (const path of [
      "listne",
      "sessions.tokenSeconds",
      "policy.guardrail",
      "issuers[0].prefix.username",
      "issuers[0].prefix.groups",
    ]) {
      expect(answer.stderr).toContain(path);
    }
    expect(answer.stderr).toContain("listen");
  });

  test("files that are not there are reported with their paths, and exit 2", async () => {
    const file = variant("absent", (all) => {
      Object.assign(all.listen ?? {}, { certFile: "nowhere.crt" });
      Object.assign(all.keys ?? {}, { hmacFile: "nowhere.key" });
      Object.assign(all.policy ?? {}, { bundle: "nowhere.tar.gz" });
    });
    const answer = await sallyport(["serve", "--check", "--config", file]);
    expect(answer.code).toBe(2);
    for (const path of ["listen.certFile", "keys.hmacFile", "policy.bundle"]) expect(answer.stderr).toContain(path);
  });

  test("a configuration without one is valid, and exits 0", async () => {
    const answer = await sallyport(["serve", "--check", "--config", world.state.configFile]);
    expect(answer).toMatchObject({ code: 0 });
    expect(answer.stdout).toContain("is valid");
  });
});
