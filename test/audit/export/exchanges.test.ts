import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Ajv } from "ajv";
import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { EventRow } from "../../../audit/event.ts";
import { exchangesOf } from "../../../audit/export/exchanges.ts";
import type { ExportFormat } from "../../../audit/export/formats.ts";
import type { StoreReader } from "../../../audit/store/store.ts";
import { sha256 } from "../../../base/digest.ts";
import { Oracle } from "../../fuzz/oracle.ts";
import { draft } from "../rig.ts";
import { bytesOf, CONFIG_MAP, DRAFTS, HOSTILE, job, linesIn, recordedStore } from "./recorded.ts";

let path: string;
let store: StoreReader & { close(): Promise<void> };
beforeAll(async () => {
  path = mkdtempSync(join(tmpdir(), "sallyport-export-"));
  store = await recordedStore(path, [
    ...DRAFTS,
    ...EDITED.map((payload) => draft({ session_id: "s-edited", source_ip: "nowhere", payload, ...LONG_AGO })),
  ]);
});
afterAll(async () => {
  await store.close();
  rmSync(path, { recursive: true, force: true });
});

/** The one in Rust, which reads version 3. */
const hasAsciinema = /^asciinema 3\./.test(spawnSync("asciinema", ["--version"]).stdout?.toString() ?? "");

/** Payloads as whoever has the database may write them. */
const EDITED = [
  { decisionId: "d", findings: "none", input: [], facts: "no digest", forwarded: "maybe" },
  { decisionId: "d", findings: [null, 1, { rule: 1, effect: {} }], input: { request: "r", user: null }, facts: 7 },
  {
    decisionId: "d",
    findings: [{ severity: "constructor" }],
    input: { request: { query: { a: "b", c: [null, {}] }, resource: [] } },
    code: 1,
  },
];
const LONG_AGO = {
  duration_us: Number.MAX_SAFE_INTEGER,
  path: "/%zz?\ud800 \u2028",
  verb: "constructor",
  groups: [""],
};

interface Answer {
  error?: string;
  event?: Record<string, unknown>;
}

/** Each line by a program in Go that decodes it into its own type, strictly. */
async function readInGo(name: "oracle-audit" | "oracle-decisions", lines: readonly string[]): Promise<Answer[]> {
  const oracle = await Oracle.open(name);
  try {
    return await oracle.askLines<Answer>(lines);
  } finally {
    await oracle.close();
  }
}

const ocsf = new Ajv2020({ strict: false }).compile(
  JSON.parse(readFileSync(new URL("./ocsf-api-activity.json", import.meta.url), "utf8")),
);

const parsed = async (format: ExportFormat): Promise<Record<string, unknown>[]> =>
  (await linesIn(format, job(store))).map((line) => JSON.parse(line) as Record<string, unknown>);

test("a request that begins in one chain and ends in the next, as a recorder's restart leaves it, is one exchange", async () => {
  const row = (session_id: string, writer: string, kind: EventRow["kind"]) => {
    return {
      session_id,
      writer,
      kind,
      exchange_id: `e-${session_id}`,
      at: "2026-11-22 10:00:00.000000",
      payload: "{}",
    };
  };
  const events = async function* (): AsyncGenerator<EventRow> {
    yield row("s-1", "w-1", "request.intent") as EventRow;
    yield row("s-1", "w-2", "request.outcome") as EventRow;
    yield row("s-2", "w-1", "request.intent") as EventRow;
    yield row("s-3", "w-1", "request.outcome") as EventRow;
  };
  const found: string[] = [];
  for await (const { event, end } of exchangesOf(events())) found.push(`${event.exchange_id} ${end}`);
  expect(found).toEqual(["e-s-1 answered", "e-s-2 unknown", "e-s-3 answered"]);
});

