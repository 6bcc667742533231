import type { Finding } from "./leaks.ts";
import { isGatewayUrl, type Scene, withoutCredentials } from "./scene.ts";
import { unverifiedClaims } from "./tokens.ts";

interface Row {
  names: RegExp;
  /** Whether it is no leak, with this value. */
  isFine?: (value: string, scene: Scene) => boolean;
  /** What it is; never its value, unless that is a URL. */
  says: (value: string) => string;
  next: string;
}

const UNSET = "Unset it: the gateway holds the providers' keys, and takes a session token.";

/** A session token of this very gateway, as a client that knows no helper has it in place of its key. */
function isSessionToken(value: string, { gateway }: Scene): boolean {
  return gateway !== undefined && unverifiedClaims(value)?.iss === gateway;
}

/**
 * Variables that lead round the gateway. Claude Code's: its reference of environment variables and of `allowedProviders`;
 * AWS's, Google's and Azure's: the chains in which their SDKs look for credentials.
 */
export const VARIABLES: readonly Row[] = [
  {
    names: /^(?:ANTHROPIC_API_KEY|ANTHROPIC_AUTH_TOKEN|OPENAI_API_KEY)$/,
    isFine: isSessionToken,
    says: () => "holds a key that is no session token of the gateway",
    next: UNSET,
  },
  {
    names:
      /^(?:ANTHROPIC_(?:AWS|FOUNDRY)_API_KEY|CLAUDE_CODE_OAUTH_TOKEN|CODEX_API_KEY|(?:AZURE_OPENAI|COHERE|DEEPSEEK|GEMINI|GOOGLE|GROQ|MISTRAL|OPENROUTER|TOGETHER|XAI)_API_KEY)$/,
    says: () => "holds a key of a model provider",
    next: UNSET,
  },
  {
    names:
      /^AWS_(?:ACCESS_KEY_ID|SECRET_ACCESS_KEY|SESSION_TOKEN|BEARER_TOKEN_BEDROCK|WEB_IDENTITY_TOKEN_FILE|CONTAINER_CREDENTIALS_(?:FULL|RELATIVE)_URI|CONTAINER_AUTHORIZATION_TOKEN(?:_FILE)?)$/,
    says: () => "holds credentials of AWS, which open Bedrock and EKS",
    next: "Give the pod no role, and unset it.",
  },
  {
    names: /^(?:GOOGLE_APPLICATION_CREDENTIALS|GOOGLE_OAUTH_ACCESS_TOKEN|CLOUDSDK_AUTH_ACCESS_TOKEN)$/,
    says: () => "holds credentials of Google Cloud, which open Vertex AI and GKE",
    next: "Give the pod no service account of Google's, and unset it.",
  },
  {
    names: /^AZURE_(?:CLIENT_SECRET|CLIENT_CERTIFICATE_PATH|FEDERATED_TOKEN_FILE|PASSWORD)$/,
    says: () => "holds credentials of Azure, which open Foundry and AKS",
    next: "Give the pod no workload identity, and unset it.",
  },
  {
    names: /^CLAUDE_CODE_USE_(?:BEDROCK|VERTEX|FOUNDRY|MANTLE|ANTHROPIC_AWS)$/,
    isFine: (value) => /^(?:0|false|no|off)?$/i.test(value),
    says: () => "turns Claude Code to a cloud's own service, past ANTHROPIC_BASE_URL",
    next: 'Unset it, and list only "customEndpoint" in allowedProviders of the managed settings.',
  },
  {
    names:
      /^(?:ANTHROPIC(?:_AWS|_BEDROCK|_BEDROCK_MANTLE|_FOUNDRY|_VERTEX)?_BASE_URL|OPENAI_BASE_URL|OPENAI_API_BASE|AZURE_OPENAI_ENDPOINT)$/,
    isFine: (value, scene) => isGatewayUrl(scene, value),
    says: (value) => `is ${withoutCredentials(value)}, which is no connection of the gateway`,
    next: "Set it to the gateway's URL and /connections/<name>.",
  },
  {
    names: /^ANTHROPIC_UNIX_SOCKET$/,
    says: () => "sends Claude Code's requests to a socket in place of the gateway",
    next: "Unset it.",
  },
  {
    names: /^SALLYPORT_ADMIN_TOKEN_FILE$/,
    says: () => "names an approver's token: the agent could approve what it asked for",
    next: "Unset it, and don't mount the file: approving is for people, elsewhere.",
  },
  {
    names: /^NODE_TLS_REJECT_UNAUTHORIZED$/,
    isFine: (value) => value !== "0",
    says: () => "is 0: anybody on the way may pass for the gateway",
    next: "Unset it, and name the gateway's authority in NODE_EXTRA_CA_CERTS.",
  },
];

/** Of a process's environment, or of `env` in a settings file. An empty value is none. */
export function variableFindings(scene: Scene, env: Record<string, unknown>): Finding[] {
  return Object.entries(env).flatMap(([name, value]) => {
    if (typeof value !== "string" || value === "") return [];
    const row = VARIABLES.find(({ names }) => names.test(name));
    if (row === undefined || row.isFine?.(value, scene) === true) return [];
    return [{ detail: `${name} ${row.says(value)}`, next: row.next }];
  });
}
