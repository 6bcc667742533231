import { canonicalJson } from "../base/canonical-json.ts";
import { rfc3339 } from "../base/clock.ts";
import type { ExceptionLimits, Guardrails } from "../base/config/guardrails.ts";
import { ConfigError } from "../base/config/issues.ts";
import { sha256 } from "../base/digest.ts";
import { errorMessage, UserError } from "../base/errors.ts";
import { type Log, silentLog } from "../base/log.ts";
import { uuid7 } from "../base/uuid7.ts";
import type { Bundle } from "./bundle/bundle.ts";
import { aboutOf } from "./bundle/metadata.ts";
import { idleGroups } from "./bundle/quiet.ts";
import type { Decision, Need, Policy, Revision, RuleWords } from "./decision.ts";
import { oddity, type Verdict } from "./decision-shape.ts";
import { guardrailsIssues } from "./guardrails-issues.ts";
import type { DialogueInput, PolicyInput } from "./input.ts";
import { needsIndex, needsOfRule } from "./needs.ts";
import { projection } from "./project.ts";
import { DEFAULT_LIMITS, DeadlineError, type EvaluationWorker, sharedWorker } from "./wasm/evaluation-worker.ts";
import { jsonBuffer, PolicyInstance, type Program } from "./wasm/instance.ts";
import { compiledModule } from "./wasm/modules.ts";

export interface PolicyOptions {
  bundle: Bundle;
  guardrails: Guardrails;
  /** Where the guardrails were read, for what is said of their mistakes. */
  guardrailsFile?: string;
  log?: Log;
  /** Resources whose objects hold a pod template, as `group/resource`; the built-in ones where absent. */
  podTemplateResources?: readonly string[];
  /** Inputs of more bytes are evaluated in the worker. A hop costs more than a small evaluation. */
  inlineBytes?: number;
  /** 250 where absent, plus 100 for each megabyte of input. */
  deadlineMs?: number;
  worker?: EvaluationWorker;
  /** Of the smoke decision; 5,000 where absent. */
  smokeMs?: number;
}

const INLINE_BYTES = 32 * 1024;
/** A megabyte of small values takes 25 ms to read on an idle core; a busy one gets four times that. */
const BYTES_PER_MS = 10_000;
/** The smoke decision: it comes before anything was warmed up, on a machine that may be busy. */
const SMOKE_MS = 5000;

/**
 * Makes a policy of a bundle and guardrails: a WASM instance of its own, with its data set once. Throws a
 * ConfigError where the guardrails name what the bundle doesn't have, and a UserError (exit 1) where its smoke
 * decision isn't a well-formed one, so that neither ever serves.
 */
export async function createPolicy(options: PolicyOptions): Promise<Policy> {
  const { bundle, guardrails } = options;
  const mistakes = guardrailsIssues(guardrails, bundle.rules);
  if (mistakes.length > 0) throw new ConfigError(options.guardrailsFile ?? "guardrails", mistakes);
  const dataJson = canonicalJson({ rules: bundle.rules, guardrails, idle: idleGroups(bundle.rules, guardrails) });
  const revision: Revision = {
    bundle: bundle.revision,
    guardrails: sha256(canonicalJson(guardrails)).slice(0, 16),
  };
  const program: Program = {
    key: `${bundle.digest}/${sha256(dataJson)}`,
    module: await compiledModule(bundle),
    data: jsonBuffer(dataJson),
  };
  const worker = options.worker ?? sharedWorker();
  await smoke(program, worker, revision, options.smokeMs ?? SMOKE_MS);
  return new CompiledPolicy(program, revision, worker, options);
}

/** In the worker, so that a policy which loops on anything stalls nobody. */
async function smoke(
  program: Program,
  worker: EvaluationWorker,
  revision: Revision,
  deadlineMs: number,
): Promise<void> {
  const refuse = (why: string): UserError =>
    new UserError(`the policy ${revision.bundle}/${revision.guardrails} fails its smoke decision: ${why}`, {
      exitCode: 1,
      next: "Try it with `sallyport policy test`.",
    });
  let result: unknown;
  try {
    result = await worker.evaluate(program, jsonBuffer(JSON.stringify(SMOKE_INPUT)), deadlineMs);
  } catch (error) {
    throw refuse(errorMessage(error));
  }
  const wrong = result === undefined ? "it is undefined" : oddity(result);
  if (wrong !== undefined) throw refuse(wrong);
}

class CompiledPolicy implements Policy {
  readonly revision: Revision;
  readonly digest: string;
  readonly exceptionLimits: ExceptionLimits;
  readonly needs: Policy["needs"];
  readonly #rules: Bundle["rules"];
  readonly #program: Program;
  readonly #instance: PolicyInstance;
  readonly #worker: EvaluationWorker;
  readonly #log: Log;
  readonly #project: (input: PolicyInput) => PolicyInput;
  readonly #deadlineMs: number;
  #inlineBytes: number;

