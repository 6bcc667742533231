import { join } from "node:path";
import type { EventDraft } from "../../../audit/event.ts";
import { type ExportFormat, type ExportJob, exportFormats } from "../../../audit/export/formats.ts";
import { openRecorder } from "../../../audit/recorder/recorder.ts";
import { openStoreReader } from "../../../audit/store/open.ts";
import type { StoreReader } from "../../../audit/store/store.ts";
import { draft, recorderOptions } from "../rig.ts";

export const SESSION = "01997000-0000-7000-8000-0000000000aa";
/** A name that a spreadsheet, a browser or a terminal would run, and text of many scripts. */
export const HOSTILE = '=HYPERLINK("//x")<script>alert(1)</script>\u001b[2J\u202eé🎉,;"\r\n';
/** An int64 that no double holds. */
export const CONFIG_MAP =
  '{"kind":"ConfigMap",\n "apiVersion":"v1","metadata":{"name":"web","generation":9007199254740993}}';

const exchange = (n: number): string => `01997000-0000-7000-8000-${String(n).padStart(12, "0")}`;
const finding = (effect: string, severity = "high"): object => ({
  rule: "workload/host-path",
  effect,
  message: "the pod mounts the host",
  severity,
  fields: ["spec"],
  privileged: true,
});
const question = (over: object = {}): string =>
  JSON.stringify({
    request: {
      contentType: "application/json",
      query: { fieldManager: ["kubectl", "two words&="] },
      resource: { group: "", resource: "configmaps", version: "v1" },
      ...over,
    },
    session: { agent: "claude-code" },
    user: { uid: "u-1", username: "corp:alice@example.com" },
  });

const write: Partial<EventDraft> = {
  exchange_id: exchange(2),
  verb: "create",
  resource: "configmaps",
  name: HOSTILE,
  path: "/api/v1/namespaces/a/configmaps",
  record_level: "RequestResponse",
  revision: "bundle-1/guardrails-1",
  user_agent: "kubectl/v1.36",
  source_ip: "192.0.2.7",
};

/** Two sessions: what was answered, masked, refused, never ended, gathered, and one exec. */
export const DRAFTS: readonly EventDraft[] = [
  draft({
    kind: "session.opened",
    session_id: SESSION,
    exchange_id: "",
    payload: { agent: "claude-code", reason: "fix" },
  }),
  draft({
    session_id: SESSION,
    exchange_id: exchange(1),
    verb: "list",
    name: "",
    duration_us: 1500,
    masked_fields: ["data['db-password']"],
    record_level: "Metadata",
    payload: { forwarded: true, decisionId: "d-1", findings: [] },
    input: question({ query: {} }),
  }),
  draft({
    ...write,
    kind: "request.intent",
    session_id: SESSION,
    request_content: Buffer.from(CONFIG_MAP),
    request_bytes: CONFIG_MAP.length,
    payload: { forwarded: true, decisionId: "d-2", findings: [finding("record")] },
  }),
  draft({ kind: "gather", session_id: SESSION, exchange_id: exchange(90), payload: { parent: exchange(2) } }),
  draft({
    ...write,
    session_id: SESSION,
    status: 201,
    duration_us: 12_345,
    response_bytes: 4,
    rules: ["workload/host-path"],
    approval_id: "3f9c3f9c3f9c3f9c-1",
    break_glass: true,
    response_content: Buffer.from([0xff, 0xfe, 0x00, 0x01]),
    payload: { forwarded: true, decisionId: "d-2", findings: [finding("record")] },
    input: question(),
    input_facts: Buffer.from('{"masked":[],"object":{"metadata":{"generation":9007199254740993}},"oldObject":null}'),
  }),
  draft({
    kind: "request.refused",
    session_id: SESSION,
    exchange_id: exchange(3),
    verb: "delete",
    resource: "namespaces",
    status: 403,
    effect: "deny",
    rules: ["workload/host-path"],
    payload: {
      forwarded: false,
      decisionId: "d-3",
      code: "approval-pending",
      message: `held: ${HOSTILE}`,
      findings: [finding("hold", "critical")],
    },
  }),
  draft({
    kind: "request.refused",
    session_id: SESSION,
    exchange_id: exchange(4),
    verb: "",
    resource: "",
    namespace: "",
    name: "",
    username: "",
    issuer: "",
    groups: [],
    path: "/../x",
    status: 400,
    effect: "deny",
    payload: { forwarded: false, code: "bad-target", message: "a dot segment" },
  }),
  draft({
    kind: "request.intent",
    session_id: SESSION,
    exchange_id: exchange(5),
    verb: "delete",
    payload: { forwarded: true, decisionId: "d-5", findings: [] },
  }),
  ...(["request.intent", "stream.frame", "stream.closed", "request.outcome"] as const).map((kind) =>
    draft({
      kind,
      session_id: SESSION,
      exchange_id: exchange(6),
      verb: "get",
      subresource: "exec",
      status: kind === "request.outcome" ? 101 : 0,
      payload:
        kind === "stream.frame"
          ? {
              frames: [
                {
                  at: Date.UTC(2026, 10, 22, 10, 0, 1),
                  channel: "stdout",
                  stream: 1,
                  bytes: 3,
                  data: Buffer.from("hi\n").toString("base64"),
                },
              ],
            }
          : kind === "stream.closed"
            ? { exitCode: 0 }
            : { forwarded: true, decisionId: "d-6", findings: [], ...execInput(kind) },
    }),
  ),
  draft({ session_id: "s-2", exchange_id: exchange(7), payload: { forwarded: true, decisionId: "d-7", findings: [] } }),
];

function execInput(kind: string): object {
  return kind === "request.intent" ? { input: { exec: { command: ["sh"], container: "c", tty: false } } } : {};
}

/** Records the drafts through the recorder's own pipeline into chDB at `path`, and opens it for reading. */
export async function recordedStore(
  path: string,
  drafts: readonly EventDraft[] = DRAFTS,
): Promise<StoreReader & { close(): Promise<void> }> {
  const recorder = await openRecorder(recorderOptions(path));
  for (const one of drafts) recorder.record({ ...one });
  await recorder.flush({ toStore: true });
  await recorder.close();
  return openStoreReader({ embedded: join(path, "store") });
}

export function job(store: StoreReader, over: Partial<ExportJob> = {}): ExportJob {
  return {
    store,
    tenant: "default",
    scope: { session: SESSION },
    gateway: "sallyport/0.1.0",
    url: "https://sallyport.example.com",
    now: Date.UTC(2026, 10, 22, 12),
    ...over,
  };
}

export async function bytesOf(format: ExportFormat, of: ExportJob): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of await exportFormats[format].write(of)) {
    parts.push(typeof part === "string" ? Buffer.from(part) : Buffer.from(part));
  }
  return Buffer.concat(parts);
}

export async function linesIn(format: ExportFormat, of: ExportJob): Promise<string[]> {
  return (await bytesOf(format, of)).toString("utf8").split("\n").slice(0, -1);
}
