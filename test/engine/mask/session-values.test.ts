import { expect, test } from "vitest";
import { SessionValues } from "../../../engine/mask/session-values.ts";

const VALUE = "0b3f7c-correct-horse-battery";

/** Whether what still comes on record of a session is searched for what it knew, left out, or kept as it is. */
function late(sessions: SessionValues, id: string): "searched" | "left out" | "kept" {
  const known = sessions.known(id);
  if (known.some(({ complete }) => !complete)) return "left out";
  return known.some((one) => one.standsIn(Buffer.from(VALUE))) ? "searched" : "kept";
}

function end(sessions: SessionValues, id: string, value = VALUE): void {
  sessions.of(id).add(value);
  sessions.forget(id);
}

test("what comes late of more sessions than are searched is left out, and that of the others is searched", () => {
  const sessions = new SessionValues();
  for (let i = 0; i < 1_100; i++) end(sessions, `s-${i}`);
  expect(late(sessions, "s-0")).toBe("searched");
  expect(late(sessions, "s-999")).toBe("searched");
  expect(late(sessions, "s-1000")).toBe("left out");
  expect(late(sessions, "s-1099")).toBe("left out");
  expect(late(sessions, "another")).toBe("kept");
});

test("where more sessions end than can be told apart, what comes of any is left out", () => {
  const sessions = new SessionValues({ searched: 1, ended: 3 });
  for (let i = 0; i < 3; i++) end(sessions, `s-${i}`);
  expect(late(sessions, "another")).toBe("kept");
  end(sessions, "s-3");
  expect(late(sessions, "s-3")).toBe("left out");
  expect(late(sessions, "another")).toBe("left out");
});

test("what comes late of a session that knew more than can be looked for is left out, as before its end", () => {
  const sessions = new SessionValues();
  sessions.of("s").add(VALUE);
  sessions.of("s").overflow();
  sessions.forget("s");
  expect(late(sessions, "s")).toBe("left out");
});

test("a session that ends twice is searched for nothing less", () => {
  const sessions = new SessionValues();
  end(sessions, "s");
  end(sessions, "s", "another-value-7f21");
  expect(late(sessions, "s")).not.toBe("kept");
});

test("what sessions that ended knew takes no more room than what open ones know", () => {
  const sessions = new SessionValues();
  const large = "v".repeat(100_000);
  for (let i = 0; i < 16; i++) {
    const id = `large-${i}`;
    for (let n = 0; n < 5; n++) sessions.of(id).add(`${i} ${n} ${large}`);
    sessions.forget(id);
  }
  end(sessions, "small");
  expect(late(sessions, "small")).toBe("searched");
  // What is looked for is made when it is asked for, and may take the room of one that was asked before.
  const all = () => Array.from({ length: 16 }, (_, i) => late(sessions, `large-${i}`));
  all();
  expect(all()).toContain("left out");
  expect(all()).toContain("kept");
  expect(late(sessions, "small")).toBe("searched");
});
