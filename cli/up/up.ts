import { join, resolve } from "node:path";
import { errorMessage } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import type { Answer } from "../action.ts";
import { withProgress } from "../progress.ts";
import { colourFor } from "../style.ts";
import { type Environment, openEnvironment } from "./environment.ts";
import { playTour, renderStep, type StepResult } from "./tour.ts";

export interface UpOptions {
  once?: boolean;
  dir?: string;
  kubeconfig?: string;
  context?: string;
  port: number;
  rules: string;
  approver: "approve" | "deny" | "you";
  output: "text" | "json";
  log: Log;
}

/** Twice before a development token expires. */
const LOG_IN_MS = 20 * 60_000;

/** `sallyport up`: starts everything, plays the tour, prints how to go on, and stays until it is told to end. */
export async function up(options: UpOptions): Promise<Answer | undefined> {
  const text = options.output === "text";
  const directory =
    options.dir === undefined ? (options.once === true ? undefined : resolve(".sallyport")) : resolve(options.dir);
  const stop = Promise.withResolvers<void>();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stop.resolve());
  const environment = await withProgress("starting the control plane, the issuer and the gateway", () =>
    openEnvironment({ ...options, ...(directory === undefined ? {} : { directory }), listen: options.port }),
  );
  try {
    const say = (result: StepResult): void => {
      if (text) process.stdout.write(`${renderStep(result, colourFor(process.stdout))}\n`);
    };
    const results = await Promise.race([playTour(environment, say), stop.promise.then(() => [])]);
    const missing = results.filter((result) => !result.seen);
    if (options.once === true) return summary(results, missing);
    if (text) process.stdout.write(howToGoOn(environment, missing.length));
    await stayUp(environment, stop.promise, options.log);
    return undefined;
  } finally {
    await environment.close();
  }
}

function summary(results: StepResult[], missing: StepResult[]): Answer {
  const text =
    missing.length === 0
      ? `all ${results.length} outcomes were seen`
      : `${missing.length} of ${results.length} outcomes were not seen:\n${missing.map(({ title }) => `  - ${title}`).join("\n")}`;
  return {
    json: { seen: missing.length === 0, steps: results },
    text,
    exitCode: missing.length === 0 && results.length > 0 ? 0 : 1,
  };
}

function howToGoOn({ agent, alice, gateway, state }: Environment, missing: number): string {
  return `${missing === 0 ? "Every outcome was seen." : `${missing} outcomes were not seen.`} The gateway stays up at ${gateway.url} until Ctrl-C.

Point kubectl, or Claude Code, at it: nothing else on this machine needs a credential for the cluster.
  export KUBECONFIG=${agent.kubeconfig}
  kubectl get pods --namespace shop
  claude            # its kubectl goes through the gateway, as ${"dev:agent@example.com"}

Approve what is held, in another terminal:
  export SALLYPORT_URL=${gateway.url} NODE_EXTRA_CA_CERTS=${state.caFile} SALLYPORT_ADMIN_TOKEN_FILE=${join(alice.home, "admin.token")}
  npm run -s sallyport -- approvals list

Change what is allowed: edit ${state.guardrailsFile}
`;
}

/** Keeps the development tokens fresh until the end is asked for. */
async function stayUp(environment: Environment, stopped: Promise<void>, log: Log): Promise<void> {
  const logIn = async (): Promise<void> => {
    try {
      for (const person of [environment.agent, environment.alice]) await person.logIn();
      await environment.alice.asApprover();
    } catch (error) {
      log.error(`the development tokens could not be renewed: ${errorMessage(error)}`);
    }
  };
  await logIn();
  const timer = setInterval(() => void logIn(), LOG_IN_MS);
  await stopped;
  clearInterval(timer);
  process.stderr.write("stopping\n");
}
