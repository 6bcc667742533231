import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import Anthropic from "@anthropic-ai/sdk";
import { Agent, fetch as undiciFetch } from "undici";
import { type Finished, start } from "../../cli/up/command.ts";
import { type Provider, startProvider } from "../model/provider.ts";
import { cleanup, folder, openWorld, type World, type WorldOptions } from "./harness.ts";

/** A real control plane and a scripted model provider, both behind one gateway. */
export async function openDialogue(options: WorldOptions = {}): Promise<{ world: World; provider: Provider }> {
  const directory = folder();
  const provider = await startProvider(directory);
  cleanup(() => provider.close());
  const world = await openWorld({
    ...options,
    async configure(config, at) {
      const { server, caFile } = provider;
      const keyFile = join(at.directory, "provider.key");
      writeFileSync(keyFile, "sk-of-the-gateway", { mode: 0o600 });
      const credential = { keyFile };
      (config.connections as object[]).push({ name: "claude", kind: "anthropic", server, caFile, credential });
      await options.configure?.(config, at);
    },
  });
  return { world, provider };
}

/** Which session both sides of an agent's work are: Claude Code names its own to the commands that it runs alone. */
const SESSION = { SALLYPORT_SESSION: "dialogue" };

/** The token that the agent's kubectl uses: both sides of its work are one session. */
export async function sessionToken({ agent }: World): Promise<string> {
  const { stdout, stderr } = await agent.sallyport(["credential", "--token"], { env: SESSION }).finished;
  if (!/^[\w.-]+\n?$/.test(stdout)) throw new Error(`no session token: ${stderr}`);
  return stdout.trim();
}

/** What a shell of the agent's has: kubectl by its name, a kubeconfig that leads to the gateway, and nothing of this process. */
export function agentEnv({ agent, cluster, state, url }: World): Record<string, string> {
  const bin = join(agent.home, "bin");
  if (mkdirSync(bin, { recursive: true }) !== undefined) symlinkSync(cluster.kubectl, join(bin, "kubectl"));
  return {
    PATH: [bin, dirname(process.execPath), process.env.PATH].join(":"),
    HOME: agent.home,
    XDG_CONFIG_HOME: join(agent.home, ".config"),
    XDG_CACHE_HOME: join(agent.home, ".cache"),
    KUBECONFIG: agent.kubeconfig,
    SALLYPORT_URL: url,
    SALLYPORT_CONNECTION: "local",
    SALLYPORT_ID_TOKEN_FILE: join(agent.home, "id.token"),
    NODE_EXTRA_CA_CERTS: state.caFile,
    ...SESSION,
  };
}

const BASH = { name: "Bash", description: "Runs a command.", input_schema: { type: "object" as const } };

/** Works as Claude Code does: asks, runs what it is told to with a shell, brings back what came of it, until the model is done. */
export class DialogueAgent {
  readonly results: Finished[] = [];
  readonly #client: Anthropic;
  readonly #world: World;
  readonly #messages: Anthropic.MessageParam[] = [];

  constructor(world: World, token: string) {
    const dispatcher = new Agent({ connect: { ca: world.caPem } });
    cleanup(() => dispatcher.destroy());
    const trusting = ((url: string, init: object) =>
      undiciFetch(url, { ...init, dispatcher })) as unknown as typeof fetch;
    const baseURL = `${world.url}/connections/claude`;
    this.#client = new Anthropic({ baseURL, authToken: token, apiKey: null, fetch: trusting, maxRetries: 0 });
    this.#world = world;
  }

  /** The last words of the model. Its calls of one reply run side by side. */
  async ask(prompt: string): Promise<string> {
    this.#messages.push({ role: "user", content: prompt });
    for (;;) {
      const messages = [...this.#messages];
      const reply = await this.#client.messages
        .stream({ model: "claude-opus-4-6", max_tokens: 1_024, tools: [BASH], messages })
        .finalMessage();
      this.#messages.push({ role: "assistant", content: reply.content });
      const calls = reply.content.filter((block) => block.type === "tool_use");
      if (calls.length === 0)
        return reply.content.flatMap((block) => (block.type === "text" ? block.text : [])).join("\n");
      const content = await Promise.all(calls.map((call) => this.#run(call)));
      this.#messages.push({ role: "user", content });
    }
  }

  async #run({ id, input }: Anthropic.ToolUseBlock): Promise<Anthropic.ToolResultBlockParam> {
    const { command } = input as { command: string };
    const result = await start("bash", ["-c", command], { env: agentEnv(this.#world) }).finished;
    this.results.push(result);
    return {
      type: "tool_result",
      tool_use_id: id,
      content: result.stdout + result.stderr,
      is_error: result.code !== 0,
    };
  }
}
