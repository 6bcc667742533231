import { existsSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import { Agent } from "undici";
import { parse } from "yaml";
import { errorMessage, UserError } from "../../base/errors.ts";
import { unreachable } from "../client.ts";
import { type Context, loadContext, readIdTokenFile } from "../context.ts";
import { colourFor, printable, style } from "../style.ts";

export interface Check {
  result: "ok" | "warn" | "failed";
  what: string;
  detail: string;
  next?: string;
}

/** Type stripping without a flag, and `RegExp.escape`, came with it. */
const NODE_MAJOR = 24;
/** Issuers allow 30 s of skew unless their configuration says otherwise. */
const SKEW_MS = 30_000;

/** Each check of this machine, in the order in which the next stands on the former. Never throws for what it finds. */
export async function examine(env: NodeJS.ProcessEnv): Promise<Check[]> {
  const checks = [checkNode(process.versions.node)];
  let context: Context;
  try {
    context = loadContext(env);
    checks.push({ result: "ok", what: "configuration", detail: `gateway ${context.url}` });
  } catch (error) {
    return [...checks, failure("configuration", error)];
  }
  checks.push(...(await checkGateway(context)));
  if (context.idTokenFile !== undefined) checks.push(checkTokenFile(context.idTokenFile, Date.now()));
  checks.push(checkKubeconfig(context, env));
  return checks;
}

export function checkNode(version: string): Check {
  const major = Number(version.split(".")[0]);
  if (major >= NODE_MAJOR) return { result: "ok", what: "node", detail: version };
  return { result: "failed", what: "node", detail: version, next: `Use Node ${NODE_MAJOR} or newer.` };
}

/** Reaches the gateway's key set, which needs no token, and compares its clock with ours. */
async function checkGateway(context: Context): Promise<Check[]> {
  try {
    const ca = context.caFile === undefined ? undefined : readFileSync(context.caFile, "utf8");
    const agent = new Agent({ allowH2: false, connect: { ca, timeout: 5000 } });
    try {
      const { origin, pathname } = new URL(context.url);
      const path = `${pathname.replace(/\/+$/, "")}/.well-known/jwks.json`;
      const response = await agent.request({ origin, path, method: "GET", signal: AbortSignal.timeout(5000) });
      await response.body.dump();
      if (response.statusCode !== 200) {
        const next = "Is this the gateway's own URL?";
        return [
          { result: "failed", what: "gateway", detail: `${context.url}${path} answered ${response.statusCode}`, next },
        ];
      }
      return [
        { result: "ok", what: "gateway", detail: "reachable, and its certificate is trusted" },
        checkClock(response.headers.date, Date.now()),
      ];
    } finally {
      await agent.destroy();
    }
  } catch (error) {
    return [failure("gateway", unreachable(error, context.url))];
  }
}

/** `date` is the Date header of the gateway's answer: seconds, so that a second more or less is none. */
export function checkClock(date: string | string[] | undefined, now: number): Check {
  const theirs = Date.parse(String(date ?? ""));
  if (Number.isNaN(theirs)) return { result: "warn", what: "clock", detail: "the gateway sent no date" };
  const skew = Math.max(0, Math.abs(now - theirs) - 1000);
  const seconds = Math.round(skew / 1000);
  if (skew <= SKEW_MS) return { result: "ok", what: "clock", detail: `within ${seconds + 1} s of the gateway's` };
  const next = "Set this machine's clock (NTP): tokens are refused as expired or not yet valid.";
  return { result: "failed", what: "clock", detail: `${seconds} s from the gateway's`, next };
}

/** Looks at the claims without trusting them: the gateway verifies the token. */
export function checkTokenFile(path: string, now: number): Check {
  const what = "SALLYPORT_ID_TOKEN_FILE";
  try {
    const token = readIdTokenFile(path);
    const claims = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString("utf8"));
    const left = Math.round(Number(claims.exp) - now / 1000);
    if (left > 0) return { result: "ok", what, detail: `expires in ${left} s` };
    return {
      result: "failed",
      what,
      detail: `${path} expired ${-left} s ago`,
      next: "Have it written anew by what writes it.",
    };
  } catch (error) {
    if (error instanceof UserError) return failure(what, error);
    return {
      result: "failed",
      what,
      detail: `${path} holds no ID token`,
      next: "It must be a JWT of an issuer that the gateway knows.",
    };
  }
}

interface Kubeconfig {
  "current-context"?: string;
  contexts?: { name?: string; context?: { cluster?: string } }[];
  clusters?: { name?: string; cluster?: { server?: string } }[];
}

/** Whether kubectl's current context goes through the gateway; kubectl's rule for which file is in force. */
function checkKubeconfig(context: Context, env: NodeJS.ProcessEnv): Check {
  const what = "kubeconfig";
  const next = "Run `sallyport kubeconfig --merge`.";
  const paths = env.KUBECONFIG ? env.KUBECONFIG.split(delimiter) : [join(homedir(), ".kube", "config")];
  const files = paths.filter((path) => path !== "" && existsSync(path));
  if (files.length === 0) return { result: "warn", what, detail: `${paths.join(", ")}: no such file`, next };
  try {
    const all = files.map((file) => parse(readFileSync(file, "utf8")) as Kubeconfig | null);
    // kubectl merges the files; the first to set a value wins.
    const current = all.find((one) => one?.["current-context"])?.["current-context"];
    const cluster = all.flatMap((one) => one?.contexts ?? []).find((entry) => entry.name === current)?.context?.cluster;
    const server = all.flatMap((one) => one?.clusters ?? []).find((entry) => entry.name === cluster)?.cluster?.server;
    if (current === undefined || server === undefined)
      return { result: "warn", what, detail: "no current context", next };
    const wanted = `${context.url}/connections/${context.connection ?? ""}`;
    if (server.startsWith(wanted)) return { result: "ok", what, detail: `context ${current} is ${server}` };
    return {
      result: "warn",
      what,
      detail: `context ${current} is ${server}, which is not the gateway's ${wanted}`,
      next,
    };
  } catch (error) {
    return { result: "failed", what, detail: `${files.join(", ")}: ${errorMessage(error).split("\n")[0]}` };
  }
}

function failure(what: string, error: unknown): Check {
  const next = error instanceof UserError ? error.next : undefined;
  return { result: "failed", what, detail: errorMessage(error), ...(next === undefined ? {} : { next }) };
}

export function renderChecks(checks: Check[]): string {
  const colour = colourFor(process.stdout);
  const mark = {
    ok: style("ok     ", "ok", colour),
    warn: style("warning", "warn", colour),
    failed: style("failed ", "error", colour),
  };
  return checks
    .map(({ result, what, detail, next }) => {
      const line = `${mark[result]}  ${what}: ${printable(detail)}`;
      return next === undefined ? line : `${line}\n         ${next}`;
    })
    .join("\n");
}