describe("an export as audit.k8s.io/v1", () => {
  test("is read strictly by the API server's own types, and keeps what they hold", async () => {
    const lines = await linesIn("k8s-audit", job(store));
    const answers = await readInGo("oracle-audit", lines);
    expect(answers.map(({ error }) => error)).toEqual(lines.map(() => undefined));
    const kept = answers.map(({ event }) => [event?.auditID, event?.stage, event?.level, event?.verb]);
    expect(kept.map(([, ...said]) => said)).toEqual([
      ["ResponseComplete", "Metadata", "list"],
      ["ResponseComplete", "RequestResponse", "create"],
      ["ResponseComplete", "Metadata", "delete"],
      ["ResponseComplete", "Metadata", ""],
      ["ResponseComplete", "Metadata", "get"],
      ["RequestReceived", "Metadata", "delete"],
    ]);
  });

  test("shows who it was of where the reader may know, and rows as rows never do", async () => {
    const of = job(store, { reveal: (row) => ({ ...row, username: "revealed" }) });
    expect((await linesIn("k8s-audit", of))[0]).toContain('"username":"revealed"');
    expect((await linesIn("ndjson", of)).join("")).not.toContain("revealed");
  });

  test("is refused by them with a field that they have not, so that the check can fail", async () => {
    const [line = ""] = await linesIn("k8s-audit", job(store));
    const [answer] = await readInGo("oracle-audit", [line.replace('"stage"', '"stages"')]);
    expect(answer?.error).toMatch(/unknown field "stages"/);
  });

  test("says by annotation what policy said, and whether the API server was asked", async () => {
    const events = await parsed("k8s-audit");
    expect(events.map((event) => (event.annotations as Record<string, string>)["sallyport.dev/forwarded"])).toEqual([
      "true",
      "true",
      "false",
      "false",
      "true",
      "unknown",
    ]);
    expect(events[1]).toMatchObject({
      user: { username: "corp:alice@example.com", uid: "u-1", groups: ["corp:devs"] },
      requestURI: "/api/v1/namespaces/a/configmaps?fieldManager=kubectl&fieldManager=two+words%26%3D",
      objectRef: { resource: "configmaps", namespace: "a", name: HOSTILE, apiVersion: "v1" },
      annotations: { "sallyport.dev/break-glass": "true", "sallyport.dev/rules": "workload/host-path" },
    });
  });

  test("keeps a recorded object digit for digit", async () => {
    const lines = await linesIn("k8s-audit", job(store));
    expect(lines.find((line) => line.includes('"requestObject":'))).toContain('"generation":9007199254740993');
  });
});

describe("an export as OPA decision logs", () => {
  test("is read strictly by OPA's own type", async () => {
    const lines = await linesIn("opa", job(store));
    const answers = await readInGo("oracle-decisions", lines);
    expect(answers.map(({ error, event }) => error ?? event?.decision_id)).toEqual(["d-1", "d-2", "d-3", "d-6", "d-5"]);
    const [bad] = await readInGo("oracle-decisions", [(lines[0] ?? "").replace('"path"', '"paths"')]);
    expect(bad?.error).toMatch(/unknown field "paths"/);
  });

  test("says what was decided, which is not what came of it, and what is not on record", async () => {
    const [listed, created, held] = await parsed("opa");
    expect(held).toMatchObject({ result: { effect: "hold" }, custom: { outcome: "refused", status: 403 } });
    expect(created?.input).toMatchObject({ request: { contentType: "application/json" }, oldObject: null });
    expect(created?.erased).toEqual(["/input/podSpecs", "/input/roleRules", "/result/approval", "/result/mask"]);
    expect(listed?.erased).toContain("/input/object");
  });

  test("keeps an input's integers digit for digit", async () => {
    const lines = await linesIn("opa", job(store));
    expect(lines[1]).toContain('"object":{"metadata":{"generation":9007199254740993}}');
  });
});

describe("an export as HAR", () => {
  test("fits the published schema of HAR 1.2", async () => {
    const schemas = createRequire(import.meta.url)("har-schema") as Record<string, object>;
    const ajv = new Ajv({ strict: false, schemas: Object.values(schemas), validateSchema: false });
    addFormats.default(ajv);
    const check = ajv.getSchema("har.json#");
    const har = JSON.parse((await bytesOf("har", job(store))).toString("utf8")) as { log: { entries: object[] } };
    check?.(har);
    expect(check?.errors).toBeNull();
    expect(har.log.entries).toHaveLength(6);
    expect(check?.({ log: { ...har.log, entries: [{}] } })).toBe(false);
  });

  test("holds what was sent and answered, bytes that are no text as base64", async () => {
    const har = JSON.parse((await bytesOf("har", job(store))).toString("utf8"));
    expect(har.log.entries[1]).toMatchObject({
      time: 12.345,
      request: {
        method: "POST",
        url: "https://sallyport.example.com/connections/prod/api/v1/namespaces/a/configmaps?fieldManager=kubectl&fieldManager=two+words%26%3D",
        queryString: [
          { name: "fieldManager", value: "kubectl" },
          { name: "fieldManager", value: "two words&=" },
        ],
        postData: { mimeType: "application/json", text: expect.stringContaining("ConfigMap") },
      },
      response: { status: 201, statusText: "Created", content: { encoding: "base64", text: "//4AAQ==" } },
    });
    expect(har.log.entries[5]).toMatchObject({ comment: "no end is on record", response: { status: 0 } });
  });
});

