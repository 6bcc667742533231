import { describe, expect, test } from "vitest";
import type { EventDraft, Recorder } from "../../../audit/event.ts";
import { SessionValues } from "../../../engine/mask/session-values.ts";
import { withholding } from "../../../proxy/withhold/withholding-recorder.ts";

const VALUE = "0b3f7c-correct-horse-battery";
const MASKED = "**sallyport-masked**";
const UNSEARCHED = "**sallyport-withheld: not searchable**";

/** Takes what it is handed, and keeps nothing else. */
function recorder(): { events: EventDraft[]; through: (...sources: SessionValues[]) => Recorder } {
  const events: EventDraft[] = [];
  const taken: Recorder = {
    record: (event) => void events.push(event),
    recordDurably: async (event) => void events.push(event),
    recordPart: async () => {},
    failure: () => undefined,
    flush: async () => {},
    close: async () => {},
  };
  return { events, through: (...sources) => withholding(taken, sources) };
}

function knowing(...values: string[]): SessionValues {
  const known = new SessionValues();
  for (const [i, value] of values.entries()) known.of("s").add(value, { path: `shop/db:data.p${i}` });
  return known;
}

const event = (more: Partial<EventDraft>): EventDraft => ({
  kind: "request.refused",
  session_id: "s",
  at_ms: 1,
  ...more,
});

function recorded(draft: EventDraft, ...sources: SessionValues[]): EventDraft {
  const { events, through } = recorder();
  through(...sources).record(draft);
  return events[0] as EventDraft;
}

describe("what is handed to the recorder", () => {
  test("says in place of a known value that there was one, and where it comes from", () => {
    const payload = {
      code: "forbidden",
      message: `no ${VALUE} here`,
      findings: [{ rule: "a/b", message: VALUE, fields: [] }],
    };
    expect(recorded(event({ payload, user_agent: VALUE }), knowing(VALUE))).toMatchObject({
      user_agent: MASKED,
      payload: {
        code: "forbidden",
        message: `no ${MASKED} here`,
        findings: [{ rule: "a/b", message: MASKED, fields: [] }],
        withheld: ["shop/db:data.p0"],
      },
    });
  });

  test("is searched for what any of the sources knows", () => {
    const other = "another-value-7f21";
    const { payload } = recorded(
      event({ payload: { message: `${VALUE} ${other}` } }),
      knowing(VALUE),
      knowing("", other),
    );
    expect(payload?.message).toBe(`${MASKED} ${MASKED}`);
  });

  test("of another session stays as it is", () => {
    const draft = event({ session_id: "t", payload: { message: VALUE }, user_agent: VALUE });
    expect(recorded(structuredClone(draft), knowing(VALUE))).toEqual(draft);
  });

  // Whoever writes a Secret chooses its value.
  const own: [title: string, value: string, draft: Partial<EventDraft>][] = [
    ["a decision's id", "01a205a0-9381-788e", { payload: { decisionId: "01a205a0-9381-788e" } }],
    ["a refusal's code", "policy-denied", { payload: { code: "policy-denied" } }],
    [
      "a rule",
      "workload/host-path",
      { rules: ["workload/host-path"], payload: { findings: [{ rule: "workload/host-path" }] } },
    ],
    ["JSON of its own", '"forwarded":true,"', { payload: { forwarded: true, dryRun: false } }],
    [
      "the object's name",
      "evil-binding-0001",
      {
        name: "evil-binding-0001",
        resource: "clusterrolebindings",
        path: "/apis/rbac/v1/clusterrolebindings/evil-binding-0001",
      },
    ],
    [
      "who approved",
      "corp:alice@example.com",
      { payload: { approvers: ["corp:alice@example.com"], by: "corp:alice@example.com" } },
    ],
  ];
  test.each(own)("keeps %s, though a Secret has it for a value", (_title, value, draft) => {
    const plain = event(draft);
    expect(recorded(structuredClone(plain), knowing(value))).toEqual(plain);
  });

  test("is still JSON where a value looks like a part of it", () => {
    const request = { query: { x: VALUE }, path: "/api", resource: { resource: "pods" }, verb: "get" };
    const input = JSON.stringify({ request, session: { agent: "", reason: "" } });
    const clean = recorded(event({ input }), knowing(VALUE, '"path":"/api","resource"')).input ?? "";
    expect(JSON.parse(clean).request).toEqual({ ...request, query: { x: MASKED } });
  });

  test("a moment after its session ended is searched as before", () => {
    const known = knowing(VALUE);
    known.forget("s");
    expect(recorded(event({ payload: { message: VALUE } }), known).payload?.message).toBe(MASKED);
  });

  test("of a session that knows more than can be looked for keeps none of its texts, and all else", () => {
    const known = knowing(VALUE);
    known.of("s").overflow();
    const draft = event({
      payload: { code: "forbidden", message: "anything", forwarded: false },
      user_agent: "kubectl",
      input: "{}",
    });
    expect(recorded(draft, known)).toMatchObject({
      user_agent: UNSEARCHED,
      input: undefined,
      payload: { code: "forbidden", message: UNSEARCHED, forwarded: false },
    });
  });
});
