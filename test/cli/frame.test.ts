import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { ConfigError } from "../../base/config/issues.ts";
import { Refusal, UserError } from "../../base/errors.ts";
import { withProgress } from "../../cli/progress.ts";
import { renderError } from "../../cli/render-error.ts";
import { colourFor, printable } from "../../cli/style.ts";
import { sallyport } from "./run.ts";

describe("wrong usage exits 2", () => {
  const wrong: [what: string, args: string[], says: RegExp][] = [
    ["an unknown command, naming the nearest", ["doctro"], /unknown command 'doctro'[\s\S]*doctor/],
    ["an unknown subcommand, naming the nearest", ["connection", "chek"], /unknown command 'chek'[\s\S]*check/],
    [
      "an unknown option, naming the nearest",
      ["connection", "add", "x", "--server", "y", "--ca-fil", "z"],
      /unknown option '--ca-fil'[\s\S]*--ca-file/,
    ],
    [
      "kubectl's options among ours, saying where they go",
      ["policy", "explain", "kubectl", "apply", "-f", "x.yaml"],
      /unknown option '-f'[\s\S]*next: .*policy explain -- kubectl/,
    ],
    ["a missing option", ["connection", "check"], /--config/],
    ["an output that there is none of", ["doctor", "--output", "xml"], /text, json/],
    ["no command", [], /Usage: sallyport/],
  ];
  test.each(wrong)("%s", async (_what, args, says) => {
    const { code, stdout, stderr } = await sallyport(args);
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toMatch(says);
  });
});

test("help and version are on stdout, exit 0", async () => {
  expect(await sallyport(["--version"])).toMatchObject({ code: 0, stdout: "0.1.0\n", stderr: "" });
  expect(await sallyport(["connection", "add", "--help"])).toMatchObject({
    code: 0,
    stdout: expect.stringContaining("--output"),
    stderr: "",
  });
});

test("configuration mistakes are listed all at once, with exit 2", async () => {
  const folder = mkdtempSync(join(tmpdir(), "sallyport-cli-"));
  const file = join(folder, "sallyport.yaml");
  writeFileSync(file, "apiVersion: sallyport.dev/v1alpha1\nkind: Gateway\nlisen: {}\n");
  const { code, stdout, stderr } = await sallyport(["connection", "check", "--config", file]);
  rmSync(folder, { recursive: true });
  expect([code, stdout]).toEqual([2, ""]);
  expect(stderr).toContain('lisen: unknown key; did you mean "listen"?');
  expect(stderr).toContain("connections: ");
});

test("with --output json an error is one JSON object on stderr", async () => {
  const { code, stdout, stderr } = await sallyport([
    "connection",
    "check",
    "--config",
    "/nowhere.yaml",
    "--output",
    "json",
  ]);
  expect([code, stdout]).toEqual([2, ""]);
  expect(JSON.parse(stderr)).toMatchObject({ error: { details: ["(file): no such file"], exitCode: 2 } });
});

