import { expect, test } from "vitest";
import { ByteFilter } from "../../../engine/mask/byte-filter.ts";
import { SessionValues } from "../../../engine/mask/session-values.ts";

/** A small seeded generator, so that the cases are the same everywhere. */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

test("never rules out bytes in which a pattern stands, wherever it stands and however many there are", () => {
  const below = random(1);
  for (const count of [1, 3, 50, 3_000]) {
    const filter = new ByteFilter();
    const bytes = (length: number): Buffer => Buffer.from(Array.from({ length }, () => 97 + below(4)));
    const patterns = Array.from({ length: count }, () => bytes(8 + below(30)));
    for (const pattern of patterns) filter.add(pattern);
    for (let i = 0; i < 500; i++) {
      const pattern = patterns[below(count)] as Buffer;
      expect(filter.mayStandIn(Buffer.concat([bytes(below(20)), pattern, bytes(below(20))]))).toBe(true);
    }
  }
});

test("rules out what only has parts of patterns, and takes up patterns one by one", () => {
  const filter = new ByteFilter();
  expect(filter.mayStandIn(Buffer.from("correct-horse-battery"))).toBe(false);
  filter.add(Buffer.from("correct-horse-battery"));
  expect(filter.mayStandIn(Buffer.from("a correct-horse-battery"))).toBe(true);
  // It looks at the first eight bytes; what follows is for the matcher.
  expect(filter.mayStandIn(Buffer.from("a correct answer"))).toBe(false);
  expect(filter.mayStandIn(Buffer.from("orrect-horse-battery"))).toBe(false);
  expect(filter.mayStandIn(Buffer.from("correct"))).toBe(false);
});

test("rules out nothing where a pattern is too short to be looked for", () => {
  const filter = new ByteFilter();
  filter.add(Buffer.from("seven77"));
  expect(filter.mayStandIn(Buffer.from("something else"))).toBe(true);
});

test("sessions that know nothing take no tables: a hundred thousand may be open", () => {
  const sessions = new SessionValues();
  const before = process.memoryUsage().arrayBuffers;
  for (let n = 0; n < 1000; n++) sessions.of(`s-${n}`);
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1_000_000);
  expect(sessions.of("s-1").mayStandIn(Buffer.from("anything at all"))).toBe(false);
});
