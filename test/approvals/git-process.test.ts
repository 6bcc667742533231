import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { gitProcess } from "../../approvals/git/git-process.ts";
import { Repository } from "../../approvals/git/repository.ts";

const folder = (): string => {
  const made = mkdtempSync(join(tmpdir(), "sallyport-git-"));
  onTestFinished(() => rmSync(made, { recursive: true, force: true }));
  return made;
};

const opened = async (): Promise<Repository> => {
  const repository = new Repository(join(folder(), "exceptions.git"));
  await repository.ensure();
  return repository;
};

test("a process for git that dies is refused to who waits for it, and the next question starts another", async () => {
  const repository = await opened();
  const { pid = 0 } = gitProcess;
  const asked = repository.write("blob", "waits\n");
  process.kill(pid, "SIGKILL");
  await expect(asked).rejects.toMatchObject({ code: "approvals-unavailable" });
  const id = await repository.write("blob", "goes on\n");
  expect(await repository.read([id])).toEqual(["goes on\n"]);
  expect(gitProcess.pid).not.toBe(pid);
});

test("a signal that stops a gateway from its terminal leaves it git", async () => {
  const repository = await opened();
  const { pid = 0 } = gitProcess;
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.kill(pid, signal);
  expect(await repository.refs("refs/")).toEqual([]);
  expect(gitProcess.pid).toBe(pid);
});

test("the process for git keeps no gateway alive, and ends with it", async () => {
  const module = new URL("../../approvals/git/repository.ts", import.meta.url).href;
  const helper = new URL("../../approvals/git/git-process.ts", import.meta.url).href;
  const script = `
    const { Repository } = await import(${JSON.stringify(module)});
    await new Repository(${JSON.stringify(join(folder(), "exceptions.git"))}).ensure();
    console.log((await import(${JSON.stringify(helper)})).gitProcess.pid);`;
  const pid = execFileSync(process.execPath, ["--input-type=module", "--eval", script], { encoding: "utf8" }).trim();
  expect(pid).toMatch(/^\d+$/);
  await vi.waitFor(() => expect(() => process.kill(Number(pid), 0)).toThrow("ESRCH"), 45_000);
});

test("objects that are no text and many of them come back as they were written", async () => {
  const repository = await opened();
  const texts = Array.from({ length: 2500 }, (_, i) => `${i} – ünï${"x".repeat(400)}\n`);
  await repository.writeBlobs(texts);
  const ids = await Promise.all([repository.write("blob", texts[7] ?? ""), repository.write("blob", "\u0000\n\n")]);
  expect(await repository.read([...ids, "0".repeat(40)])).toEqual([texts[7], "\u0000\n\n", undefined]);
});
