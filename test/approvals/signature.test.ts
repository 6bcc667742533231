import { execFileSync, spawnSync } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { readMergeKey, signSsh, sshPublicKey, verifySsh } from "../../approvals/git/ssh-signature.ts";
import { approved, newMergeKey, rig } from "./embedded.ts";

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "sallyport-key-"));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

const hasSshKeygen = spawnSync("ssh-keygen", ["-?"]).error === undefined;

test.skipIf(!hasSshKeygen)("git itself verifies the merge with the gateway's public key", async () => {
  const r = await rig();
  await approved(r.home);
  const signers = join(folder(), "allowed-signers");
  writeFileSync(signers, `gateway ${sshPublicKey(readMergeKey(r.mergeKeyFile).publicKey)}\n`);
  const verify = (file: string) =>
    spawnSync("git", ["-C", r.path, "-c", `gpg.ssh.allowedSignersFile=${file}`, "verify-commit", "refs/heads/main"], {
      encoding: "utf8",
    });
  expect(verify(signers)).toMatchObject({
    status: 0,
    stderr: expect.stringContaining('Good "git" signature for gateway'),
  });
  const other = join(folder(), "others");
  writeFileSync(other, `gateway ${sshPublicKey(generateKeyPairSync("ed25519").publicKey)}\n`);
  expect(verify(other).status).not.toBe(0);
});

test("a signature is valid for its key and its message only, and for nothing malformed", () => {
  const path = folder();
  const key = readMergeKey(newMergeKey(path));
  const other = readMergeKey(newMergeKey(path, "other.pem"));
  const signature = signSsh(key, "message");
  expect(verifySsh([other.publicKey, key.publicKey], "message", signature)).toBe(true);
  expect(verifySsh([key.publicKey], "another message", signature)).toBe(false);
  expect(verifySsh([other.publicKey], "message", signature)).toBe(false);
  expect(verifySsh([], "message", signature)).toBe(false);
  for (const broken of ["", "x", signature.slice(0, 200), signature.replace("U1NI", "U1NJ"), signature.repeat(2)]) {
    expect(verifySsh([key.publicKey], "message", broken)).toBe(false);
  }
});

test("a merge key of another kind is a mistake of the configuration that shows no key", () => {
  const file = join(folder(), "ec.pem");
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  writeFileSync(file, privateKey.export({ type: "pkcs8", format: "pem" }));
  expect(() => readMergeKey(file)).toThrow(expect.objectContaining({ exitCode: 2 }));
});

test("a rotated merge key signs, and what the old one signed still counts", async () => {
  const r = await rig();
  const approval = await approved(r.home);
  await r.home.close();
  const fresh = newMergeKey(folder());
  const again = await r.open({ mergeKeyFile: [fresh, r.mergeKeyFile] });
  expect(await again.find(approval.proposal.digest)).toMatchObject({ state: "approved" });
  await approved(again, { digest: "b".repeat(64) });
  await again.close();
  const without = await r.open({ mergeKeyFile: fresh });
  expect(await without.find(approval.proposal.digest)).toBeUndefined();
  expect(await without.find("b".repeat(64))).toMatchObject({ state: "approved" });
});

test("no commit claims a person as its author", async () => {
  const r = await rig();
  await approved(r.home);
  const authors = execFileSync("git", ["-C", r.path, "log", "--format=%an <%ae>%cn", "--all"], { encoding: "utf8" });
  expect(new Set(authors.trim().split("\n"))).toEqual(new Set(["Sallyport <gateway@sallyport.invalid>Sallyport"]));
});
