import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { UserError } from "../../../base/errors.ts";

/** Where a repository is and what may be shown there; every secret is a file. */
export interface GitRemote {
  /** https://…, ssh://… or file://…, with no credential in it. */
  url: string;
  tokenFile?: string | undefined;
  caFile?: string | undefined;
  sshKeyFile?: string | undefined;
  knownHostsFile?: string | undefined;
  deadlineMs: number;
  maxBytes: number;
}

export interface GitOptions {
  input?: string;
  signal?: AbortSignal;
  /** Beside our own. */
  config?: Record<string, string>;
  env?: Record<string, string>;
}

const OUTPUT_BYTES = 128 * 1024 * 1024;
const SIZE_MS = 250;
/** A repository, with all that ever was in it, may be so many times as large as what is read of it. */
const HISTORY = 16;
const FETCH = "fetch --quiet --no-tags --no-recurse-submodules --no-write-fetch-head --no-auto-gc".split(" ");

/**
 * git in a bare repository of our own. Nothing of this machine's or anybody's configuration, no hooks, no
 * submodules, no questions, and no transport but the one that the URL names (CVE-2017-1000117, CVE-2022-39253).
 */
export class GitMirror {
  readonly folder: string;
  readonly #remote: GitRemote;

  constructor(folder: string, remote: GitRemote) {
    this.folder = folder;
    this.#remote = remote;
  }

  async ensure(): Promise<void> {
    if (existsSync(join(this.folder, "HEAD"))) return;
    await mkdir(this.folder, { recursive: true, mode: 0o700 });
    await this.run(["init", "--quiet", "--bare", "--template=", "--initial-branch=main"]);
  }

  /** Fetches one ref, with its history, to `into`; ends where it takes too long or grows too large. */
  async fetch(ref: string, into: string, signal?: AbortSignal): Promise<void> {
    const { url, deadlineMs } = this.#remote;
    const large = new AbortController();
    const tooLarge = new Error(`with its history it is larger than ${this.#mirrorBytes} bytes`);
    const count = (): Promise<void> =>
      // A pack that is renamed while it is counted: the next count has it.
      folderBytes(join(this.folder, "objects")).then(
        (bytes) => {
          if (bytes > this.#mirrorBytes) large.abort(tooLarge);
        },
        () => undefined,
      );
    const counting = setInterval(() => void count(), SIZE_MS);
    try {
      const signals = [large.signal, AbortSignal.timeout(deadlineMs), ...(signal === undefined ? [] : [signal])];
      await this.run([...FETCH, "--", url, `+${ref}:${into}`], { signal: AbortSignal.any(signals) });
      await count();
      if (large.signal.aborted) throw this.failure(tooLarge.message);
    } catch (error) {
      if (large.signal.aborted) await this.#forget(into);
      throw error;
    } finally {
      clearInterval(counting);
    }
  }

  /** Lets go of what was too large, so that the next fetch starts from what was in force. */
  async #forget(ref: string): Promise<void> {
    await this.attempt(["update-ref", "-d", ref]);
    await this.attempt(["gc", "--quiet", "--prune=now"]);
  }

