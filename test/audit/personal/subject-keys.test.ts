import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { SEALED, SubjectKeys } from "../../../audit/personal/subject-keys.ts";
import { folder, until } from "../rig.ts";

const ALICE = "corp:alice@example.com";
const BOB = "corp:bob@example.com";

describe("keys of subjects", () => {
  test("seal equal values of one subject equally, in every process that has the folder, and others otherwise", () => {
    const path = folder();
    const [here, there] = [new SubjectKeys(path), new SubjectKeys(path)];
    const sealed = here.seal(ALICE, ALICE);
    expect(sealed).toMatch(new RegExp(`^${SEALED.source}$`));
    expect(there.seal(ALICE, ALICE)).toBe(sealed);
    expect(new Set([sealed, here.seal(ALICE, BOB), here.seal(BOB, ALICE), here.seal(BOB, BOB)]).size).toBe(4);
    expect(new SubjectKeys(folder()).seal(ALICE, ALICE)).not.toBe(sealed);
  });

  test("show what they sealed, wherever it stands, and nothing that was changed", () => {
    const keys = new SubjectKeys(folder());
    const [alice, bob] = [keys.seal(ALICE, ALICE), keys.seal(BOB, "naïve “text”")];
    expect(keys.reveal(`denied by ${alice}: ${bob}.`)).toBe(`denied by ${ALICE}: naïve “text”.`);
    const changed = `${alice.slice(0, -1)}${alice.endsWith("A") ? "B" : "A"}`;
    const others = alice.replace(/[0-9a-f]{32}/, /[0-9a-f]{32}/.exec(bob)?.[0] ?? "");
    const cut = `${alice.slice(0, 60)}`;
    for (const text of [changed, others, cut, "personal:", `personal:${"0".repeat(32)}.${"A".repeat(80)}`]) {
      expect(keys.reveal(text)).toBe(text);
    }
  });

  test("tell nobody without them whose they are", () => {
    const path = folder();
    new SubjectKeys(path).seal(ALICE, ALICE);
    const files = readdirSync(path).map((name) => name + readFileSync(join(path, name), "latin1"));
    expect(files).toHaveLength(2);
    for (const text of files) expect(text).not.toContain("alice");
  });

  test("are gone once their subject is forgotten: nothing opens what they sealed, and who comes back has another", () => {
    const path = folder();
    const keys = new SubjectKeys(path);
    const [alice, bob] = [keys.seal(ALICE, ALICE), keys.seal(BOB, BOB)];
    expect(keys.forget(ALICE, Date.UTC(2026, 10, 22))).toBe(true);
    expect([keys.has(ALICE), keys.forget(ALICE, 0)]).toEqual([false, false]);
    expect([keys.reveal(alice), keys.reveal(bob)]).toEqual([alice, BOB]);
    expect(new SubjectKeys(path).reveal(alice)).toBe(alice);
    expect(readFileSync(join(path, "forgotten.ndjson"), "utf8")).toBe(
      `{"at":"2026-11-22T00:00:00.000Z","subject":"${/[0-9a-f]{32}/.exec(alice)?.[0]}"}\n`,
    );
    const again = keys.seal(ALICE, ALICE);
    expect(again).not.toBe(alice);
    expect([keys.reveal(again), keys.reveal(alice)]).toEqual([ALICE, alice]);
  });

  test("that another process destroyed are used no more within a second or two", async () => {
    const path = folder();
    const keys = new SubjectKeys(path);
    const sealed = keys.seal(ALICE, ALICE);
    new SubjectKeys(path).forget(ALICE, 0);
    await until(() => keys.reveal(sealed) === sealed);
    expect(keys.seal(ALICE, ALICE)).not.toBe(sealed);
  });

  test("that are torn open nothing, and are not written over", () => {
    const path = folder();
    const sealed = new SubjectKeys(path).seal(ALICE, ALICE);
    const file = join(path, readdirSync(path).find((name) => name !== "index.key") ?? "");
    writeFileSync(file, "half");
    const keys = new SubjectKeys(path);
    expect(keys.reveal(sealed)).toBe(sealed);
    expect(() => keys.seal(ALICE, ALICE)).toThrow("is no key");
    expect(readFileSync(file, "utf8")).toBe("half");
  });
});
