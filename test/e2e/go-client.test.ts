import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { start } from "../../cli/up/command.ts";
import { ensureTool } from "../../tools/ensure.ts";
import { idToken, openWorld, type World } from "./harness.ts";

interface Result {
  name: string;
  ok: boolean;
  seen?: unknown;
  error?: string;
}

interface Report {
  protocols: string[];
  checks: Result[];
}

let world: World;
let program: string;
let direct: Report;
let runs = 0;

beforeAll(async () => {
  program = await ensureTool("go-client");
  world = await openWorld({ guardrails: { profiles: ["observe"] } });
  await world.admin(["create", "serviceaccount", "direct", "--namespace", "default"]);
  const rights = ["create", "clusterrolebinding", "direct", "--clusterrole", "cluster-admin"];
  await world.admin([...rights, "--serviceaccount", "default:direct"]);
  const token = await world.admin(["create", "token", "direct", "--namespace", "default"]);
  writeFileSync(join(world.directory, "direct.token"), token.stdout.trim(), { mode: 0o600 });
  writeFileSync(join(world.directory, "agent.token"), await idToken(world, "agent"), { mode: 0o600 });
  direct = await run(["--server", world.cluster.server, "--ca", world.cluster.caFile], "direct.token");
});

/** Each run has a namespace of its own, whose name is as long as the others'. */
async function run(flags: string[], token: string): Promise<Report> {
  const namespace = `goclient-${++runs}`;
  await world.admin(["create", "namespace", namespace]);
  const args = [...flags, "--namespace", namespace, "--token-file", join(world.directory, token)];
  // Without a home client-go looks for nothing of the machine's.
  const { stdout, stderr } = await start(program, args, { env: {}, timeoutMs: 100_000 }).finished;
  if (stdout === "") throw new Error(`goclient said nothing: ${stderr}`);
  return JSON.parse(stdout.replaceAll(namespace, "NAMESPACE")) as Report;
}

const gateway = (): string[] => ["--server", `${world.url}/connections/local`, "--ca", world.state.caFile];

test("client-go's own suite passes on the API server itself, over HTTP/2", () => {
  expect(direct.checks.filter(({ ok }) => !ok)).toEqual([]);
  expect(direct.checks.length).toBeGreaterThanOrEqual(20);
  expect(direct.protocols).toEqual(["HTTP/2.0"]);
});

describe("through a gateway that allows everything", () => {
  test.each([
    ["HTTP/2", [], "HTTP/2.0"],
    ["HTTP/1.1", ["--http1"], "HTTP/1.1"],
  ])("client-go sees over %s what it sees of the API server itself", async (_title, flags, protocol) => {
    const through = await run([...gateway(), ...flags], "agent.token");
    for (const [i, check] of through.checks.entries()) expect.soft(check).toEqual(direct.checks[i]);
    expect(through.checks.length).toBe(direct.checks.length);
    expect(through.protocols).toEqual([protocol]);
  });
});

test("client-go that accepts only protobuf gets Secrets masked, from a get, a list and an informer's watch", async () => {
  await world.editGuardrails((guardrails) => {
    guardrails.profiles = ["baseline"];
    // It holds writes of Secrets and denies lists; what is looked at here is what comes back of them.
    guardrails.rules = { "secrets/write": { effect: "mask" }, "secrets/list": { effect: "mask" } };
  });
  const { checks } = await run([...gateway(), "--only", "secret"], "agent.token");
  expect(checks.map(({ ok, error }) => ok || error)).toEqual([true, true]);
  expect(JSON.stringify(checks)).not.toContain("correct-horse-battery");
  expect(JSON.stringify(checks)).toContain("sallyport-masked");
});
