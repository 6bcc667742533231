import { beforeAll, describe, expect, test } from "vitest";
import type { EventRow } from "../../audit/event.ts";
import { start } from "../../cli/up/command.ts";
import type { Provider } from "../model/provider.ts";
import { DialogueAgent, openDialogue, sessionToken } from "./dialogue-agent.ts";
import { reply } from "./dialogue-reply.ts";
import { AGENT, MAIN, type World } from "./harness.ts";

let world: World;
let provider: Provider;
let agent: DialogueAgent;
let events: EventRow[];
let last: string;
const CLEAN_UP = "Look at the pods of the shop, and delete the two old configmaps.";
const SECOND = "And which cluster is this?";

beforeAll(async () => {
  ({ world, provider } = await openDialogue());
  const { admin } = world;
  for (const name of ["old-a", "old-b"]) await admin(["create", "configmap", name, "-n", "shop", "--from-literal=a=b"]);
  agent = new DialogueAgent(world, await sessionToken(world));
  provider.scripts = [
    reply("I look first.", { id: "toolu_look", command: "kubectl get pods -n shop" }),
    reply(
      "Now both.",
      { id: "toolu_a", command: "kubectl delete configmap old-a -n shop" },
      { id: "toolu_b", command: "kubectl delete configmap old-b -n shop" },
    ),
    reply("Both are gone."),
    reply({ id: "toolu_round", command: "kubectl --server=https://10.0.0.1:6443 get nodes" }, "I tried."),
    reply("I may not know."),
  ].map((parts) => ({ parts: [parts] }));
  last = await agent.ask(CLEAN_UP);
  await agent.ask(SECOND);
  events = await world.closeAndRead();
});

const of = (kind: string): EventRow[] => events.filter((event) => event.kind === kind);
const outcome = (verb: string, name: string): EventRow | undefined =>
  of("request.outcome").find((event) => event.verb === verb && event.name === name && event.connection === "local");

test("an agent's prompt, its model's calls and its kubectl go through one gateway, in one session", () => {
  expect(last).toBe("Both are gone.");
  expect(agent.results.map(({ code }) => code)).toEqual([0, 0, 0]);
  expect(agent.results.map(({ stdout }) => stdout).join("")).toMatch(
    /web[\s\S]*"old-[ab]" deleted[\s\S]*"old-[ab]" deleted/,
  );
  const sessions = new Set(events.filter(({ username }) => username === AGENT).map(({ session_id }) => session_id));
  expect(sessions.size).toBe(1);
  expect(provider.asked[2]?.body.toString()).toMatch(/toolu_a[\s\S]*deleted/);
});

describe("on record", () => {
  test("what the person said begins a prompt, and all that follows from it is part of that prompt", () => {
    const [first, second] = ["toolu_look", "toolu_round"].map(
      (id) => of("dialogue.tool_use").find(({ tool_use_id }) => tool_use_id === id)?.prompt_id,
    );
    expect(first).toMatch(/^[0-9a-f-]{36}$/);
    expect(second).not.toBe(first);
    expect(of("dialogue.prompt").map(({ prompt_id }) => prompt_id)).toEqual([first, first, first, second]);
    expect(of("dialogue.reply").map(({ prompt_id }) => prompt_id)).toEqual([first, first, first, second]);
  });

  test("each tool call has the request that it made, also where two ran side by side", () => {
    const [prompt] = of("dialogue.prompt");
    for (const [name, tool_use_id] of [
      ["old-a", "toolu_a"],
      ["old-b", "toolu_b"],
    ] as const) {
      expect(outcome("delete", name)).toMatchObject({ prompt_id: prompt?.prompt_id, tool_use_id, status: 200 });
      expect(JSON.parse(outcome("delete", name)?.payload ?? "{}")).toMatchObject({ link: { strength: "exact" } });
    }
    const look = of("request.outcome").find(({ verb, resource }) => verb === "list" && resource === "pods");
    expect(look).toMatchObject({ prompt_id: prompt?.prompt_id, tool_use_id: "toolu_look" });
  });

  test("a call's result closes it", () => {
    expect(of("dialogue.tool_result").map(({ tool_use_id }) => tool_use_id)).toEqual([
      "toolu_look",
      "toolu_a",
      "toolu_b",
    ]);
  });

  test("a call that would go round the gateway is denied, never ran, and says so", () => {
    const round = of("dialogue.tool_use").find(({ tool_use_id }) => tool_use_id === "toolu_round");
    expect(round).toMatchObject({ effect: "deny" });
    expect(round?.rules).toContain("tool/other-cluster");
    expect(agent.results).toHaveLength(3);
  });
});

test("sessions replay prints it as one tree: prompt, reply, call, requests, result", async () => {
  const session = events.find(({ username }) => username === AGENT)?.session_id ?? "";
  const args = [MAIN, "sessions", "replay", session, "--config", world.state.configFile];
  const env = { PATH: process.env.PATH, NO_COLOR: "1" };
  const { stdout } = await start(process.execPath, args, { env }).finished;
  // Two calls ran side by side: the lines of one, in whatever order the others came.
  const lines = stdout.split("\n").map((line) => line.replace(/^[\d:.]+|^ {12}/, ""));
  const inOrder = (...wanted: RegExp[]): void => {
    let at = 0;
    for (const one of wanted) {
      const found = lines.findIndex((line, i) => i >= at && one.test(line));
      expect(found, `${one} in\n${stdout}`).toBeGreaterThanOrEqual(at);
      at = found + 1;
    }
  };
  for (const [call, name] of [
    ["1.2", "old-a"],
    ["1.3", "old-b"],
  ]) {
    inOrder(
      /^ {2}prompt 1, by dev:agent@example\.com/,
      /^ {4}reply in /,
      new RegExp(`^ {6}call ${call}, Bash: released`),
      new RegExp(`^ {8}dev:agent@example\\.com asked: delete configmaps shop/${name} `),
      new RegExp(`comes of call ${call}: it alone says that it would ask this`),
      new RegExp(`^ {8}result of call ${call}, Bash`),
    );
  }
  inOrder(/^ {2}prompt 2, by/, /^ {4}reply in /, /^ {6}call 2\.1, Bash: blocked/);
});
