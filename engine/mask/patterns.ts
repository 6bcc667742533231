import { databasePasswords } from "./database-urls.ts";
import { base64At } from "./encodings.ts";

/** Kinds of values that are told by what they look like, wherever they stand (`patterns` of guardrails.yaml). */
export const PATTERNS = ["private-key", "jwt", "cloud-key", "database-url"] as const;
export type Pattern = (typeof PATTERNS)[number];

/** Half-open, in characters. */
export interface Match {
  start: number;
  end: number;
}

/**
 * Each finder is linear in its text, whatever the text: expressions begin with a literal and have bounded
 * quantifiers, and what has no bound is walked by hand. An agent may have written what is searched.
 */
type Finder = (text: string) => Match[];

/** A field's name says what a value without a shape of its own is: AWS's secret keys are 40 characters of base64. */
const SECRET_KEY_NAME = /secret[_-]?access[_-]?key/i;
const SECRET_KEY = /^[A-Za-z0-9/+]{40}$/;

const BEGIN = /-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----/g;
const END = /-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----/g;

function matchesOf(shape: RegExp, text: string): Match[] {
  return [...text.matchAll(shape)].map((match) => ({ start: match.index, end: match.index + match[0].length }));
}

/** From its header to its footer, or to the end of the text where that was cut off. */
function privateKeys(text: string): Match[] {
  const found: Match[] = [];
  BEGIN.lastIndex = 0;
  for (let begin = BEGIN.exec(text); begin !== null; begin = BEGIN.exec(text)) {
    END.lastIndex = BEGIN.lastIndex;
    const footer = END.exec(text);
    const end = footer === null ? text.length : footer.index + footer[0].length;
    found.push({ start: begin.index, end });
    BEGIN.lastIndex = end;
  }
  return [...found, ...matchesOf(/AGE-SECRET-KEY-1[0-9A-Z]{58}/g, text), ...encodedPrivateKeys(text)];
}

/** A PEM inside longer text as base64, as in a kubeconfig's client-key-data: the base64 of `-----BEGIN `. */
const ENCODED_PEM = "LS0tLS1CRUdJTi";
const BASE64_RUN = /[A-Za-z0-9+/]*={0,2}/y;

function encodedPrivateKeys(text: string): Match[] {
  const found: Match[] = [];
  for (let at = text.indexOf(ENCODED_PEM); at >= 0; at = text.indexOf(ENCODED_PEM, BASE64_RUN.lastIndex)) {
    BASE64_RUN.lastIndex = at;
    const [run] = BASE64_RUN.exec(text) ?? [ENCODED_PEM];
    BASE64_RUN.lastIndex = at + run.length;
    if (Buffer.from(run, "base64").includes("PRIVATE KEY-----")) found.push({ start: at, end: at + run.length });
  }
  return found;
}

const TOKEN_RUN = /[A-Za-z0-9_.-]{20,}/g;

/** JWS and JWE in compact form (RFC 7515, RFC 7516): the header is JSON, so it begins with the base64 of `{"`. */
function jwts(text: string): Match[] {
  const found: Match[] = [];
  for (const run of text.matchAll(TOKEN_RUN)) {
    const parts = run[0].split(".");
    let at = run.index;
    for (let i = 0; i < parts.length; i++) {
      const part = parts[i] as string;
      const header = part.indexOf("eyJ");
      const rest = header < 0 || part.length - header < 12 ? 0 : signedOrEncrypted(parts, i);
      if (rest > 0) {
        const end = at + parts.slice(i, i + rest).join(".").length;
        found.push({ start: at + header, end });
        at = end + 1;
        i += rest - 1;
      } else at += part.length + 1;
    }
  }
  return found;
}

/** How many parts a token that begins with part `i` has; 0 where none does. */
function signedOrEncrypted(parts: readonly string[], i: number): number {
  if (parts[i + 1]?.startsWith("eyJ") === true && parts[i + 2] !== undefined) return 3;
  const encrypted = parts.slice(i + 2, i + 5);
  return encrypted.length === 3 && encrypted.every((part) => part.length >= 8) ? 5 : 0;
}