describe("an error says what happened, and what now", () => {
  const render = (error: unknown) => renderError(error, { output: "text", colour: false });
  const errors: [what: string, error: unknown, exitCode: number, text: string][] = [
    [
      "for a user",
      new UserError("no such approval", { exitCode: 1, next: "List them." }),
      1,
      "error: no such approval\nnext: List them.\n",
    ],
    [
      "for a configuration",
      new ConfigError("f.yaml", [{ path: "a.b", message: "is wrong" }]),
      2,
      "error: f.yaml: 1 mistake\n  a.b: is wrong\n",
    ],
    [
      "for a refusal, with rule, field, approval and decision",
      new Refusal("approval-pending", "held", {
        causes: [{ rule: "workload/host-path", message: "mounts the host", field: "spec.volumes[0]" }],
        approvalUrl: "https://s/approvals/x-1",
        decisionId: "d-1",
        next: "Ask.",
      }),
      1,
      "error: held\n  workload/host-path: mounts the host (spec.volumes[0])\n  approval: https://s/approvals/x-1\n  decision d-1\nnext: Ask.\n",
    ],
    ["for a part of ours that is down", new Refusal("recorder-unavailable", "down"), 3, "error: down\n"],
    [
      "for a file",
      Object.assign(new Error("x"), { code: "EACCES", path: "/etc/x" }),
      3,
      "error: /etc/x: permission denied\n",
    ],
  ];
  test.each(errors)("%s", (_what, error, exitCode, text) => {
    expect(render(error)).toEqual({ text, exitCode });
  });

  test("for what was not expected, asking for a report", () => {
    expect(render(new TypeError("boom"))).toMatchObject({
      exitCode: 3,
      text: expect.stringMatching(/unexpected: boom\nnext: This is a bug/),
    });
  });

  test("and never a token that an error quotes", () => {
    const token = `eyJhbGciOiJFUzI1NiJ9.${"a".repeat(20)}.sig`;
    expect(render(new Error(`bad token ${token}`)).text).not.toContain("eyJ");
    expect(renderError(new Error(`bad token ${token}`), { output: "json", colour: false }).text).not.toContain("eyJ");
  });

  test("and never a control sequence that somebody else wrote (CVE-2021-25743)", () => {
    expect(render(new UserError("reason: \u001b[2J\u202egone")).text).toBe("error: reason: \\u001b[2J\\u202egone\n");
    expect(printable("a\tb\nc")).toBe("a\tb\nc");
  });
});

describe("colour", () => {
  const cases: [what: string, isTTY: boolean, env: NodeJS.ProcessEnv, colour: boolean][] = [
    ["is used on a terminal", true, {}, true],
    ["is not used in a pipe", false, {}, false],
    ["is not used with NO_COLOR", true, { NO_COLOR: "1" }, false],
    ["is used with an empty NO_COLOR (no-color.org)", true, { NO_COLOR: "" }, true],
    ["is not used on a dumb terminal", true, { TERM: "dumb" }, false],
  ];
  test.each(cases)("%s", (_what, isTTY, env, colour) => {
    expect(colourFor({ isTTY }, env)).toBe(colour);
  });
});

describe("progress", () => {
  const stream = (isTTY: boolean) => {
    const written: string[] = [];
    return { isTTY, written, write: (text: string) => written.push(text) };
  };
  const until = async (holds: () => boolean): Promise<void> => {
    while (!holds()) await new Promise((resolve) => setTimeout(resolve, 1));
  };

  test("of what is quick is not shown", async () => {
    const quiet = stream(true);
    await withProgress("waiting", async () => "done", { stream: quiet });
    expect(quiet.written).toEqual([]);
  });

  test("is one plain line for each new thing where stderr is no terminal", async () => {
    const plain = stream(false);
    const work = async (progress: { update(text: string): void }) => {
      await until(() => plain.written.length > 0);
      progress.update("next");
    };
    await withProgress("waiting", work, { stream: plain, silentMs: 10 });
    expect(plain.written).toEqual([
      expect.stringMatching(/^waiting \(\d s\)\n$/),
      expect.stringMatching(/^next \(\d s\)\n$/),
    ]);
  });

  test("is redrawn on a terminal, and gone at the end", async () => {
    const terminal = stream(true);
    await withProgress("waiting", () => until(() => terminal.written.length > 0), {
      stream: terminal,
      silentMs: 10,
      env: {},
    });
    expect(terminal.written[0]).toMatch(/waiting \(\d s\)/);
    expect(terminal.written.at(-1)).toBe("\r\u001b[K");
  });

  test("ends with the work that fails, and passes its error on", async () => {
    const failing = async () => Promise.reject(new Error("no"));
    await expect(withProgress("waiting", failing, { stream: stream(false) })).rejects.toThrow("no");
  });
});
