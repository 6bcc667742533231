import { createCipheriv, createDecipheriv, createHmac, hkdfSync } from "node:crypto";
import { UserError } from "../../base/errors.ts";
import { KEY_BYTES, KeyFolder } from "./key-folder.ts";

/** GCM's own (NIST SP 800-38D §8.2): made of the value, so that a key never seals two values under one nonce. */
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** A key that was destroyed is used no longer than this. */
const FRESH_MS = 1_000;
const REMEMBERED = 10_000;

/** What a sealed value looks like, wherever it stands: its subject, and what only that subject's key opens. */
export const SEALED = /personal:[0-9a-f]{32}\.[A-Za-z0-9_-]{38,}/g;

interface SubjectKey {
  encrypt: Buffer;
  nonce: Buffer;
  /** Sealed forms by value. */
  sealed: Map<string, string>;
  checkedAt: number;
}

/**
 * A folder with a key for each subject, a person or an agent by its username. What a subject's key seals is deterministic:
 * equal values of one subject are equal on record, so that rows can be grouped, counted and looked up. Without the key
 * nobody tells the value, or whose it is: a subject's name in the folder is an HMAC under the folder's index key. Replicas
 * share the folder.
 */
export class SubjectKeys {
  readonly #folder: KeyFolder;
  readonly #index: Buffer;
  readonly #keys = new Map<string, SubjectKey>();
  readonly #ids = new Map<string, string>();
  /** When a key was looked for in vain. */
  readonly #missing = new Map<string, number>();

  /** Makes the folder where there is none. Throws a UserError where it cannot be used. */
  constructor(folder: string) {
    try {
      this.#folder = new KeyFolder(folder);
      this.#index = this.#folder.readOrCreate("index.key");
    } catch (error) {
      throw new UserError(`the keys of personal fields cannot be used: ${folder}`, {
        exitCode: 3,
        next: "Give the gateway a folder of its own (mode 0700): audit.personal.keys.",
        cause: error,
      });
    }
  }

  /** The sealed form of a value of this subject; its key is made, and on disk, before anything is sealed with it. */
  seal(subject: string, value: string): string {
    const id = this.#idOf(subject);
    const key = this.#known(id) ?? this.#take(id, this.#folder.readOrCreate(`${id}.key`));
    const known = key.sealed.get(value);
    if (known !== undefined) return known;
    const nonce = createHmac("sha256", key.nonce).update(value).digest().subarray(0, NONCE_BYTES);
    const cipher = createCipheriv("aes-256-gcm", key.encrypt, nonce).setAAD(Buffer.from(id));
    const text = Buffer.concat([nonce, cipher.update(value, "utf8"), cipher.final(), cipher.getAuthTag()]);
    const sealed = `personal:${id}.${text.toString("base64url")}`;
    if (key.sealed.size >= REMEMBERED) key.sealed.clear();
    key.sealed.set(value, sealed);
    return sealed;
  }

  /** Whether there is a key of this subject. */
  has(subject: string): boolean {
    const id = this.#idOf(subject);
    if (this.#known(id) !== undefined) return true;
    // Groups' names begin as people's do, and are asked for with each event.
    const now = performance.now();
    if (now - (this.#missing.get(id) ?? Number.NEGATIVE_INFINITY) < FRESH_MS) return false;
    if (this.#load(id) !== undefined) return true;
    if (this.#missing.size >= REMEMBERED) this.#missing.clear();
    this.#missing.set(id, now);
    return false;
  }

  /** The text with all that can be opened in clear; what is sealed under a destroyed key stays as it is. */
  reveal(text: string): string {
    return text.includes("personal:") ? text.replace(SEALED, (sealed) => this.#open(sealed) ?? sealed) : text;
  }

  /**
   * Destroys the key of a subject: overwritten, then removed. False where there is none. What it sealed can never be
   * opened again, by anybody; that it was destroyed, and when, is noted in the folder (`forgotten.ndjson`), by the id that
   * its sealed values name.
   */
  forget(subject: string, now: number): boolean {
    const id = this.#idOf(subject);
    this.#keys.delete(id);
    if (!this.#folder.destroy(`${id}.key`)) return false;
    this.#folder.note("forgotten.ndjson", { at: new Date(now).toISOString(), subject: id });
    return true;
  }

  #idOf(subject: string): string {
    let id = this.#ids.get(subject);
    if (id === undefined) {
      id = createHmac("sha256", this.#index).update(subject).digest("hex").slice(0, 32);
      if (this.#ids.size >= REMEMBERED) this.#ids.clear();
      this.#ids.set(subject, id);
    }
    return id;
  }

  #open(sealed: string): string | undefined {
    const [id = "", data = ""] = sealed.slice("personal:".length).split(".");
    const key = this.#known(id) ?? this.#load(id);
    if (key === undefined) return undefined;
    const bytes = Buffer.from(data, "base64url");
    // What is written otherwise is not what was sealed, though it may decode to the same bytes.
    if (bytes.toString("base64url") !== data) return undefined;
    try {
      const decipher = createDecipheriv("aes-256-gcm", key.encrypt, bytes.subarray(0, NONCE_BYTES), {
        authTagLength: TAG_BYTES,
      });
      decipher.setAAD(Buffer.from(id)).setAuthTag(bytes.subarray(-TAG_BYTES));
      const value = decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES));
      return Buffer.concat([value, decipher.final()]).toString("utf8");
    } catch {
      // Sealed under a key that the subject had before, or by nobody: it stays as it is.
      return undefined;
    }
  }

  /** The key as it is in memory, where its file is still there. */
  #known(id: string): SubjectKey | undefined {
    const key = this.#keys.get(id);
    if (key === undefined) return undefined;
    const now = performance.now();
    if (now - key.checkedAt < FRESH_MS) return key;
    // Somebody else may have destroyed it, and it may be another one by now.
    this.#keys.delete(id);
    const again = this.#load(id);
    if (again?.encrypt.equals(key.encrypt) !== true) return again;
    key.checkedAt = now;
    this.#keys.set(id, key);
    return key;
  }

  #load(id: string): SubjectKey | undefined {
    const bytes = this.#folder.read(`${id}.key`);
    return bytes === undefined ? undefined : this.#take(id, bytes);
  }

  #take(id: string, secret: Buffer): SubjectKey {
    const part = (info: string): Buffer =>
      Buffer.from(hkdfSync("sha256", secret, "", `sallyport personal ${info}`, KEY_BYTES));
    const key = { encrypt: part("encrypt"), nonce: part("nonce"), sealed: new Map(), checkedAt: performance.now() };
    if (this.#keys.size >= REMEMBERED) this.#keys.clear();
    this.#keys.set(id, key);
    this.#missing.delete(id);
    return key;
  }
}
