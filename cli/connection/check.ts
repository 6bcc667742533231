import { type KubernetesConnectionConfig, loadGatewayConfig } from "../../base/config/gateway.ts";
import { didYouMean } from "../../base/config/issues.ts";
import { UserError } from "../../base/errors.ts";
import { createLog } from "../../base/log.ts";
import { openCredential, type UpstreamCredential } from "../../proxy/credentials/credential.ts";
import { type Caller, createCaller } from "../../proxy/credentials/own-calls.ts";
import type { Answer } from "../action.ts";
import { withProgress } from "../progress.ts";
import { colourFor, printable, type Style, style } from "../style.ts";
import { needsOf, tooMuch } from "./needs.ts";
import { allowed, reach, versionOf, whoAmI } from "./probe.ts";

/** One thing that was looked at. `warn` doesn't fail the check; `missing` and `failed` do. */
export interface Finding {
  result: "ok" | "warn" | "missing" | "failed";
  what: string;
  detail?: string;
}

export interface ConnectionReport {
  connection: string;
  server: string;
  findings: Finding[];
}

/** Checks the named Kubernetes connection, or all; exit 1 where something that is needed is missing. */
export async function checkConnections(file: string, name: string | undefined): Promise<Answer> {
  const all = loadGatewayConfig(file).connections.filter((c) => c.kind === "kubernetes");
  const names = all.map((c) => c.name);
  const chosen = name === undefined ? all : all.filter((c) => c.name === name);
  if (chosen.length === 0) {
    throw new UserError(`${file} has no Kubernetes connection "${name ?? ""}"; ${didYouMean(name ?? "", names)}`, {
      exitCode: 2,
    });
  }
  const reports: ConnectionReport[] = [];
  for (const config of chosen) {
    reports.push(await withProgress(`checking ${config.name}`, () => checkConnection(config)));
  }
  const failed = reports.some(({ findings }) =>
    findings.some(({ result }) => result === "missing" || result === "failed"),
  );
  return { json: { connections: reports }, text: reports.map(render).join("\n"), exitCode: failed ? 1 : 0 };
}

/** TCP, TLS, credential, version, then each right; stops at the first that makes the rest impossible. */
export async function checkConnection(config: KubernetesConnectionConfig): Promise<ConnectionReport> {
  const log = createLog((line) => process.stderr.write(line), "error");
  const credential = openCredential(config, { log });
  const report: ConnectionReport = { connection: config.name, server: credential.server, findings: [] };
  const own = createCaller({ server: credential.server, account: credential.own });
  try {
    await examine(config, credential, own, report.findings);
  } finally {
    await credential.close();
    await own.close();
  }
  return report;
}

async function examine(
  config: KubernetesConnectionConfig,
  credential: UpstreamCredential,
  own: Caller,
  findings: Finding[],
): Promise<void> {
  const reached = await reach(credential.server, credential.own.tls);
  findings.push(reached);
  if (reached.result === "failed") return;
  const who = await whoAmI(own);
  findings.push({ ...who, what: "credential", detail: `${who.detail} (${credential.describe()})` });
  if (who.result !== "ok") return;
  findings.push(await versionOf(own));

  for (const need of needsOf(config, "gateway")) findings.push(await judge(own, need));
  const session = { id: `connection-check-${process.pid}` };
  const agents =
    config.credential && "tokenRequest" in config.credential ? await sessionCaller(credential, session, findings) : own;
  if (agents !== undefined) {
    for (const need of needsOf(config, "agents")) findings.push(await judge(agents, need));
    for (const excess of tooMuch(config)) {
      if (await allowed(agents, excess.ask)) findings.push({ result: "warn", what: excess.what, detail: excess.why });
    }
    if (agents !== own) await agents.close();
  }
  await credential.endSession(session.id);
}

async function judge(caller: Caller, need: ReturnType<typeof needsOf>[number]): Promise<Finding> {
  const yes = await allowed(caller, need.ask);
  if (yes) return { result: "ok", what: need.what, ...(typeof yes === "string" ? { detail: yes } : {}) };
  return { result: need.optional ? "warn" : "missing", what: need.what, detail: need.why };
}

/** A caller with a minted token, as an agent's session would have it. */
async function sessionCaller(
  credential: UpstreamCredential,
  session: { id: string },
  findings: Finding[],
): Promise<Caller | undefined> {
  try {
    const header = await credential.authorization(session);
    const account = { tls: credential.tls, authorization: () => header, invalidate() {} };
    const caller = createCaller({ server: credential.server, account });
    const who = await whoAmI(caller);
    findings.push({ ...who, what: "session token" });
    return caller;
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error);
    findings.push({ result: "failed", what: "session token", detail: cause });
    return undefined;
  }
}

const MARK: Record<Finding["result"], [text: string, style: Style]> = {
  ok: ["ok     ", "ok"],
  warn: ["warning", "warn"],
  missing: ["missing", "error"],
  failed: ["failed ", "error"],
};

function render({ connection, server, findings }: ConnectionReport): string {
  const colour = colourFor(process.stdout);
  const lines = findings.map(({ result, what, detail }) => {
    const [text, as] = MARK[result];
    return `  ${style(text, as, colour)}  ${what}${detail === undefined ? "" : `: ${printable(detail)}`}`;
  });
  return `${style(connection, "bold", colour)} ${server}\n${lines.join("\n")}\n`;
}