describe("an export as OCSF", () => {
  test("fits the published schema of API Activity, which has no attribute more", async () => {
    const events = await parsed("ocsf");
    const errors = events.map((event) => (ocsf(event) ? [] : ocsf.errors));
    expect(errors).toEqual(events.map(() => []));
    expect(ocsf({ ...events[0], more: 1 })).toBe(false);
  });

  test("says who did what to which resource, and what the gateway made of it", async () => {
    const [listed, created, held, turned, , unknown] = await parsed("ocsf");
    expect(created).toMatchObject({
      type_uid: 600301,
      severity: "High",
      action: "Allowed",
      actor: { user: { name: "corp:alice@example.com" }, app_name: "claude-code" },
      api: { operation: "create", service: { name: "prod" }, version: "v1" },
      resources: [{ type: "configmaps", name: HOSTILE, namespace: "a" }],
    });
    expect(listed).toMatchObject({ type_uid: 600302, action: "Modified", status: "Success" });
    expect(held).toMatchObject({ type_uid: 600304, severity: "Critical", action: "Denied", status: "Failure" });
    expect(turned).toMatchObject({ activity_id: 0, src_endpoint: { name: "unknown" }, status_detail: "a dot segment" });
    expect(unknown).toMatchObject({ status: "Unknown" });
  });
});

describe("an export of what somebody edited, or is too large", () => {
  const edited = { scope: { session: "s-edited" } };

  test.each(["k8s-audit", "ocsf", "opa", "har"] as const)(
    "is written as %s, and fits its schema still",
    async (format) => {
      const lines = await linesIn(format, job(store, edited));
      if (format === "har") expect(JSON.parse(lines.join("\n")).log.entries).toHaveLength(EDITED.length);
      else expect(lines).toHaveLength(EDITED.length);
      if (format === "ocsf") expect(lines.map((line) => ocsf(JSON.parse(line)))).toEqual(lines.map(() => true));
      if (format === "har" || format === "ocsf") return;
      const answers = await readInGo(format === "opa" ? "oracle-decisions" : "oracle-audit", lines);
      expect(answers.map(({ error }) => error)).toEqual(lines.map(() => undefined));
    },
  );

  test("has a content above the cap by its SHA-256", async () => {
    const [line = ""] = (await linesIn("k8s-audit", job(store, { contentBytes: 10 }))).slice(1);
    expect(line).not.toContain("requestObject");
    expect(line).toContain(`"sallyport.dev/request-sha256":"${sha256(CONFIG_MAP)}"`);
    const har = await bytesOf("har", job(store, { contentBytes: 10 }));
    expect(har.toString()).toContain(`SHA-256 ${sha256(CONFIG_MAP)}, larger than 10 bytes`);
  });
});

describe("an export as asciicast", () => {
  test("is the recording of a session's one exec, in the lines of version 3", async () => {
    const [header = "", ...lines] = await linesIn("asciicast", job(store));
    expect(JSON.parse(header)).toMatchObject({ version: 3, term: { cols: 80, rows: 24 } });
    expect(lines.map((line) => JSON.parse(line).slice(1))).toEqual([
      ["o", "hi\r\n"],
      ["x", "0"],
    ]);
  });

  test.skipIf(!hasAsciinema)("asciinema itself reads it", async () => {
    const file = join(path, "exec.cast");
    writeFileSync(file, await bytesOf("asciicast", job(store)));
    const env = { PATH: process.env.PATH, LC_ALL: "C.UTF-8" };
    execFileSync("asciinema", ["convert", "-f", "txt", file, `${file}.txt`], { env });
    expect(readFileSync(`${file}.txt`, "utf8")).toBe("hi\n");
  });

  test("of a session without an exec is refused", async () => {
    await expect(bytesOf("asciicast", job(store, { scope: { session: "s-2" } }))).rejects.toThrow(/no exec/);
  });
});
