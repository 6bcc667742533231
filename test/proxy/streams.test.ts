import { describe, expect, test } from "vitest";
import type { Session } from "../../identity/types.ts";
import { SecondAttempts } from "../../proxy/hold/second-attempts.ts";
import { OpenSessions } from "../../proxy/open-sessions.ts";
import { OpenStreams } from "../../proxy/open-streams.ts";
import { StreamRoom } from "../../proxy/tunnel/stream-room.ts";

const time = { ms: 1_000_000 };
const clock = { now: () => time.ms };
const session = (id: string): Session => ({
  id,
  startedAt: 0,
  limitAt: Number.MAX_SAFE_INTEGER,
  agent: "",
  reason: "",
  owner: { issuer: "dev", username: id },
  labels: {},
  source: "id-token",
});

describe("a session", () => {
  test("with a stream open is not idle, however quiet the stream is", () => {
    const sessions = new OpenSessions(clock);
    const streams = new OpenStreams();
    for (const id of ["quiet", "gone"]) sessions.touch(session(id));
    const forget = streams.add({ sessionId: "quiet", expiresAt: 0, stillAllowed: () => true, end: () => {} });
    time.ms += 10_000;
    for (const id of streams.sessions()) sessions.keep(id);
    expect(sessions.expire(5_000).map(({ id }) => id)).toEqual(["gone"]);
    forget();
    expect(streams.sessions().size).toBe(0);
  });
});

describe("open streams", () => {
  const opened = (streams: OpenStreams, approval: string | undefined): string[] => {
    const ended: string[] = [];
    streams.add({ sessionId: "s", expiresAt: 0, approval, stillAllowed: () => true, end: (why) => ended.push(why) });
    return ended;
  };

  test("end with the approval that they stand on, and no others do", async () => {
    const streams = new OpenStreams();
    const [revoked, kept, unapproved] = [opened(streams, "a-1"), opened(streams, "b-1"), opened(streams, undefined)];
    await streams.endRevoked(async (name) => name === "b-1");
    expect([revoked, kept, unapproved]).toEqual([["its approval was revoked"], [], []]);
  });

  test("that open after all were ended end too: a gateway that shuts down waits for none", async () => {
    const streams = new OpenStreams();
    const before = opened(streams, undefined);
    streams.endAll("the gateway is shutting down");
    const after = opened(streams, undefined);
    // Not before who opens it knows that it is open.
    expect(after).toEqual([]);
    await Promise.resolve();
    expect([before, after]).toEqual([["the gateway is shutting down"], ["the gateway is shutting down"]]);
  });

  test("end where nobody can say whether their approval stands", async () => {
    const streams = new OpenStreams();
    const ended = opened(streams, "a-1");
    await streams.endRevoked(() => Promise.reject(new Error("the repository cannot be read")));
    expect(ended).toHaveLength(1);
  });
});

describe("a use that reached no pod", () => {
  const use = { approval: "a-1", spentAs: "exchange" };

  test("is the second attempt's: of its session, for the same request, once and soon", () => {
    const attempts = new SecondAttempts(clock);
    attempts.offer("s", "digest", use);
    expect(attempts.take("other", "digest")).toBeUndefined();
    expect(attempts.take("s", "another")).toBeUndefined();
    expect(attempts.take("s", "digest")).toMatchObject(use);
    expect(attempts.take("s", "digest")).toBeUndefined();
  });

  test("is nobody's after half a minute, and no number of them fills memory", () => {
    const attempts = new SecondAttempts(clock);
    for (let n = 0; n < 2_000; n++) attempts.offer("s", `early-${n}`, use);
    expect(attempts.take("s", "early-1999")).toBeUndefined();
    time.ms += 30_000;
    expect(attempts.take("s", "early-1")).toBeUndefined();
    attempts.offer("s", "late", use);
    expect(attempts.take("s", "late")).toMatchObject(use);
  });
});

describe("the room for what waits for the disk", () => {
  test("is full past its limit, and tells who waits once, when there is room again", () => {
    const room = new StreamRoom(100);
    let told = 0;
    room.take(80);
    room.take(30);
    expect(room.full).toBe(true);
    room.whenRoom(() => told++);
    room.give(5);
    expect(told).toBe(0);
    room.give(25);
    room.give(80);
    expect([room.full, told]).toEqual([false, 1]);
  });
});
