import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { EventDraft, EventRow } from "../../audit/event.ts";
import { readApiAudit, reconcile } from "../../audit/reconcile.ts";
import { Chains } from "../../audit/recorder/chain.ts";
import { draft, folder } from "./rig.ts";

const GATEWAY = "system:serviceaccount:sallyport:gateway";

function events(drafts: Partial<EventDraft>[]): EventRow[] {
  const chains = new Chains({ tenant: "default", writer: "w", newWriter: () => "w2" });
  return drafts.map((over) => {
    const payload = JSON.stringify(over.payload ?? {});
    return JSON.parse(chains.next({ draft: draft(over), payload, requestBody: "", responseBody: "" }).line) as EventRow;
  });
}
const forwarded = { forwarded: true };
const OURS: Partial<EventDraft>[] = [
  { kind: "request.intent", exchange_id: "write", payload: forwarded },
  { kind: "request.outcome", exchange_id: "write", payload: forwarded },
  { kind: "request.outcome", exchange_id: "read", payload: forwarded },
  { kind: "gather", exchange_id: "gathered", payload: { parent: "write" } },
  { kind: "request.refused", exchange_id: "blocked", payload: { code: "policy-denied" } },
  { kind: "request.intent", exchange_id: "unreachable", payload: forwarded },
  { kind: "request.refused", exchange_id: "unreachable", payload: { code: "upstream-unreachable", forwarded: false } },
  { kind: "request.outcome", exchange_id: "panicked", payload: forwarded },
  { kind: "request.intent", exchange_id: "cut-off", payload: forwarded },
];
const entry = (auditID: string, stage = "ResponseComplete", user = GATEWAY): string =>
  JSON.stringify({
    kind: "Event",
    auditID,
    stage,
    verb: "get",
    requestURI: "/api",
    user: { username: user },
    impersonatedUser: { username: "corp:alice" },
    responseStatus: { code: 200 },
    requestReceivedTimestamp: "2026-11-22T10:00:00.000000Z",
  });
const THEIRS: string[] = [
  entry("write", "RequestReceived"),
  entry("write"),
  entry("read", "RequestReceived"),
  entry("read", "ResponseStarted"),
  entry("read"),
  entry("gathered"),
  entry("panicked", "RequestReceived"),
  entry("panicked", "Panic"),
  entry("cut-off", "RequestReceived"),
  entry("by-hand", "ResponseComplete", "system:admin"),
];

async function compare(ours: EventRow[], theirs: string[]) {
  const file = join(folder(), "audit.log");
  writeFileSync(file, `${theirs.join("\n")}\n`);
  return reconcile(ours, readApiAudit(file), { gatewayUsers: [GATEWAY] });
}

describe("reconcile", () => {
  it("finds every forwarded and gathered request in both records, whatever stage it got to", async () => {
    const result = await compare(events(OURS), THEIRS);
    expect(result).toMatchObject({ whole: true, missingInOurs: [], missingInTheirs: [], duplicated: [] });
    expect(result.inBoth.sort()).toEqual(["cut-off", "gathered", "panicked", "read", "write"]);
  });

  it.each(["read", "gathered"])("is not whole when the event of %s is deleted from our record", async (id) => {
    const result = await compare(
      events(OURS).filter(({ exchange_id }) => exchange_id !== id),
      THEIRS,
    );
    expect(result).toMatchObject({ whole: false, missingInOurs: [{ auditID: id }] });
  });

  it("lists a call that was made directly with the gateway's credential", async () => {
    const result = await compare(events(OURS), [...THEIRS, entry("around")]);
    expect(result).toMatchObject({
      whole: false,
      missingInOurs: [{ auditID: "around", user: GATEWAY, requestURI: "/api" }],
    });
  });

  it("leaves out what administrators did straight at the API server", async () => {
    expect(
      (await compare(events(OURS), [...THEIRS, entry("more", "ResponseComplete", "kubernetes-admin")])).whole,
    ).toBe(true);
  });

  it("lists what we say was forwarded and the API server never saw", async () => {
    const result = await compare(
      events(OURS),
      THEIRS.filter((line) => !line.includes('"read"')),
    );
    expect(result).toMatchObject({ whole: false, missingInTheirs: [{ exchange_id: "read" }] });
  });

  it("finds a blocked request that the API server saw all the same", async () => {
    expect(await compare(events(OURS), [...THEIRS, entry("blocked")])).toMatchObject({
      whole: false,
      missingInOurs: [{ auditID: "blocked" }],
    });
  });

  it("finds a request that was answered twice, on either side", async () => {
    expect(await compare(events(OURS), [...THEIRS, entry("read")])).toMatchObject({
      whole: false,
      duplicated: [{ exchange_id: "read", theirs: 2 }],
    });
    const twice = [...OURS, { kind: "request.outcome" as const, exchange_id: "read", payload: forwarded }];
    expect(await compare(events(twice), THEIRS)).toMatchObject({
      whole: false,
      duplicated: [{ exchange_id: "read", ours: 2 }],
    });
  });

  it("compares what either side has within a period, such as the time that a rotated log covers", async () => {
    const ours = events(OURS);
    const at = Date.parse(`${ours[0]?.at.replace(" ", "T")}Z`);
    const theirs = THEIRS.filter((line) => !line.includes('"read"'));
    const options = { gatewayUsers: [GATEWAY] };
    const log = async function* () {
      for (const line of theirs) {
        const { auditID, stage } = JSON.parse(line) as { auditID: string; stage: string };
        const rest = { verb: "get", requestURI: "/", user: GATEWAY, impersonatedUser: "", status: 200 };
        yield { auditID, stage, ...rest, at: new Date(at + 1000).toISOString() };
      }
    };
    const within = await reconcile(ours, log(), { ...options, period: { since: at - 60_000, until: at + 60_000 } });
    expect(within.missingInTheirs).toMatchObject([{ exchange_id: "read" }]);
    const after = await reconcile(ours, log(), { ...options, period: { since: at + 600_000 } });
    expect(after).toMatchObject({ whole: true, missingInTheirs: [], inBoth: [] });
  });

  it.each([
    ["a line that is no JSON", "{", /audit\.log:2 is not JSON/],
    ["JSON of another kind", '{"a":1}', /audit\.log:2 is no event of audit\.k8s\.io/],
  ])("names the line: %s", async (_, line, message) => {
    await expect(compare([], [entry("read"), line])).rejects.toThrow(message);
  });
});
