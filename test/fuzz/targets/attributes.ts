import { narrowAccept } from "../../../kubernetes/accept.ts";
import { requestAttributes } from "../../../kubernetes/attributes.ts";
import { deleteOptions } from "../../../kubernetes/body/options.ts";
import type { RequestAttributes } from "../../../kubernetes/types.ts";
import { mutateText } from "../mutate.ts";
import { Oracle } from "../oracle.ts";
import { Random } from "../random.ts";
import { type SeedRequest as Seed, seedRequests } from "../seeds.ts";
import { attempt, crash, difference, emptyTally } from "../tally.ts";
import type { FuzzTarget, Tally } from "../target.ts";

const METHODS = ["GET", "GET", "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];
const PREFIXES = [
  "/api/v1",
  "/api/v1",
  "/apis/apps/v1",
  "/apis/batch/v1",
  "/apis/example.com/v1alpha1",
  "/api",
  "/apis",
  "/version",
];
const RESOURCES = [
  "pods",
  "secrets",
  "namespaces",
  "nodes",
  "deployments",
  "widgets",
  "watch",
  "proxy",
  "finalize",
  "status",
];
const NAMES = [
  "a",
  "kube-system",
  "web-0",
  "a.b",
  "status",
  "finalize",
  "namespaces",
  "watch",
  "proxy",
  "%61",
  "a%20b",
  "x:y",
  "a+b",
  "é",
];
const SUBRESOURCES = [
  "status",
  "scale",
  "exec",
  "attach",
  "portforward",
  "proxy",
  "log",
  "ephemeralcontainers",
  "binding",
  "token",
];
const KEYS = [
  ...[
    "watch",
    "dryRun",
    "fieldSelector",
    "labelSelector",
    "limit",
    "continue",
    "timeoutSeconds",
    "resourceVersion",
    "command",
  ],
  ...[
    "container",
    "stdin",
    "tty",
    "gracePeriodSeconds",
    "propagationPolicy",
    "orphanDependents",
    "uid",
    "fieldManager",
    "force",
  ],
  ...[
    "fieldValidation",
    "follow",
    "pretty",
    "allowWatchBookmarks",
    "sendInitialEvents",
    "resourceVersionMatch",
    "Watch",
    "watc%68",
  ],
  ...["ignoreStoreReadErrorWithClusterBreakingPotential", "shardSelector"],
];
const VALUES = [
  ...[
    "",
    "1",
    "0",
    "true",
    "false",
    "True",
    "FALSE",
    "f",
    "All",
    "all",
    "-1",
    "+1",
    "9223372036854775808",
    "1e3",
    "0x1",
  ],
  ...[
    "metadata.name%3Da",
    "metadata.name=a",
    "metadata.name==b,metadata.namespace=x",
    "metadata.name!=a",
    "metadata.name=a%5C,b",
  ],
  ...[
    "metadata.name=",
    "metadata.name=..",
    "a",
    "a=b",
    "a+in+(b,c)",
    "%21a",
    "sh",
    "-c",
    "a%26b",
    "a%3Bb",
    "Background",
    "Strict",
    "spec.nodeName=n",
  ],
];
const TOKENS = [
  ..."/?&=%;,+.:#!~*'()".split(""),
  ...[
    "%2F",
    "%2f",
    "%20",
    "%25",
    "%00",
    "%c3%a9",
    "%C3",
    "%zz",
    "//",
    "/./",
    "/../",
    "api",
    "apis",
    "v1",
    "namespaces",
    "watch",
    "proxy",
  ],
  ...["status", "watch=true", "dryRun=All", "&command=", "metadata.name=", "\\", "\\,", "%5C", "%2C", "=="],
];
const TYPES = [
  "application/json",
  "application/yaml",
  "application/vnd.kubernetes.protobuf",
  "application/cbor",
  "*/*",
  "application/*",
];
const PARAMETERS = [
  ";as=Table;v=v1;g=meta.k8s.io",
  ";as=PartialObjectMetadata;g=meta.k8s.io;v=v1",
  ";q=0.5",
  ";q=0.9",
  ";q=0",
  ";stream=watch",
  "; charset=utf-8",
];
const PATCHES = [
  "json-patch+json",
  "merge-patch+json",
  "strategic-merge-patch+json",
  "apply-patch+yaml",
  "apply-patch+cbor",
  "json",
];

function query(random: Random): string {
  const pairs = Array.from({ length: random.below(5) }, () => `${random.pick(KEYS)}=${random.pick(VALUES)}`);
  if (pairs.length > 0 && random.chance(0.3)) pairs.push(`${pairs[0]?.split("=")[0]}=${random.pick(VALUES)}`);
  return pairs.length === 0 ? "" : `?${pairs.join("&")}`;
}

function target(random: Random): string {
  const parts = [random.pick(PREFIXES)];
  if (random.chance(0.1)) parts.push(random.pick(["watch", "proxy"]));
  if (random.chance(0.6)) parts.push("namespaces", random.pick(NAMES));
  if (random.chance(0.9)) parts.push(random.pick(RESOURCES));
  if (random.chance(0.5)) parts.push(random.pick(NAMES));
  if (random.chance(0.3)) parts.push(random.pick(SUBRESOURCES));
  if (random.chance(0.1)) parts.push(random.pick(NAMES));
  return `${parts.join("/")}${random.chance(0.05) ? "/" : ""}${query(random)}`;
}

function accept(random: Random): string {
  const clause = (): string => random.pick(TYPES) + (random.chance(0.4) ? random.pick(PARAMETERS) : "");
  const made = Array.from({ length: 1 + random.below(3) }, clause).join(random.pick([",", ", "]));
  return random.chance(0.1) ? mutateText(random, made, [";", ",", "/", "*", "=", "q=", " "]) : made;
}

function generate(random: Random): Required<Seed> {
  const recorded = random.chance(0.4) ? random.pick(seedRequests()) : undefined;
  let path = recorded?.target ?? target(random);
  if (random.chance(0.35)) path = mutateText(random, path, TOKENS, 2);
  const contentType = `application/${random.pick(PATCHES)}${random.chance(0.3) ? random.pick(["; charset=utf-8", ";", " ;", ";;"]) : ""}`;
  return {
    method: recorded !== undefined && random.chance(0.7) ? recorded.method : random.pick(METHODS),
    target: path,
    accept: recorded?.accept !== undefined && random.chance(0.5) ? recorded.accept : accept(random),
    contentType: recorded?.contentType ?? contentType,
  };
}

interface Answer {
  unread?: string;
  error?: string;
  queryError?: string;
  query: Record<string, string[]> | null;
  options?: Record<string, unknown>;
  optionsError?: string;
  dryRun: string[] | null;
  dryRunValid: boolean;
  exec: { command: string[] | null; container: string; stdin: boolean; tty: boolean };
  accepted: { mediaType: string; as: string } | null;
  [field: string]: unknown;
}

const SAME = [
  ...["path", "nonResource", "verb", "apiPrefix", "group", "version", "resource", "subResource", "namespace", "name"],
  ...["fieldSelector", "labelSelector"],
] as const;

const show = (value: unknown): string => JSON.stringify(value);
/** By the names in order: Go's maps and ours keep theirs differently. */
const sorted = (value: object): string => show(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));

