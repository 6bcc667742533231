import { readFile } from "node:fs/promises";
import { UserError } from "../../base/errors.ts";
import { parseLossless } from "../../base/lossless-json.ts";
import type { KubernetesObject } from "../../engine/input.ts";
import { type ExplainRequest, explain } from "../../proxy/explain/explain.ts";
import { readRequestLine, requestOfLine } from "../../proxy/explain/line.ts";
import type { Answer } from "../action.ts";
import { withProgress } from "../progress.ts";
import { type Candidate, type CandidateOptions, openCandidate } from "./candidate.ts";
import { explainBatch, openBatch } from "./explain-batch.ts";
import { type Explained, explained } from "./explained.ts";
import { kubectlRequests } from "./kubectl-request.ts";
import { parseObject } from "./parse-object.ts";
import { readInput } from "./read-input.ts";

export interface ExplainCommandOptions extends CandidateOptions {
  /** `true` for stdin, or a file. */
  batch?: string | true;
  /** METHOD and PATH. */
  request?: string[];
  contentType?: string;
  body?: string;
  /** A request of contracts §7 as JSON. */
  file?: string;
  oldObject?: string;
  decision?: string;
  config?: string;
  user?: string;
  group: string[];
  connection?: string;
  namespaceLabel: string[];
}

/** `sallyport policy explain`: what the policy says to one request, or to many, and why. */
export async function explainCommand(
  args: readonly string[],
  options: ExplainCommandOptions,
): Promise<Answer | undefined> {
  const ways = [args.length > 0, options.batch, options.request, options.file, options.decision].filter(Boolean).length;
  if (ways !== 1) {
    throw new UserError(ways === 0 ? "there is nothing to explain" : "more than one thing is to be explained", {
      exitCode: 2,
      next: "`policy explain -- create -f pod.yaml -n shop`, `--request METHOD PATH`, `--file F`, `--decision ID`, or `--batch < requests.ndjson`.",
    });
  }
  const candidate = await withProgress("compiling rules", () => openCandidate(options));
  if (options.batch !== undefined) return batch(options.batch === true ? "-" : options.batch, candidate);
  if (options.decision !== undefined) {
    const { explainRecorded } = await import("./explain-recorded.ts");
    return explainRecorded(options.decision, candidate, options.config);
  }
  const facts = await factsOf(options);
  const requests = (await requestsOf(args, options)).map((request) => ({ ...request, ...facts }));
  const answers = [];
  for (const request of requests) {
    answers.push(await explained(request, await explain(request, candidate.policy), candidate));
  }
  return answerOf(answers);
}

/** As one answer: one request is an object, several (a file of several documents) a list. Exit 1 where one does not pass. */
function answerOf(answers: readonly Explained[]): Answer {
  const passes = answers.every(({ json }) => json.effect === "allow");
  return {
    json: answers.length === 1 ? answers[0]?.json : { items: answers.map(({ json }) => json) },
    text: answers.map(({ text }) => text).join("\n\n"),
    exitCode: passes ? 0 : 1,
  };
}

async function requestsOf(args: readonly string[], options: ExplainCommandOptions): Promise<ExplainRequest[]> {
  if (args.length > 0) return kubectlRequests(args);
  if (options.file !== undefined) {
    const read = readRequestLine(await readInput(options.file, (file) => readFile(file, "utf8")));
    if ("error" in read) throw new UserError(`${options.file} is no request: ${read.error}`, { exitCode: 2 });
    return [requestOfLine(read.line)];
  }
  const [method = "", path = ""] = options.request ?? [];
  if (path === "") throw new UserError("--request takes a METHOD and a PATH", { exitCode: 2 });
  const body = options.body === undefined ? undefined : await readInput(options.body, (file) => readFile(file));
  return [
    {
      method: method.toUpperCase(),
      path,
      ...(body === undefined ? {} : { body }),
      ...contentTypeOf(options),
    },
  ];
}

function contentTypeOf({ contentType, body }: ExplainCommandOptions): Pick<ExplainRequest, "contentType"> {
  if (contentType !== undefined) return { contentType };
  return body !== undefined && /\.ya?ml$/.test(body) ? { contentType: "application/yaml" } : {};
}

/** Who asks and what is stored, where the command line says it. */
async function factsOf(options: ExplainCommandOptions): Promise<Partial<ExplainRequest>> {
  const { user, group, connection, namespaceLabel, oldObject } = options;
  const labels = namespaceLabel.map((label): [string, string] => {
    const equals = label.indexOf("=");
    if (equals < 1) throw new UserError(`--namespace-label ${label}: is no key=value`, { exitCode: 2 });
    return [label.slice(0, equals), label.slice(equals + 1)];
  });
  return {
    ...(user === undefined && group.length === 0 ? {} : { user: { username: user ?? "", groups: group } }),
    ...(connection === undefined ? {} : { connection: { name: connection } }),
    ...(labels.length === 0 ? {} : { namespaceLabels: Object.fromEntries(labels) }),
    ...(oldObject === undefined ? {} : { oldObject: await objectIn(oldObject) }),
  };
}

async function objectIn(file: string): Promise<KubernetesObject> {
  const text = await readInput(file, (path) => readFile(path, "utf8"));
  return parseObject(file, /\.ya?ml$/.test(file) ? undefined : parseLossless, text);
}

/** Streams: the answers are on stdout while the requests still come. What it took is told on stderr. */
async function batch(file: string, { policy }: Candidate): Promise<undefined> {
  const write = (text: string): Promise<void> =>
    new Promise((resolve, reject) => {
      process.stdout.write(text, (error) => (error == null ? resolve() : reject(error)));
    });
  const { answered, wrong, milliseconds } = await explainBatch(openBatch(file), policy, write);
  process.stderr.write(`${answered} requests in ${(milliseconds / 1000).toFixed(2)} s\n`);
  if (wrong > 0) {
    const lines = wrong === 1 ? "1 line is no request" : `${wrong} lines are no requests`;
    throw new UserError(`${lines}: the answer says why`, { exitCode: 2 });
  }
  return undefined;
}
