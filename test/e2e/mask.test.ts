import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { parse, stringify } from "yaml";
import { type AuditEntry, readAuditLog } from "../../tools/control-plane/audit-log.ts";
import { AGENT, approveNext, call, idToken, openWorld, until, type World } from "./harness.ts";

const VALUE = "correct-horse-battery-staple";
const OTHER = "a-second-value-of-it";
const PLACEHOLDER = "**sallyport-masked**";
const ENCODED_PLACEHOLDER = Buffer.from(PLACEHOLDER).toString("base64");
const NS = ["-n", "shop"];

let world: World;

beforeAll(async () => {
  world = await openWorld({
    guardrails: {
      scopes: [
        {
          name: "lists",
          match: { namespaces: ["listed"] },
          rules: { "secrets/list": { effect: "mask" } },
        },
      ],
    },
  });
  await world.admin(["create", "namespace", "listed"]);
  for (const namespace of ["listed", "shop"]) await world.admin(["apply", "-f", "-"], secret("login", { namespace }));
});

function secret(name: string, over: { namespace?: string; data?: Record<string, string> } = {}): string {
  const { namespace = "shop", data = { password: VALUE, user: "shopkeeper" } } = over;
  return stringify({ apiVersion: "v1", kind: "Secret", metadata: { name, namespace }, stringData: data });
}

/** Fails where a text holds a secret value, plain or as base64. */
function expectNoValue(text: string): void {
  for (const value of [VALUE, OTHER, "shopkeeper"]) {
    expect(text).not.toContain(value);
    expect(text).not.toContain(Buffer.from(value).toString("base64"));
  }
}

async function stored(name: string, namespace = "shop"): Promise<Record<string, string>> {
  const { stdout } = await world.admin(["get", "secret", name, "-n", namespace, "-o", "json"]);
  const { data } = JSON.parse(stdout) as { data: Record<string, string> };
  return Object.fromEntries(
    Object.entries(data).map(([key, value]) => [key, Buffer.from(value, "base64").toString("utf8")]),
  );
}

/** What the API server's own audit log has of the agent's requests for Secrets, less the gateway's dry runs. */
async function writesSeen(name: string): Promise<AuditEntry[]> {
  const entries = await readAuditLog(world.cluster.auditLogFile ?? "");
  return entries.filter(
    ({ verb, objectRef, requestURI, impersonatedUser }) =>
      impersonatedUser?.username === AGENT &&
      objectRef?.resource === "secrets" &&
      objectRef.name === name &&
      ["create", "update", "patch", "delete"].includes(verb) &&
      !requestURI.includes("dryRun"),
  );
}

describe("a Secret's values are masked, and its keys, type and metadata stay", () => {
  test.each([
    ["a table", []],
    ["-o wide", ["-o", "wide"]],
    ["-o yaml", ["-o", "yaml"]],
    ["-o json", ["-o", "json"]],
    ["-o jsonpath", ["-o", "jsonpath={.data}"]],
    ["-o yaml --show-managed-fields", ["-o", "yaml", "--show-managed-fields"]],
  ])("kubectl get as %s", async (_form, args) => {
    const answer = await world.kubectl(["get", "secret", "login", ...NS, ...args]);
    expect(answer.code).toBe(0);
    expectNoValue(answer.stdout + answer.stderr);
    expect(answer.stdout).toMatch(args.length > 0 && args[1] !== "wide" ? /password/ : /login\s+Opaque\s+2/);
  });

  test("the placeholder in data is base64, also for a reader that decodes it", async () => {
    const { stdout } = await world.kubectl(["get", "secret", "login", ...NS, "-o", "json"]);
    const { data, metadata } = JSON.parse(stdout) as {
      data: Record<string, string>;
      metadata: { annotations: Record<string, string> };
    };
    expect(data).toEqual({ password: ENCODED_PLACEHOLDER, user: ENCODED_PLACEHOLDER });
    const applied = metadata.annotations["kubectl.kubernetes.io/last-applied-configuration"] ?? "";
    expect(JSON.parse(applied)).toMatchObject({ stringData: { password: PLACEHOLDER, user: PLACEHOLDER } });
  });

  test("kubectl describe", async () => {
    const answer = await world.kubectl(["describe", "secret", "login", ...NS]);
    expect(answer.code).toBe(0);
    expect(answer.stdout).toMatch(/password:\s+20 bytes/);
    expectNoValue(answer.stdout);
  });

  test("YAML that a client asks the API server for", async () => {
    const answer = await call(world, "GET", "/connections/local/api/v1/namespaces/shop/secrets/login", {
      token: await idToken(world, "agent"),
      headers: { accept: "application/yaml" },
    });
    expect(answer.status).toBe(200);
    expect(parse(answer.text)).toMatchObject({ data: { password: ENCODED_PLACEHOLDER } });
    expectNoValue(answer.text);
  });

  test.each([
    ["protobuf", "application/vnd.kubernetes.protobuf", "k8s\0"],
    ["CBOR", "application/cbor", "\ufffd\ufffd\ufffd"],
  ])("a client that accepts %s alone gets the Secret in it, masked", async (_name, accept, beginning) => {
    const answer = await call(world, "GET", "/connections/local/api/v1/namespaces/shop/secrets/login", {
      token: await idToken(world, "agent"),
      headers: { accept },
    });
    expect(answer.status).toBe(200);
    expect(answer.text.startsWith(beginning)).toBe(true);
    expectNoValue(answer.text);
  });
});

