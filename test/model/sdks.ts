import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import { fetch as undiciFetch } from "undici";
import type { ModelRig } from "./rig.ts";

/** fetch that trusts the gateway's certificate. */
export function trusting({ dispatcher }: ModelRig): typeof fetch {
  return ((url: string, init: object) => undiciFetch(url, { ...init, dispatcher })) as unknown as typeof fetch;
}

/** The official clients as an agent has them: the gateway's URL, and a session token where the key would be. */
export function anthropicOf(rig: ModelRig, token: string): Anthropic {
  return new Anthropic({ baseURL: rig.base("claude"), authToken: token, apiKey: null, fetch: trusting(rig) });
}

export function openaiOf(rig: ModelRig, token: string): OpenAI {
  return new OpenAI({ baseURL: `${rig.base("gpt")}/v1`, apiKey: token, fetch: trusting(rig) });
}
