import { existsSync } from "node:fs";
import { beforeAll, describe, expect, test } from "vitest";
import type { EventRow } from "../../audit/event.ts";
import type { Finished } from "../../cli/up/command.ts";
import type { Asked, Provider } from "../model/provider.ts";
import { reply } from "./dialogue-reply.ts";
import type { World } from "./harness.ts";

/** Claude Code's own binary, as @anthropic-ai/claude-code of npm brings it. */
const CLAUDE_CODE = process.env.SALLYPORT_CLAUDE_CODE ?? "";
const PROMPT = "Delete the configmap that is old.";
const NOWHERE = "http://127.0.0.1:9";

let world: World;
let provider: Provider;
let events: EventRow[];
let claude: Finished;

/** A model that does one thing with Bash, tries another that it may not do, and ends. */
function model({ body }: Asked): { parts: string[] } {
  const said = body.toString();
  if (!said.includes('"name":"Bash"')) return { parts: [reply("Nothing to do.")] };
  if (!said.includes('"tool_use_id":"toolu_delete"')) {
    return { parts: [reply("At once.", { id: "toolu_delete", command: "kubectl delete configmap old -n shop" })] };
  }
  return {
    parts: [reply("It is gone.", { id: "toolu_round", command: "kubectl --server=https://10.0.0.1 get nodes" })],
  };
}

describe.skipIf(!existsSync(CLAUDE_CODE))("Claude Code itself", () => {
  beforeAll(async () => {
    // Where it is not installed nothing of this is needed, and loading it takes a second.
    const { start } = await import("../../cli/up/command.ts");
    const { agentEnv, openDialogue, sessionToken } = await import("./dialogue-agent.ts");
    ({ world, provider } = await openDialogue());
    await world.admin(["create", "configmap", "old", "-n", "shop", "--from-literal=a=b"]);
    provider.answer = model;
    claude = await start(CLAUDE_CODE, ["-p", PROMPT, "--output-format", "json", "--allowedTools", "Bash"], {
      cwd: world.agent.home,
      env: {
        ...agentEnv(world),
        ANTHROPIC_BASE_URL: `${world.url}/connections/claude`,
        ANTHROPIC_AUTH_TOKEN: await sessionToken(world),
        CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
        DISABLE_TELEMETRY: "1",
        DISABLE_ERROR_REPORTING: "1",
        DISABLE_AUTOUPDATER: "1",
        // It reaches loopback and nothing else.
        HTTPS_PROXY: NOWHERE,
        HTTP_PROXY: NOWHERE,
        NO_PROXY: "127.0.0.1,localhost",
      },
    }).finished;
    events = await world.closeAndRead();
  });

  const of = (kind: string): EventRow[] => events.filter((event) => event.kind === kind);

  test("asks, runs kubectl, and ends its turn where it is told why a call was blocked", () => {
    expect(claude).toMatchObject({ code: 0, stderr: "" });
    const { result, is_error, num_turns } = JSON.parse(claude.stdout) as Record<string, unknown>;
    expect([is_error, num_turns]).toEqual([false, 2]);
    expect(result).toMatch(/sallyport: the call of Bash was blocked by tool\/other-cluster/);
  });

  test("is served all that it asks for", () => {
    expect(of("request.refused")).toEqual([]);
    expect(provider.asked.map(({ method, url }) => `${method} ${url}`)).toEqual(
      Array.from({ length: 2 }, () => "POST /v1/messages?beta=true"),
    );
  });

  test("leaves one linked tree: its prompt, the tool call, and the request that deleted", () => {
    const prompt = of("dialogue.prompt")[0];
    expect(JSON.parse(prompt?.payload ?? "{}").claims).toHaveProperty("x-claude-code-session-id");
    const ours = events.filter(({ username }) => username === prompt?.username);
    expect(new Set(ours.map(({ session_id }) => session_id)).size).toBe(1);
    const deleted = of("request.outcome").find(({ verb, name }) => verb === "delete" && name === "old");
    expect(deleted).toMatchObject({ prompt_id: prompt?.prompt_id, tool_use_id: "toolu_delete", status: 200 });
    const dialogue = events.filter(({ kind }) => kind.startsWith("dialogue."));
    expect(dialogue.map(({ kind, tool_use_id }) => `${kind} ${tool_use_id}`.trim())).toEqual([
      "dialogue.prompt",
      "dialogue.tool_use toolu_delete",
      "dialogue.reply",
      "dialogue.tool_result toolu_delete",
      "dialogue.prompt",
      "dialogue.tool_use toolu_round",
      "dialogue.reply",
    ]);
    expect(new Set(dialogue.map(({ prompt_id }) => prompt_id))).toEqual(new Set([prompt?.prompt_id]));
  });
});