/** What the two say differently of one request, in words. */
function compare(ours: RequestAttributes, go: Answer): string[] {
  if (go.unread !== undefined || go.error !== undefined) return [`the API server refuses it: ${go.unread ?? go.error}`];
  const found: string[] = [];
  const say = (what: string, a: unknown, b: unknown): void => {
    if (show(a) !== show(b)) found.push(`${what}: ${show(a)}, and the API server says ${show(b)}`);
  };
  // A list whose options do not decode is a 400 to everybody, whichever name its selector would have pinned.
  const is400 = go.optionsError !== undefined && !ours.nonResource && ["list", "watch"].includes(ours.verb);
  for (const field of SAME) if (field !== "name" || !is400) say(field, ours[field], go[field]);
  if (go.queryError !== undefined) found.push(`the API server drops a part of the query: ${go.queryError}`);
  say("query", sorted(ours.query), sorted(go.query ?? {}));
  say("watch", ours.watch, go.verb === "watch" && !ours.nonResource);
  say("patchType", ours.patchType, ours.method === "PATCH" ? String(go.patchType).replace("-cbor", "") : "");
  if (go.optionsError !== undefined) return found;
  if (ours.exec !== undefined) say("exec", ours.exec, { ...go.exec, command: go.exec.command ?? [] });
  if (go.options === undefined || ours.operation === "CONNECT" || ours.operation === "") return found;
  // What the server refuses as invalid is judged as if it were no dry run.
  say("dryRun", ours.dryRun, go.dryRunValid && (go.dryRun ?? []).length > 0);
  // Each of the options is judged by its own rule; the server leaves out what is not set.
  const options = Object.entries(deleteOptions(ours, null)).filter(([, value]) => !isZero(value));
  const theirs = Object.entries(go.options).filter(([key, value]) => !isZero(value) && key in KNOWN);
  const known = options.filter(([key]) => ours.operation === "DELETE" || !DELETE_ONLY.has(key));
  const held = known
    .filter(([key]) => key !== "force" || ours.verb === "patch")
    .filter(([key]) => ours.operation !== "DELETE" || !WRITE_ONLY.has(key));
  say("options", sorted(Object.fromEntries(held)), sorted(Object.fromEntries(theirs)));
  return found;
}

