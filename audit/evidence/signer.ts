import { execFile } from "node:child_process";
import { createPrivateKey, type KeyObject, sign, verify } from "node:crypto";
import { readFileSync } from "node:fs";
import { errorMessage, UserError } from "../../base/errors.ts";
import { publicKeyOf } from "./note.ts";

/** Whoever holds the key of checkpoints: a file, or a program that asks a key service. */
export interface Signer {
  readonly publicKey: KeyObject;
  /** An Ed25519 signature (64 bytes) over `bytes`. Rejects where the key cannot be had now. */
  sign(bytes: Buffer): Promise<Buffer>;
}

export interface SignerLocation {
  /** PEM of the private key; with `command`, of the public one. */
  keyFile: string;
  /** Reads what is to be signed from its input, and writes the signature to its output: 64 bytes, or their base64. */
  command?: readonly [string, ...string[]] | undefined;
}

const DEADLINE_MS = 10_000;

/** Throws a UserError where the file holds no such key. */
export function openSigner({ keyFile, command }: SignerLocation): Signer {
  const pem = readKey(keyFile);
  const publicKey = publicKeyOf(pem, keyFile);
  if (command !== undefined) {
    const [program, ...args] = command;
    return {
      publicKey,
      async sign(bytes) {
        const signature = signatureIn(await run(program, args, bytes));
        // A key service that holds another key, or hashes first (Ed25519ph), would otherwise be noticed by an auditor.
        if (!verify(null, bytes, publicKey, signature)) {
          throw new Error(`${program} gave no signature by the key of ${keyFile}`);
        }
        return signature;
      },
    };
  }
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch (error) {
    throw new UserError(`${keyFile}: holds no private key, and audit.checkpoints.command names nobody who signs`, {
      exitCode: 2,
      next: "Make one: openssl genpkey -algorithm ed25519 -out checkpoint.pem",
      cause: error,
    });
  }
  return { publicKey, sign: async (bytes) => sign(null, bytes, key) };
}

/** The public halves of the keys in `files`, private or public. Throws a UserError that names the file at fault. */
export function loadPublicKeys(files: readonly string[]): KeyObject[] {
  return files.map((file) => publicKeyOf(readKey(file), file));
}

function readKey(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new UserError(`${file} cannot be read: ${errorMessage(error)}`, { exitCode: 2, cause: error });
  }
}

function signatureIn(output: Buffer): Buffer {
  if (output.length === 64) return output;
  const text = output.toString("latin1").trim();
  return /^[A-Za-z0-9+/]{86}==$/.test(text) ? Buffer.from(text, "base64") : Buffer.alloc(64);
}

function run(program: string, args: readonly string[], input: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const options = { encoding: "buffer", timeout: DEADLINE_MS, maxBuffer: 64 * 1024, killSignal: "SIGKILL" } as const;
    const child = execFile(program, args, options, (error, stdout, stderr) => {
      if (error === null) return resolve(stdout);
      const said = stderr.toString("utf8").trim().slice(0, 500);
      reject(new Error(`${program} did not sign${said === "" ? `: ${error.message}` : `: ${said}`}`, { cause: error }));
    });
    child.stdin?.on("error", () => {}); // EPIPE: how the program ended tells it better
    child.stdin?.end(input);
  });
}
