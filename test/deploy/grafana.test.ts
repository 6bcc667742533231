import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { namedQueries, namedQuery } from "../../audit/questions/named-queries.ts";
import { openStore } from "../../audit/store/open.ts";
import type { Store } from "../../audit/store/store.ts";
import { DATASOURCE, TENANT } from "../../deploy/grafana/dashboards/clickhouse.ts";
import { DASHBOARDS, fileOf } from "../../deploy/grafana/dashboards/dashboards.ts";

const GRAFANA = join(import.meta.dirname, "..", "..", "deploy", "grafana");
const folder = mkdtempSync(join(tmpdir(), "sallyport-grafana-"));
let store: Store;

interface Target {
  rawSql: string;
  queryType: string;
  datasource: { type: string; uid: string };
}
const PANELS = Object.entries(DASHBOARDS).flatMap(([name, { panels = [] }]) =>
  panels.flatMap((panel) =>
    ((panel as { targets?: Target[] }).targets ?? []).map((target) => [name, panel.title ?? "", target] as const),
  ),
);

/** As Grafana and its ClickHouse plugin put variables and macros in. */
function interpolated(sql: string): string {
  return sql
    .replaceAll(TENANT, "'ours'")
    .replace(/\$\{__from\}/g, String(Date.UTC(2026, 10, 1)))
    .replace(/\$\{__to\}/g, String(Date.UTC(2026, 11, 1)))
    .replace(/\$__interval_s/g, "3600")
    .replace(/\$\{(?:user|connection|namespace|rule):singlequote\}/g, "''");
}

async function rowsOf(sql: string): Promise<Record<string, unknown>[]> {
  const { bytes } = await store.ask({ sql, tenant: "ours" });
  const lines = Buffer.from(bytes).toString("utf8").split("\n");
  return lines.filter((line) => line !== "").map((line) => JSON.parse(line) as Record<string, unknown>);
}

beforeAll(async () => {
  store = await openStore({ embedded: join(folder, "store") }, "ours");
  const finding = { rule: "workload/host-path", effect: "hold", privileged: true };
  const event = (seq: number, over: object): Buffer =>
    Buffer.from(
      JSON.stringify({
        ...{
          tenant: "ours",
          session_id: "s",
          writer: "w",
          seq,
          at: `2026-11-22 10:0${seq}:00.000000`,
          kind: "request.outcome",
        },
        ...{ exchange_id: `e${seq}`, issuer: "corp", username: "corp:a", connection: "prod", verb: "get", status: 200 },
        ...{ resource: "secrets", namespace: "shop", name: "db", duration_us: 2000, payload: "{}" },
        ...over,
      }),
    );
  await store.insert({
    token: "t",
    lines: [
      event(1, { kind: "session.opened", exchange_id: "" }),
      event(2, {
        masked_fields: ["data.a"],
        rules: ["secrets/read"],
        payload: JSON.stringify({ masked: { "data.a": "f1" } }),
      }),
      event(3, {
        kind: "request.refused",
        status: 403,
        rules: ["workload/host-path"],
        payload: JSON.stringify({ code: "policy-denied", forwarded: false, findings: [finding] }),
      }),
      event(4, {
        kind: "hold.opened",
        approval_id: "h-1",
        resource: "pods",
        verb: "create",
        rules: ["workload/host-path"],
      }),
      event(5, {
        kind: "break_glass.used",
        approval_id: "h-1",
        payload: JSON.stringify({ approvers: ["corp:b"], reason: "outage" }),
      }),
      event(6, { kind: "approval.consumed", approval_id: "h-1", break_glass: true, exchange_id: "e4" }),
      event(7, { kind: "read", username: "corp:c", payload: JSON.stringify({ what: "session" }) }),
      event(8, { name: "other" }),
      event(9, {
        masked_fields: ["data.b"],
        resource: "configmaps",
        payload: JSON.stringify({ masked: { "data.b": "f1" } }),
      }),
    ],
  });
});
afterAll(async () => {
  await store?.close();
  rmSync(folder, { recursive: true, force: true });
});