  get #mirrorBytes(): number {
    return this.#remote.maxBytes * HISTORY;
  }

  /** What git prints. Throws a UserError with git's own words. */
  async run(args: readonly string[], options: GitOptions = {}): Promise<Buffer> {
    const { code, stdout, stderr } = await this.attempt(args, options);
    if (code === 0) return stdout;
    const { signal } = options;
    if (signal?.aborted === true) {
      const { reason } = signal as { reason: Error };
      throw this.failure(
        reason.name === "TimeoutError" ? `it took longer than ${this.#remote.deadlineMs / 1000} s` : reason.message,
      );
    }
    const words = stderr.trim().split("\n").slice(-4).join("\n");
    throw this.failure(words === "" ? `git ${args[0]} ended with ${code}` : words);
  }

  /** As `run`, whatever the exit code. */
  attempt(
    args: readonly string[],
    options: GitOptions = {},
  ): Promise<{ code: number; stdout: Buffer; stderr: string }> {
    const config = Object.entries({ ...this.#config(), ...options.config }).flatMap(([key, value]) => [
      "-c",
      `${key}=${value}`,
    ]);
    return new Promise((resolve, reject) => {
      const child = spawn("git", [...config, ...args], {
        cwd: this.folder,
        env: { ...this.#environment(), ...options.env },
        stdio: ["pipe", "pipe", "pipe"],
        // A group of its own: git's transports are processes too, and one that waits for a server would outlive git.
        detached: true,
      });
      const stop = (): void => {
        const running = child.exitCode === null && child.signalCode === null;
        if (child.pid !== undefined && running) process.kill(-child.pid, "SIGKILL");
      };
      options.signal?.addEventListener("abort", stop, { once: true });
      if (options.signal?.aborted === true) stop();
      const out: Buffer[] = [];
      let size = 0;
      let stderr = "";
      child.stdout.on("data", (chunk: Buffer) => {
        size += chunk.byteLength;
        if (size > OUTPUT_BYTES) stop();
        else out.push(chunk);
      });
      child.stderr.on("data", (chunk: Buffer) => {
        if (stderr.length < 64 * 1024) stderr += chunk.toString("utf8");
      });
      child.stdin.on("error", () => undefined);
      child.stdin.end(options.input ?? "");
      child.once("error", (error) => reject(new UserError(`git cannot be run: ${error.message}`, { cause: error })));
      child.once("close", (code) => {
        options.signal?.removeEventListener("abort", stop);
        resolve({ code: code ?? -1, stdout: Buffer.concat(out), stderr });
      });
    });
  }

  failure(why: string, exitCode: 1 | 3 = 3): UserError {
    return new UserError(`the policy repository ${this.#remote.url}: ${why}`, { exitCode });
  }

  #config(): Record<string, string> {
    const { url, caFile, tokenFile } = this.#remote;
    return {
      "core.hooksPath": "/dev/null",
      "core.useReplaceRefs": "false",
      "core.fsmonitor": "false",
      "gc.auto": "0",
      "maintenance.auto": "false",
      "fetch.fsckObjects": "true",
      "protocol.allow": "never",
      [`protocol.${new URL(url).protocol.slice(0, -1)}.allow`]: "always",
      // A credential goes where the configuration says, and nowhere else.
      "http.followRedirects": "false",
      "credential.helper": "",
      ...(caFile === undefined ? {} : { "http.sslCAInfo": caFile }),
      ...(tokenFile === undefined ? {} : { [`credential.${url}.helper`]: TOKEN_HELPER }),
    };
  }

  #environment(): NodeJS.ProcessEnv {
    const { tokenFile, sshKeyFile, knownHostsFile } = this.#remote;
    const ssh = [
      "ssh -F /dev/null -o BatchMode=yes -o StrictHostKeyChecking=yes -o IdentitiesOnly=yes -o ConnectTimeout=15",
      ...(sshKeyFile === undefined ? [] : [`-i ${quoted(sshKeyFile)}`]),
      ...(knownHostsFile === undefined ? [] : [`-o ${quoted(`UserKnownHostsFile="${knownHostsFile}"`)}`]),
    ];
    return {
      PATH: process.env.PATH,
      LC_ALL: "C",
      // Without a home there is no ~/.gitconfig, no ~/.netrc and no agent's keys.
      HOME: this.folder,
      GIT_CONFIG_NOSYSTEM: "1",
      GIT_CONFIG_GLOBAL: "/dev/null",
      GIT_TERMINAL_PROMPT: "0",
      GIT_ATTR_NOSYSTEM: "1",
      GIT_DIR: ".",
      GIT_SSH_COMMAND: ssh.join(" "),
      GIT_SSH_VARIANT: "ssh",
      ...(tokenFile === undefined ? {} : { SALLYPORT_TOKEN_FILE: tokenFile }),
    };
  }
}

/** The token goes from its file to git over a pipe: it is in no argument and in no environment. */
const TOKEN_HELPER =
  '!f() { test "$1" = get || exit 0; echo username=x-access-token; printf "password=%s\\n" "$(cat "$SALLYPORT_TOKEN_FILE")"; }; f';

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

async function folderBytes(folder: string): Promise<number> {
  let sum = 0;
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) sum += (await stat(join(entry.parentPath, entry.name))).size;
  }
  return sum;
}
