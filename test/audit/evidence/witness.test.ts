import { execFileSync } from "node:child_process";
import { appendFileSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { notesIn, openWitness, type Witness } from "../../../audit/evidence/witness.ts";
import { notesAt } from "../../../audit/evidence/witness-place.ts";
import { WitnessQueue } from "../../../audit/evidence/witness-queue.ts";
import { cleanup, folder, until } from "../rig.ts";
import { s3Double } from "./s3-double.ts";

const ROOT = "A".repeat(43).concat("=");
const head = (log: string, size: number) => ({ log, size, root: ROOT });
const note = (log: string, size: number): string =>
  `sallyport/default/${log}\n${size}\n${ROOT}\n\n— sallyport/default/${log} AAAAAAAA\n`;

async function all(notes: AsyncIterable<string>): Promise<string[]> {
  const found: string[] = [];
  for await (const one of notes) found.push(one);
  return found.sort();
}

async function bucket() {
  const path = folder();
  const credentials = { accessKeyId: "AKIATEST", secretAccessKey: "secret" };
  writeFileSync(join(path, "id"), `${credentials.accessKeyId}\n`);
  writeFileSync(join(path, "secret"), credentials.secretAccessKey);
  const double = await s3Double("evidence", credentials);
  cleanup(() => double.close());
  const s3 = {
    endpoint: double.endpoint,
    region: "eu-central-1",
    bucket: "evidence",
    prefix: "sallyport/prod/",
    accessKeyIdFile: join(path, "id"),
    secretAccessKeyFile: join(path, "secret"),
    retainDays: 400,
  };
  return { double, s3, path };
}

describe("a place for checkpoints", () => {
  it("that is a file has each note added to it, whatever a crash left half written", async () => {
    const file = join(folder(), "notes");
    const witness = await openWitness({ file });
    expect(await all(witness.notes())).toEqual([]);
    await witness.append(note("a", 1), head("a", 1));
    appendFileSync(file, "\nsallyport/default/a\n7\nAAAA");
    await witness.append(note("a", 2), head("a", 2));
    expect(await all(notesAt(file))).toEqual([note("a", 1), note("a", 2)]);
  });

  it("that is a git branch has a commit a note, once, and is pushed to where nobody can force", async () => {
    const path = folder();
    const host = join(path, "host.git");
    execFileSync("git", ["init", "--quiet", "--bare", host]);
    execFileSync("git", ["-C", host, "config", "receive.denyNonFastForwards", "true"]);
    const witness = await openWitness({ git: { path: join(path, "own.git"), push: host } });
    for (const size of [1, 2, 2]) await witness.append(note("a", size), head("a", size));
    expect(await all(notesAt(host))).toEqual([note("a", 1), note("a", 2)]);
    expect(execFileSync("git", ["-C", host, "rev-list", "--count", "checkpoints"], { encoding: "utf8" }).trim()).toBe(
      "2",
    );

    // Where the branch was taken back on our side, the host refuses what would take it back there.
    execFileSync("git", ["-C", join(path, "own.git"), "update-ref", "refs/heads/checkpoints", "checkpoints~1"]);
    await expect(witness.append(note("a", 9), head("a", 9))).rejects.toThrow(/git push/);
  });

  it("that is a git repository is read as its clone too, and runs nothing that its configuration names", async () => {
    const path = folder();
    const [host, clone] = [join(path, "host.git"), join(path, "clone")];
    const run = (args: string[], input = ""): string => execFileSync("git", args, { encoding: "utf8", input }).trim();
    await (await openWitness({ git: { path: host } })).append(note("a", 1), head("a", 1));
    run(["clone", "--quiet", host, clone]);
    expect(await all(notesAt(clone))).toEqual([note("a", 1)]);

    const commit = run(["-C", host, "cat-file", "commit", "checkpoints"]);
    const signed = commit.replace(
      "\n\n",
      "\ngpgsig -----BEGIN PGP SIGNATURE-----\n \n -----END PGP SIGNATURE-----\n\n",
    );
    const id = run(["-C", host, "hash-object", "-t", "commit", "-w", "--stdin"], `${signed}\n`);
    run(["-C", host, "update-ref", "refs/heads/checkpoints", id]);
    writeFileSync(join(path, "gpg"), `#!/bin/sh\ntouch ${join(path, "ran")}\n`, { mode: 0o700 });
    run(["-C", host, "config", "log.showSignature", "true"]);
    run(["-C", host, "config", "gpg.program", join(path, "gpg")]);
    expect(await all(notesAt(host))).toEqual([note("a", 1)]);
    expect(existsSync(join(path, "ran"))).toBe(false);
  });

  it("that is a bucket has an object a note, locked, signed for, and given again without harm", async () => {
    const { double, s3 } = await bucket();
    const witness = await openWitness({ s3 });
    for (const [log, size] of [
      ["a", 9],
      ["a", 10],
      ["b", 1],
      ["a", 10],
    ] as const) {
      await witness.append(note(log, size), head(log, size));
    }
    expect([...double.objects.keys()].sort()).toEqual([
      "sallyport/prod/a/0000000000000009",
      "sallyport/prod/a/0000000000000010",
      "sallyport/prod/b/0000000000000001",
    ]);
    const [object] = double.objects.values();
    expect(object?.mode).toBe("COMPLIANCE");
    const days = (Date.parse(object?.retainUntil ?? "") - Date.now()) / 86_400_000;
    expect(days).toBeGreaterThan(399);
    expect(await all(witness.notes())).toEqual([note("a", 10), note("b", 1)]);
    await expect(witness.append(note("a", 10).replace("AAAAAAAA", "AAAABBBB"), head("a", 10))).rejects.toThrow(/412/);
  });

  it("that is a bucket gives the newest note that counts, whatever somebody put behind it, over it, or marked deleted", async () => {
    const { double, s3 } = await bucket();
    const witness = await openWitness({ s3 });
    for (const size of [1, 2]) await witness.append(note("a", size), head("a", size));
    const put = (name: string, body: string) =>
      double.objects.set(`sallyport/prod/a/${name.padStart(16, "0")}`, { body, retainUntil: "", mode: "" });
    put("9", note("a", 9).replace("AAAAAAAA", "AAAABBBB"));
    put("8", note("a", 1));
    put("2", "");
    double.older.set("sallyport/prod/a/0000000000000002", [note("a", 2)]);
    const counts = (one: string): boolean => !one.includes("BBBB");
    expect(await all(witness.notes(counts))).toContain(note("a", 2));
    double.objects.delete("sallyport/prod/a/0000000000000002");
    expect(await all(witness.notes(counts))).toContain(note("a", 2));
  });

  it("that is a bucket says why it took none: a wrong key, a server that is busy, an address that answers nothing", async () => {
    const { double, s3, path } = await bucket();
    const witness = await openWitness({ s3 });
    double.fail(503);
    await expect(witness.append(note("a", 1), head("a", 1))).rejects.toThrow(/503: SlowDown/);
    writeFileSync(join(path, "secret"), "another");
    await expect(witness.append(note("a", 1), head("a", 1))).rejects.toThrow(/403: SignatureDoesNotMatch/);
    await double.close();
    await expect(witness.append(note("a", 1), head("a", 1))).rejects.toThrow();
    expect(witness.name).not.toContain("another");
  });

  it("may be a folder of files, as a copied bucket is; one that is not there is an error", async () => {
    const path = folder();
    mkdirSync(join(path, "a"));
    writeFileSync(join(path, "a", "1"), note("a", 1));
    writeFileSync(join(path, "a", "2"), note("a", 2));
    expect(await all(notesAt(path))).toEqual([note("a", 1), note("a", 2)]);
    await expect(all(notesAt(join(path, "none")))).rejects.toThrow(/no such file/);
  });
});

describe("the queue before the places", () => {
  it("brings each note to each place in order, and a place that is away holds up no other", async () => {
    const taken: Record<string, string[]> = { well: [], ill: [] };
    let away = true;
    const place = (name: "well" | "ill"): Witness => ({
      name,
      async append(one) {
        if (name === "ill" && away) throw new Error("it is away");
        taken[name]?.push(one);
      },
      async *notes() {},
    });
    const queue = new WitnessQueue([place("ill"), place("well")], () => {});
    for (const size of [1, 2, 3]) queue.add(note("a", size), head("a", size));
    await until(() => taken.well?.length === 3);
    expect(queue.failing).toEqual([{ name: "ill", reason: "it is away" }]);
    away = false;
    await until(() => taken.ill?.length === 3);
    expect(taken.ill).toEqual([1, 2, 3].map((size) => note("a", size)));
    expect(queue.failing).toEqual([]);
  });

  it("ends in time though a place is away", async () => {
    const place: Witness = { name: "ill", append: () => Promise.reject(new Error("it is away")), async *notes() {} };
    const queue = new WitnessQueue([place], () => {});
    queue.add(note("a", 1), head("a", 1));
    await queue.close(50);
    expect(queue.failing).toHaveLength(1);
  });
});

it.each([
  ["nothing", "", 0],
  ["other text between", `x\n${note("a", 1)}y\n\n${note("a", 2)}z`, 2],
  ["a note cut off", note("a", 1).slice(0, -9), 0],
])("notes are found in a text with %s", (_, text, count) => {
  expect(notesIn(text)).toHaveLength(count);
});