describe("the dashboards", () => {
  it("are the files of deploy/grafana, byte for byte (`npm run dashboards`)", () => {
    const files = readdirSync(GRAFANA).filter((name) => name.endsWith(".json"));
    expect(files.sort()).toEqual(
      Object.keys(DASHBOARDS)
        .map((name) => `${name}.json`)
        .sort(),
    );
    for (const [name, dashboard] of Object.entries(DASHBOARDS)) {
      expect(readFileSync(join(GRAFANA, `${name}.json`), "utf8"), name).toBe(fileOf(dashboard));
    }
  });

  it("have an identifier each, and panels that do not lie on one another", () => {
    const all = Object.values(DASHBOARDS);
    expect(new Set(all.map(({ uid }) => uid)).size).toBe(all.length);
    for (const { panels = [] } of all) {
      const cells = panels.flatMap(({ gridPos }) => {
        const { x = 0, y = 0, w = 0, h = 0 } = gridPos ?? {};
        expect(x + w).toBeLessThanOrEqual(24);
        return Array.from({ length: w * h }, (_, i) => `${x + (i % w)},${y + Math.floor(i / w)}`);
      });
      expect(new Set(cells).size).toBe(cells.length);
    }
  });

  it.each(PANELS)(
    "%s: %s runs on a store, in the role of its readers",
    async (_, __, { rawSql, queryType, datasource }) => {
      expect(datasource).toEqual({ type: "grafana-clickhouse-datasource", uid: DATASOURCE.uid });
      const sql = interpolated(rawSql);
      expect(sql).not.toMatch(/\$|\{\w+:/);
      const rows = await rowsOf(sql);
      // Shadow policies aside, there is something of all of this on record; what is whole has no gaps.
      if (!/sessions-with-gaps|missing events/.test(rawSql)) expect(rows.length).toBeGreaterThan(0);
      if (queryType === "timeseries") expect(rows[0]).toMatchObject({ time: expect.stringMatching(/^2026-11-22 10:/) });
      expect(rawSql).toContain(TENANT);
    },
  );

  it("ask what the named queries ask", () => {
    const shown = PANELS.map(([, , { rawSql }]) => rawSql).join("\n");
    for (const name of ["privileged-operations", "who-approved", "blocked-attempts", "secret-reads", "break-glass"]) {
      expect(shown).toContain(namedQuery(name)?.sql?.split("\n", 1)[0]?.slice(0, 60) ?? "?");
    }
  });
});

/** The SQL of docs/dashboards.md: as the tool sends it with all of its variables, and with as few as can be. */
function sqlOf(tool: string): string[] {
  const page = readFileSync(join(import.meta.dirname, "..", "..", "docs", "dashboards.md"), "utf8");
  const blocks = [...page.matchAll(new RegExp(`^\`\`\`sql ${tool}\\n([\\s\\S]*?)^\`\`\``, "gm"))];
  return blocks.flatMap(([, text = ""]) => [filled(text, true), filled(text, false)]);
}

function filled(text: string, whole: boolean): string {
  const values: Record<string, string> = {
    ...{ since: "'2026-11-01'", until: "'2026-12-01'", tenant: "'ours'" },
    ...{ user: "'corp:a'", approver: "'corp:b'", rule: "'workload/host-path'" },
    ...{ from_dttm: "2026-11-01 00:00:00", to_dttm: "2026-12-01 00:00:00" },
  };
  return text
    .replace(/\[\[([\s\S]*?)\]\]/g, (_, optional: string) => (whole ? optional : ""))
    .replace(/\{% if \w+ %\}([\s\S]*?)(?:\{% else %\}([\s\S]*?))?\{% endif %\}/g, (_, set: string, unset = "") =>
      whole ? set : unset,
    )
    .replace(/\{\{ ?(\w+) ?\}\}/g, (_, name: string) => values[name] ?? `{{${name}}}`);
}

describe("docs/dashboards.md", () => {
  it.each(["metabase", "superset"])("has SQL for %s that runs on a store", async (tool) => {
    const all = sqlOf(tool);
    expect(all.length).toBeGreaterThanOrEqual(6);
    for (const sql of all) {
      const mine = sql.replaceAll("'default'", "'ours'");
      const rows = await rowsOf(mine);
      // Nothing here is unknown, and one Secret was read that no rule named.
      expect(rows.length, mine).toBeGreaterThan(0);
    }
  });

  it("names each question that there is for auditors", () => {
    const page = readFileSync(join(import.meta.dirname, "..", "..", "docs", "dashboards.md"), "utf8");
    const forTools = ["sessions", "decisions", "policy-findings", "shadow-summary", "shadow-differences"];
    const names = Object.keys(namedQueries).filter((name) => !forTools.includes(name));
    expect(names.filter((name) => !page.includes(`\`${name}\``))).toEqual([]);
  });
});