describe("lists and watches of Secrets", () => {
  test.each([
    ["a list", ["get", "secrets", ...NS]],
    ["a list across namespaces", ["get", "secrets", "-A", "-o", "yaml"]],
    ["a watch", ["get", "secrets", ...NS, "--watch-only"]],
  ])("%s is denied by default", async (_what, args) => {
    const answer = await world.kubectl(args);
    expect(answer.code).toBe(1);
    expect(answer.stderr).toContain("blocked by secrets/list");
    expectNoValue(answer.stdout + answer.stderr);
  });

  test("a scope that says mask gets a masked list", async () => {
    const answer = await world.kubectl(["get", "secrets", "-n", "listed", "-o", "json"]);
    expect(answer.code).toBe(0);
    const { items } = JSON.parse(answer.stdout) as { items: { data?: Record<string, string> }[] };
    expect(items.map(({ data }) => data?.password)).toContain(ENCODED_PLACEHOLDER);
    expectNoValue(answer.stdout);
  });

  test("a scope of one namespace loosens nothing across all of them", async () => {
    const answer = await world.kubectl(["get", "secrets", "-A"]);
    expect(answer.code).toBe(1);
    expect(answer.stderr).toContain("blocked by secrets/list");
  });

  test("a scope that says mask gets a masked watch, each event of it", async () => {
    const watching = world.agent.kubectl(["get", "secrets", "-n", "listed", "--watch", "-o", "json"]);
    await until(() => watching.stdout().includes('"login"'));
    await world.admin(["patch", "secret", "login", "-n", "listed", "-p", `{"stringData":{"later":"${OTHER}"}}`]);
    await until(() => watching.stdout().includes('"later"') && watching.stdout().endsWith("}\n"));
    watching.kill("SIGKILL");
    const { stdout } = await watching.finished;
    expect(stdout.split(ENCODED_PLACEHOLDER).length).toBeGreaterThan(4);
    expectNoValue(stdout);
  });
});

/** kubectl edit with an editor that replaces one text by another. */
async function edit(name: string, from: string, to: string) {
  const script = join(world.directory, "editor.sh");
  writeFileSync(script, `#!/bin/sh\nsed -i 's|${from}|${to}|' "$1"\n`);
  chmodSync(script, 0o700);
  return world.agent.kubectl(["edit", "secret", name, ...NS], { env: { EDITOR: script, TMPDIR: world.directory } })
    .finished;
}

