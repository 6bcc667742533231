import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Agent } from "undici";
import { keptBundle } from "../../cli/policy/bundle-cache.ts";
import { send } from "../gateway/client.ts";
import { type Rig, startRig } from "../gateway/rig.ts";
import { type Provider, startProvider } from "./provider.ts";

/** The key that no agent may see. */
export const PROVIDER_KEY = "sk-provider-key-of-the-gateway-alone";

/** The library, and a rule by which the model that is asked says which tools it may not call: `denies Bash Read`, `denies *`. */
const SOURCES = ["../../rego", "rules"].map((folder) => fileURLToPath(new URL(folder, import.meta.url)));

export interface ModelRig extends Rig {
  provider: Provider;
  /** Base URL of the connection: what an agent has as ANTHROPIC_BASE_URL, or (with /v1) OPENAI_BASE_URL. */
  base(name: "claude" | "gpt"): string;
  /** For fetch: trusts the gateway's certificate. */
  dispatcher: Agent;
}

/** A whole gateway with a scripted provider of each kind behind it, beside its cluster. */
export async function startModelRig(options: Parameters<typeof startRig>[0] = {}): Promise<ModelRig> {
  const directory = mkdtempSync(join(tmpdir(), "sallyport-model-"));
  const { file: bundle } = await keptBundle(SOURCES);
  const provider = await startProvider(directory);
  const keyFile = join(directory, "provider.key");
  writeFileSync(keyFile, PROVIDER_KEY, { mode: 0o600 });
  const rig = await startRig({
    ...options,
    change(config) {
      const { server, caFile } = provider;
      (config.connections as object[]).push(
        { name: "claude", kind: "anthropic", server, caFile, credential: { keyFile } },
        { name: "gpt", kind: "openai", server, caFile, credential: { keyFile } },
      );
      config.policy = { ...(config.policy as object), bundle };
      options.change?.(config);
    },
  });
  const dispatcher = new Agent({ connect: { ca: readFileSync(rig.caFile, "utf8") } });
  return Object.assign(rig, {
    provider,
    dispatcher,
    base: (name: "claude" | "gpt") => `${rig.gateway.url}/connections/${name}`,
    close: closing(rig, async () => {
      await dispatcher.destroy();
      await provider.close();
      rmSync(directory, { recursive: true, force: true });
    }),
  });
}

function closing({ close }: Rig, then: () => Promise<void>): () => Promise<void> {
  return async () => {
    await close();
    await then();
  };
}

/** A token of a session of its own: an ID token is a session by itself, and two of one second are the same one. */
export async function newSession(rig: Rig, login = "agent"): Promise<string> {
  const body = {
    grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
    subject_token: await rig.token(login),
    subject_token_type: "urn:ietf:params:oauth:token-type:id_token",
  };
  return String((await send(rig, "POST", "/session", { body })).json?.access_token);
}
