import { expect, test } from "vitest";
import { readPeerMessage, signPeerMessage } from "../../approvals/peer-message.ts";

const KEY = new Uint8Array(32).fill(1);
const OTHER = new Uint8Array(32).fill(2);
const NOW = Date.UTC(2026, 10, 22, 10);
const kill = { session: "s-1", by: "corp:alice@example.com", reason: "stolen", at: NOW, until: NOW + 1000 };
const signed = signPeerMessage(KEY, NOW, { kills: [kill] });

test("a peer's message is read under any key of the list", () => {
  expect(readPeerMessage([OTHER, KEY], NOW, signed)).toEqual({ kills: [kill] });
});

const forged = (body: unknown) => {
  const text = JSON.stringify(body);
  return { ...signPeerMessage(KEY, NOW, body as { kills: [] }), body: text };
};

test.each([
  ["under another key", { ...signed, ...signPeerMessage(OTHER, NOW, { kills: [] }) }, NOW],
  ["with no signature", { ...signed, signature: "" }, NOW],
  ["with another body", { ...signed, body: '{"kills":[]}' }, NOW],
  ["with another time", { ...signed, timestamp: String(NOW + 1) }, NOW],
  ["of two minutes ago", signed, NOW + 120_000],
  ["of two minutes from now", signed, NOW - 120_000],
  ["with no time", { ...signed, timestamp: "" }, NOW],
  ["of a session whose name is a path", forged({ kills: [{ ...kill, session: "../main" }] }), NOW],
  ["of what nobody knows", forged({ kills: [], orders: [] }), NOW],
  ["of more kills than any", forged({ kills: Array.from({ length: 101 }, () => kill) }), NOW],
])("one %s is none", (_title, message, now) => {
  expect(readPeerMessage([KEY], now, message)).toBeUndefined();
});