  constructor(program: Program, revision: Revision, worker: EvaluationWorker, options: PolicyOptions) {
    this.revision = revision;
    this.digest = options.bundle.digest;
    this.exceptionLimits = options.guardrails.exceptions;
    this.needs = needsIndex(options.bundle.rules, options.guardrails, options.podTemplateResources);
    this.#rules = options.bundle.rules;
    this.#program = program;
    this.#instance = new PolicyInstance(program);
    this.#worker = worker;
    this.#log = options.log ?? silentLog;
    this.#project = projection(options.bundle, idleGroups(options.bundle.rules, options.guardrails));
    this.#deadlineMs = options.deadlineMs ?? DEFAULT_LIMITS.deadlineMs;
    this.#inlineBytes = options.inlineBytes ?? INLINE_BYTES;
  }

  needsOf(rule: string): readonly Need[] {
    const known = Object.hasOwn(this.#rules, rule) ? this.#rules[rule] : undefined;
    return known === undefined ? [] : needsOfRule(known);
  }

  about(rule: string): { requests: boolean; dialogues: boolean } | undefined {
    const known = Object.hasOwn(this.#rules, rule) ? this.#rules[rule] : undefined;
    return known === undefined ? undefined : aboutOf(known);
  }

  describe(rule: string): RuleWords | undefined {
    const known = Object.hasOwn(this.#rules, rule) ? this.#rules[rule] : undefined;
    return known === undefined ? undefined : { title: known.title, remediation: known.remediation };
  }

  decide(input: PolicyInput | DialogueInput): Decision | Promise<Decision> {
    try {
      const json = JSON.stringify(input.request === undefined ? input : this.#project(input));
      const buffer = json.length > this.#inlineBytes ? undefined : jsonBuffer(json);
      if (buffer === undefined || buffer.byteLength > this.#inlineBytes) return this.#decideInWorker(json);
      const started = performance.now();
      const result = this.#instance.evaluate(buffer);
      // It cannot be interrupted here. A busy machine is late as well, so that the worker is asked whose fault it was.
      if (performance.now() - started > this.#deadlineMs) return this.#decideInWorker(json, true);
      return this.#decision(result);
    } catch (error) {
      return this.#failed(error);
    }
  }

  /** `wasLate`: it was too slow inline. Where it is too slow here as well, this policy is evaluated inline no more. */
  async #decideInWorker(json: string, wasLate = false): Promise<Decision> {
    try {
      const buffer = jsonBuffer(json);
      const deadlineMs = this.#deadlineMs + buffer.byteLength / BYTES_PER_MS;
      return this.#decision(await this.#worker.evaluate(this.#program, buffer, deadlineMs));
    } catch (error) {
      // From now on this policy stalls no one but its own worker. A large input that came here at once says nothing of small ones.
      if (wasLate && error instanceof DeadlineError) this.#inlineBytes = 0;
      return this.#failed(error);
    }
  }

  #decision(result: unknown): Decision {
    const wrong = result === undefined ? "the result is undefined" : oddity(result);
    if (wrong !== undefined) throw new Error(wrong);
    const { effect, findings, approval, mask, record } = result as Verdict;
    return { decisionId: uuid7(), revision: this.revision, effect, findings, approval, mask, record };
  }

  /** The caller hears that policy failed; what went wrong in it is for the operator. */
  #failed(error: unknown): Decision {
    const decisionId = uuid7();
    this.#log.error("policy failed, and the request is denied", {
      decisionId,
      revision: `${this.revision.bundle}/${this.revision.guardrails}`,
      error: errorMessage(error),
    });
    const why = error instanceof DeadlineError ? "took too long" : "failed";
    return {
      decisionId,
      revision: this.revision,
      effect: "deny",
      findings: [
        {
          rule: "request/policy-failed",
          effect: "deny",
          message: `the evaluation of the policy ${why}, and what cannot be judged is denied`,
          severity: "high",
          ids: [],
          fields: [],
          privileged: false,
          absolute: true,
        },
      ],
      approval: null,
      mask: [],
      record: "Metadata",
    };
  }
}

/** A benign read that any policy has an answer to. */
const SMOKE_INPUT: PolicyInput = {
  now: rfc3339(0),
  session: { id: "smoke", startedAt: rfc3339(0), agent: "", reason: "", owner: { issuer: "smoke", username: "smoke" } },
  user: { issuer: "smoke", username: "smoke", uid: "", groups: [], roles: [], extra: {} },
  connection: { name: "smoke", kind: "kubernetes", labels: {} },
  request: {
    uid: "smoke",
    verb: "get",
    operation: "",
    path: "/api/v1/namespaces/default/configmaps/smoke",
    query: {},
    nonResource: false,
    kind: { group: "", version: "v1", kind: "ConfigMap" },
    resource: { group: "", version: "v1", resource: "configmaps" },
    subResource: "",
    namespace: "default",
    name: "smoke",
    fieldSelector: "",
    labelSelector: "",
    dryRun: false,
    options: {},
    patchType: "",
    contentType: "",
    userAgent: "",
    sourceIP: "127.0.0.1",
    digest: "",
  },
  exceptions: [],
};