describe("what was read masked cannot destroy what it stands for", () => {
  test("kubectl edit that changes another key leaves the masked one as it was, once it is approved", async () => {
    const changed = Buffer.from("cashier").toString("base64");
    const editing = edit("login", `user: ${ENCODED_PLACEHOLDER.replaceAll("*", "\\*")}`, `user: ${changed}`);
    const held = await approveNext(world, "login");
    const answer = await editing;
    expect(answer).toMatchObject({ code: 0, stdout: "secret/login edited\n" });
    expect(await stored("login")).toEqual({ password: VALUE, user: "cashier" });
    expectNoValue(JSON.stringify(held));
  });

  test("kubectl edit that copies the placeholder to another key is refused, and says why", async () => {
    const before = (await writesSeen("login")).length;
    const answer = await edit("login", "^data:", `data:\\n  copied: ${ENCODED_PLACEHOLDER}`);
    expect(answer.code).toBe(1);
    expect(answer.stderr).toContain("data.copied holds the placeholder that stands for a masked value");
    expect(await stored("login")).toEqual({ password: VALUE, user: "cashier" });
    expect(await writesSeen("login")).toHaveLength(before);
  });

  test("kubectl replace with a whole masked read is refused", async () => {
    const { stdout } = await world.kubectl(["get", "secret", "login", ...NS, "-o", "yaml"]);
    const answer = await world.kubectl(["replace", "-f", "-"], stdout);
    expect(answer.code).toBe(1);
    expect(answer.stderr).toContain("placeholder");
    expect(await stored("login")).toEqual({ password: VALUE, user: "cashier" });
  });
});

describe("an apply that changes nothing is no write of the Secret", () => {
  test("the original manifest, applied again", async () => {
    await world.admin(["apply", "-f", "-"], secret("applied"));
    const answer = await world.kubectl(["apply", "-f", "-"], secret("applied"));
    expect(answer.code).toBe(0);
    expect(await stored("applied")).toEqual({ password: VALUE, user: "shopkeeper" });
  });

  test("a masked read, applied back as it was read", async () => {
    const { stdout } = await world.kubectl(["get", "secret", "applied", ...NS, "-o", "yaml"]);
    const answer = await world.kubectl(["apply", "-f", "-"], stdout);
    expect(`${answer.code} ${answer.stderr}`).toBe("0 ");
    expect(await stored("applied")).toEqual({ password: VALUE, user: "shopkeeper" });
  });

  test("one value changed in it, and it is held", async () => {
    const manifest = secret("applied", { data: { password: OTHER, user: "shopkeeper" } });
    const applying = world.kubectl(["apply", "-f", "-"], manifest);
    const held = await approveNext(world, "applied");
    const answer = await applying;
    expect(answer).toMatchObject({ code: 0, stdout: "secret/applied configured\n" });
    expect(await stored("applied")).toEqual({ password: OTHER, user: "shopkeeper" });
    expect(JSON.stringify(held.changes)).toContain("password");
    expectNoValue(JSON.stringify(held));
    expectNoValue(answer.stdout + answer.stderr);
  });
});

describe("answers of writes", () => {
  test("the answer of a patch is masked", async () => {
    const patch = JSON.stringify({ metadata: { labels: { seen: "yes" } } });
    const patching = world.kubectl(["patch", "secret", "applied", ...NS, "-p", patch, "-o", "json"]);
    await approveNext(world, "applied");
    const answer = await patching;
    expect(answer.code).toBe(0);
    expect(JSON.parse(answer.stdout)).toMatchObject({ data: { password: ENCODED_PLACEHOLDER } });
    expectNoValue(answer.stdout);
  });

  test("a JSON patch cannot copy a value out of the mask, nor test a guess", async () => {
    for (const operation of [
      { op: "copy", from: "/data/password", path: "/metadata/annotations/note" },
      { op: "move", from: "/data/password", path: "/metadata/annotations/note" },
      { op: "test", path: "/data/password", value: Buffer.from(OTHER).toString("base64") },
    ]) {
      const patch = JSON.stringify([operation]);
      const answer = await world.kubectl(["patch", "secret", "applied", ...NS, "--type=json", "-p", patch]);
      expect(answer.code, operation.op).toBe(1);
      expect(answer.stderr, operation.op).toContain("sallyport:");
      expect(answer.stderr, operation.op).not.toContain("held for approval");
    }
    expect(await stored("applied")).toEqual({ password: OTHER, user: "shopkeeper" });
  });

  test("a token of a service account is denied, and the API server is never asked for one", async () => {
    const answer = await world.kubectl(["create", "token", "default", ...NS]);
    expect(answer.code).toBe(1);
    expect(answer.stderr).toContain("identity/service-account-token");
    await until(async () => (await writesSeen("applied")).length > 0);
    const entries = await readAuditLog(world.cluster.auditLogFile ?? "");
    const asked = entries.filter(
      ({ objectRef, impersonatedUser }) => objectRef?.subresource === "token" && impersonatedUser?.username === AGENT,
    );
    expect(asked).toEqual([]);
  });
});