const KNOWN: Record<string, true> = Object.fromEntries(
  [
    "dryRun",
    "gracePeriodSeconds",
    "propagationPolicy",
    "orphanDependents",
    "fieldManager",
    "fieldValidation",
    "force",
    "preconditions",
  ].map((key) => [key, true]),
);
const DELETE_ONLY = new Set(["gracePeriodSeconds", "propagationPolicy", "orphanDependents", "preconditions"]);
const WRITE_ONLY = new Set(["fieldManager", "fieldValidation"]);
const isZero = (value: unknown): boolean => value === "" || value === undefined || value === null;

const RENDERED: Record<string, string> = {
  "application/json": "json",
  "application/yaml": "yaml",
  "application/vnd.kubernetes.protobuf": "protobuf",
  "application/cbor": "cbor",
};

/** JSON is what a client gets that takes it, though the server would prefer another; else we pick what the server does. */
function compareAccept(header: string, go: Answer): string[] {
  const ours = narrowAccept(header);
  const show = (what: string): string[] => [`accept: ${JSON.stringify(ours)} and the API server ${what}`];
  if (ours === undefined || go.accepted === null) {
    return ours === undefined && go.accepted === null ? [] : show(`picks ${JSON.stringify(go.accepted)}`);
  }
  const { mediaType, as } = go.accepted;
  if (ours.render !== "json" && RENDERED[mediaType] !== ours.render) return show(`picks ${mediaType}`);
  if (RENDERED[mediaType] !== ours.render) return [];
  const [, kind = "", version = ""] = /^application\/json(?:;as=(\w+);v=(\w+);g=meta.k8s.io)?/.exec(ours.accept) ?? [];
  const first = kind === "" ? "" : `${kind}.${version}`;
  return first === as ? [] : show(`picks ${as}`);
}

/** Defect: of a repeated `watch`, the last counts. */
function planted(method: string, path: string, headers: Record<string, string>): RequestAttributes {
  const mark = path.indexOf("?");
  const reversed =
    mark < 0
      ? path
      : `${path.slice(0, mark)}?${path
          .slice(mark + 1)
          .split("&")
          .reverse()
          .join("&")}`;
  const { verb, watch } = requestAttributes(method, reversed, headers);
  return { ...requestAttributes(method, path, headers), verb, watch };
}

const raw = (seed: Required<Seed>): string =>
  `${seed.method} ${seed.target} HTTP/1.1\r\nHost: kubernetes\r\nAccept: ${seed.accept}\r\nContent-Type: ${seed.contentType}\r\n\r\n`;

async function run(oracle: Oracle, subject: typeof requestAttributes, cases: number, seed: number): Promise<Tally> {
  const random = new Random(seed);
  const tally = { ...emptyTally(), cases };
  const made = Array.from({ length: cases }, () => generate(random));
  const answers = await oracle.ask<Answer>(
    made.map((one) => ({ head: Buffer.from(raw(one), "utf8").toString("base64") })),
  );
  made.forEach((one, i) => {
    const headers = { accept: one.accept, "content-type": one.contentType };
    const outcome = attempt(
      () => subject(one.method, one.target, headers),
      () => raw(one),
    );
    if ("crash" in outcome) {
      crash(tally, outcome.crash);
      return;
    }
    if ("refusal" in outcome) {
      tally.refused++;
      return;
    }
    tally.accepted++;
    const go = answers[i] as Answer;
    const found = [...compare(outcome.value, go), ...compareAccept(one.accept.trim(), go)];
    if (found.length > 0) difference(tally, `${raw(one)}${found.join("\n")}`);
  });
  return tally;
}

/** Request attributes beside RequestInfoFactory, net/http and the option decoders of the API server. */
const attributes: FuzzTarget = {
  name: "attributes",
  plant: "of a repeated watch parameter, the last counts and not the first",
  async open(options) {
    const oracle = await Oracle.open("oracle-attributes");
    const subject = options.planted ? (planted as typeof requestAttributes) : requestAttributes;
    return {
      run: (cases, seed) => run(oracle, subject, cases, seed),
      close: () => oracle.close(),
    };
  },
};
export default attributes;
