import { expect, test } from "vitest";
import type { EventDraft } from "../../audit/event.ts";
import { SessionValues } from "../../engine/mask/session-values.ts";
import type { ChannelFrame, TunnelEvent } from "../../kubernetes/channels/types.ts";
import type { Deps } from "../../proxy/deps.ts";
import type { Known } from "../../proxy/exchange.ts";
import { StreamRecording } from "../../proxy/tunnel/stream-recording.ts";
import { StreamRoom } from "../../proxy/tunnel/stream-room.ts";

const VALUE = "0b3f7c-correct-horse-battery";
const BATCH = "x".repeat(70_000);

function rig() {
  const events: EventDraft[] = [];
  const recordValues = new SessionValues();
  recordValues.of("s").add(VALUE);
  const deps = {
    recorder: { recordDurably: async (event: EventDraft) => void events.push(event) },
    streamRoom: new StreamRoom(),
    knownValues: new SessionValues(),
    recordValues,
  } as unknown as Deps;
  const exchange = {
    id: "e",
    sourceIP: "",
    req: { headers: {} },
    session: { id: "s" },
    attributes: { subResource: "portforward" },
    decision: { record: "RequestResponse", findings: [], revision: { bundle: "b", guardrails: "g" } },
  } as unknown as Known;
  const recording = new StreamRecording(exchange, deps, (error) => {
    throw error;
  });
  return { events, recording };
}

const data = (stream: number, text: string, fin = false): ChannelFrame => {
  return { kind: "data", channel: "data", stream, payload: Buffer.from(text), first: true, last: true, fin };
};

const ends: [title: string, end: TunnelEvent[]][] = [
  ["with its last bytes", [data(1, VALUE.slice(0, 9), true)]],
  ["with an empty frame", [data(1, VALUE.slice(0, 9)), data(1, "", true)]],
  ["at once", [data(1, VALUE.slice(0, 9)), { kind: "reset", channel: "data", stream: 1, status: 5 }]],
];

test.each(ends)("a forwarded connection that ends %s holds back nothing of those that go on", async (_title, end) => {
  const { events, recording } = rig();
  for (const event of end) recording.add("up", event);
  recording.add("down", data(3, BATCH));
  const seen = events.flatMap(({ payload }) => payload?.frames as { data?: string }[]);
  expect(seen.map((frame) => Buffer.from(frame.data ?? "", "base64").toString()).slice(0, 1)).toEqual([
    VALUE.slice(0, 9),
  ]);
  await recording.close();
});