/** What the clouds', GitHub's, GitLab's and model providers' own documents say that their keys look like. */
const CLOUD_KEYS: readonly RegExp[] = [
  // AWS: access key ids (IAM identifiers), and the secret that stands behind its name.
  /(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}(?![A-Za-z0-9])/g,
  /(?<=secret[_-]?access[_-]?key\\?["']?[ \t]{0,8}[:=][ \t]{0,8}\\?["']?)[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+])/gi,
  // And Bedrock's long-term API keys, which are base64 of `BedrockAPIKey-`.
  /ABSKQmVkcm9ja0FQSUtleS[A-Za-z0-9+/]{60,200}={0,2}/g,
  // Google: API keys, OAuth access tokens and client secrets, and the id of a service account's key (its key is a PEM).
  // What stands in the middle of base64 is none: one image of a megabyte in sixteen has these four letters somewhere.
  /(?<![A-Za-z0-9+/])AIza[A-Za-z0-9_-]{35}/g,
  /(?<![A-Za-z0-9+/])ya29\.[A-Za-z0-9_-]{20,1024}/g,
  /GOCSPX-[A-Za-z0-9_-]{28}/g,
  /(?<=private_key_id\\?"[ \t]{0,8}:[ \t]{0,8}\\?")[0-9a-f]{40}/g,
  // Azure: storage and Service Bus keys in connection strings, the signature of a SAS, Entra client secrets.
  /(?<=AccountKey=)[A-Za-z0-9+/]{86}==/g,
  /(?<=SharedAccessKey=)[A-Za-z0-9+/]{43}=/g,
  /(?<=[?&]sig=)[A-Za-z0-9%+/]{43,64}(?:%3D|=){0,2}/gi,
  /[A-Za-z0-9_~.-]{3}[78]Q~[A-Za-z0-9_~.-]{31,34}/g,
  // GitHub, GitLab, DigitalOcean, Slack (tokens and webhooks), Anthropic, OpenAI, npm, Vault, Stripe and Hugging Face.
  /gh[pousr]_[A-Za-z0-9]{36,255}/g,
  /github_pat_[A-Za-z0-9_]{22,255}/g,
  /gl(?:pat|ptt|dt|rt|soat)-[A-Za-z0-9_-]{20,64}/g,
  /do[opr]_v1_[0-9a-f]{64}/g,
  /sk-(?:ant|proj|svcacct|admin)-[A-Za-z0-9_-]{20,250}/g,
  /sk-[A-Za-z0-9]{20}T3BlbkFJ[A-Za-z0-9]{20}/g,
  /xox[abeoprs]-(?:\d-)?[A-Za-z0-9-]{20,250}/g,
  /xapp-\d-[A-Za-z0-9-]{20,250}/g,
  /(?<=hooks\.slack\.com\/(?:services|workflows|triggers)\/)[A-Z0-9]{8,16}(?:\/[A-Za-z0-9]{6,40}){1,3}/g,
  /npm_[A-Za-z0-9]{36}/g,
  /hv[sb]\.[A-Za-z0-9_-]{24,250}/g,
  /(?:sk|rk)_live_[A-Za-z0-9]{20,250}/g,
  /(?<![A-Za-z0-9])hf_[A-Za-z]{34}/g,
];

/** A service account's JSON holds its key as PEM, so that whoever asks for cloud keys means private keys in such a file. */
const SERVICE_ACCOUNT = /"type\\?"\s{0,8}:\s{0,8}\\?"service_account/;

function cloudKeys(text: string): Match[] {
  const found = CLOUD_KEYS.flatMap((shape) => matchesOf(shape, text));
  return SERVICE_ACCOUNT.test(text) ? [...found, ...privateKeys(text)] : found;
}

const FINDERS: Record<Pattern, Finder> = {
  "private-key": privateKeys,
  jwt: jwts,
  "cloud-key": cloudKeys,
  "database-url": databasePasswords,
};

/** What every match of a pattern holds, to be looked for in bytes before anything is parsed. */
export const HINTS: Record<Pattern, readonly string[]> = {
  "private-key": ["PRIVATE KEY", "AGE-SECRET-KEY-1"],
  jwt: ["eyJ"],
  "cloud-key": [
    ...[
      "AKIA",
      "ASIA",
      "ABIA",
      "ACCA",
      "ABSK",
      "AIza",
      "ya29.",
      "GOCSPX-",
      "private_key",
      "AccountKey=",
      "SharedAccessKey=",
    ],
    ...[
      "sig=",
      "SIG=",
      "xoxa-",
      "xoxb-",
      "xoxe-",
      "xoxo-",
      "xoxp-",
      "xoxr-",
      "xoxs-",
      "xapp-",
      "slack.com/",
      "npm_",
      "hvs.",
    ],
    ...["hvb.", "_live_", "hf_", "T3BlbkFJ"],
    ...["7Q~", "8Q~", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "glptt-", "gldt-", "glrt-"],
    ...["glsoat-", "doo_v1_", "dop_v1_", "dor_v1_", "sk-ant-", "sk-proj-", "sk-svcacct-", "sk-admin-"],
    ...["service_account"],
  ],
  // Some write the slashes of a URL in escapes.
  "database-url": ["://", ":\\/\\/", "jdbc:"],
};

/**
 * The parts of a text that look like one of these, in order and merged where they overlap. `name` is the key under
 * which the text stands, or the name beside it, as of an env.
 */
export function findPatterns(text: string, patterns: readonly Pattern[], name = ""): Match[] {
  if (text.length < 16) return [];
  if (patterns.includes("cloud-key") && SECRET_KEY_NAME.test(name) && SECRET_KEY.test(text.trim())) {
    return [{ start: 0, end: text.length }];
  }
  const found = patterns.flatMap((pattern) => FINDERS[pattern](text)).sort((a, b) => a.start - b.start);
  const merged: Match[] = [];
  for (const match of found) {
    const last = merged.at(-1);
    if (last !== undefined && match.start <= last.end) last.end = Math.max(last.end, match.end);
    else merged.push({ ...match });
  }
  return merged;
}

/** Whether a value under this name may be told by its name alone; an env's value stands under `value`. */
export function namesSecret(name: string, patterns: readonly Pattern[]): boolean {
  return patterns.includes("cloud-key") && (name === "value" || SECRET_KEY_NAME.test(name));
}

/** Whether a JSON value holds a string that matches under some name, as it is or in base64. */
export function holdsPattern(value: unknown, patterns: readonly Pattern[]): boolean {
  const json = JSON.stringify(value) ?? "";
  const decoded = json.replace(/[A-Za-z0-9+/]{16,}={0,2}/g, (run) => Buffer.from(run, "base64").toString("latin1"));
  const named = patterns.includes("cloud-key") && /"[A-Za-z0-9/+]{40}"/.test(json);
  return named || findPatterns(json, patterns).length > 0 || findPatterns(decoded, patterns).length > 0;
}

export function isPattern(name: string): name is Pattern {
  return (PATTERNS as readonly string[]).includes(name);
}

/** As text, and the middle of their base64 at each alignment. */
const HINT_FORMS = Object.fromEntries(
  PATTERNS.map((pattern) => [
    pattern,
    HINTS[pattern].flatMap((hint) => [hint, ...[0, 1, 2].map((offset) => base64At(Buffer.from(hint), offset))]),
  ]),
) as Record<Pattern, string[]>;

/** What cloud keys without a shape of their own stand behind, and base64 that may hold such a text. */
const MAY_BE_NAMED = /secret[_-]?access[_-]?key|sig=|"[A-Za-z0-9+/]{56,}={0,2}"/i;

/** Whether the JSON of an object may hold a match, as it is or in base64: false only where certain. */
export function mayHoldPattern(json: Buffer, patterns: readonly Pattern[]): boolean {
  return patterns.some(
    (pattern) =>
      HINT_FORMS[pattern].some((hint) => json.includes(hint)) ||
      (pattern === "cloud-key" && MAY_BE_NAMED.test(json.toString("latin1"))),
  );
}
