import type { KeyObject } from "node:crypto";
import { loadPublicKeys } from "../../audit/evidence/signer.ts";
import { type Finding, Findings } from "../../audit/evidence/verify/finding.ts";
import { type RecordSource, type Verdict, verifyRecord } from "../../audit/evidence/verify/verify-record.ts";
import { UserError } from "../../base/errors.ts";
import type { Answer } from "../action.ts";
import { withProgress } from "../progress.ts";
import { printable } from "../style.ts";

export interface VerifyCommand {
  /** An export: NDJSON, folder or zip. */
  pack?: string | undefined;
  config?: string;
  key: string[];
  witness: string[];
  tenant?: string;
  period?: boolean;
}

interface Opened {
  source: RecordSource;
  keys: KeyObject[];
  findings: Findings;
  witnesses: AsyncIterable<string>[] | undefined;
  close(): Promise<void>;
}

/** `audit verify`: exit 0 where nothing was found, 1 where something was. */
export async function verifyEvidence(command: VerifyCommand): Promise<Answer> {
  const { source, keys, findings, witnesses, close } =
    command.config === undefined ? await openExport(command) : await openConfigured(command, command.config);
  try {
    const verdict = await withProgress("verifying", (progress) =>
      verifyRecord(
        source,
        {
          keys,
          ...(witnesses === undefined ? {} : { witnesses }),
          progress: (events) => progress.update(`verified ${events} events`),
        },
        findings,
      ),
    );
    return { json: verdict, text: render(verdict), exitCode: verdict.ok ? 0 : 1 };
  } finally {
    await close();
  }
}

async function openExport({ pack, key, witness, tenant, period }: VerifyCommand): Promise<Opened> {
  if (pack === undefined || key.length === 0) {
    throw new UserError("audit verify needs an export and --key, or --config", {
      exitCode: 2,
      next: "sallyport audit verify export.zip --key checkpoint.pub --witness notes",
    });
  }
  const { openPack } = await import("../../audit/export/pack-layout.ts");
  const { packSource } = await import("../../audit/evidence/verify/pack-source.ts");
  const { notesAt } = await import("../../audit/evidence/witness-place.ts");
  const keys = loadPublicKeys(key);
  const findings = new Findings();
  const opened = await openPack(pack);
  try {
    const source = await packSource(opened, { keys, tenant, findings, period });
    const witnesses = witness.length === 0 ? undefined : witness.map(notesAt);
    return { source, keys, findings, witnesses, close: () => opened.close() };
  } catch (error) {
    await opened.close();
    throw error;
  }
}

async function openConfigured({ pack, key, witness }: VerifyCommand, file: string): Promise<Opened> {
  if (pack !== undefined) {
    throw new UserError("audit verify takes an export or --config, not both", { exitCode: 2 });
  }
  const { loadGatewayConfig } = await import("../../base/config/gateway.ts");
  const { openStoreReader } = await import("../../audit/store/open.ts");
  const { storeSource } = await import("../../audit/evidence/verify/store-source.ts");
  const { openWitness } = await import("../../audit/evidence/witness.ts");
  const { notesAt } = await import("../../audit/evidence/witness-place.ts");
  const config = loadGatewayConfig(file);
  const keys = loadPublicKeys([...(config.keys.checkpointFile ?? []), ...key]);
  const places = await Promise.all(config.audit.checkpoints.to.map(openWitness));
  const { verifyTreeHead } = await import("../../audit/evidence/checkpoint.ts");
  const counts = (note: string): boolean => verifyTreeHead(config.tenant, note, keys).ok;
  const witnesses = [...places.map((place) => place.notes(counts)), ...witness.map(notesAt)];
  const store = await openStoreReader(config.audit.store);
  return {
    source: storeSource(store, config.tenant, config.audit.retention),
    keys,
    findings: new Findings(),
    witnesses: witnesses.length === 0 ? undefined : witnesses,
    close: () => store.close(),
  };
}

function render(verdict: Verdict): string {
  const { events, chains, checkpoints, logs, bodies, signedUntil, limits, found, findings } = verdict;
  return [
    ...renderOf(verdict.of),
    `${events} events in ${chains} chains, ${bodies} contents, ${checkpoints} checkpoints of ${logs} processes`,
    ...(signedUntil === "" ? [] : [`the newest checkpoint was recorded at ${signedUntil} UTC`]),
    ...findings.map(renderFinding),
    ...(found > findings.length ? [`and ${found - findings.length} more`] : []),
    ...limits.map((limit) => `not proven: ${limit}`),
    outcome(verdict),
  ]
    .map(printable)
    .join("\n");
}

/** A genuine pack of something else, or an older one, verifies as well: whoever reads this has to see what it is of. */
function renderOf(of: Verdict["of"]): string[] {
  if (of === undefined) return [];
  const { tenant, session, since, until, createdAt } = of;
  return [
    [
      ...(session === undefined ? [] : [`session ${session}`]),
      ...(since === undefined ? [] : [`since ${since}`]),
      ...(until === undefined ? [] : [`until ${until}`]),
      `tenant ${tenant}`,
      ...(createdAt === undefined ? [] : [`a pack made at ${createdAt}`]),
    ].join(", "),
  ];
}

function outcome({ found, events, unsigned }: Verdict): string {
  if (found > 0) return `the record is not what was recorded: ${found} found`;
  return unsigned.events === events
    ? "nothing was found, and nothing is proven: no event here is signed"
    : "the record is whole";
}

function renderFinding({
  what,
  session_id,
  writer,
  seq,
  log,
  size,
  body,
  covers = [],
  file,
  line,
  why,
}: Finding): string {
  const where = [
    ...(session_id === undefined ? [] : [`session ${session_id}`]),
    ...(writer === undefined ? [] : [`writer ${writer}`]),
    ...(seq === undefined ? [] : [seq[0] === seq[1] ? `event ${seq[0]}` : `events ${seq[0]} to ${seq[1]}`]),
    ...(log === undefined ? [] : [`log ${log} at ${size} leaves`]),
    ...(covers.length === 0 ? [] : [`of sessions ${covers.join(" ")}`]),
    ...(body === undefined ? [] : [`content ${body}`]),
    ...(file === undefined ? [] : [line === undefined ? file : `${file}:${line}`]),
  ];
  return `${what}: ${where.join(", ")}: ${why}`;
}
