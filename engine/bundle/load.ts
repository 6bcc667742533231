import { readFile, stat } from "node:fs/promises";
import { errorMessage, UserError } from "../../base/errors.ts";
import { MAX_ARCHIVE_BYTES, unpackBundle } from "./archive.ts";
import { type Bundle, openBundle } from "./bundle.ts";
import { compileBundle } from "./compile.ts";
import { verifyBundle } from "./verify.ts";

/** Whether a bundle must be signed, and by whom. */
export interface Verification {
  verify: boolean;
  /** `keys.bundlePublicFile`: PEM files; one of them must have signed. */
  publicKeyFiles: readonly string[];
}

/** `policy` of the configuration and the keys that verify (contracts §3); paths absolute. */
export interface PolicySource extends Verification {
  /** A `.tar.gz`, or a folder of Rego sources. */
  bundle: string;
  /** The team's own folders of Rego, compiled together with the sources. */
  rules: readonly string[];
}

/**
 * Loads the policy that the configuration names: a signed `.tar.gz`, or sources that are compiled here with
 * opa. Throws a UserError or ConfigError that says what is wrong; what is serving is not touched by that.
 */
export async function loadPolicySource(source: PolicySource, options: { opa?: string } = {}): Promise<Bundle> {
  if (source.bundle.includes("://")) {
    throw new UserError(`policy.bundle: ${source.bundle} is a URL, which only \`sallyport serve\` fetches`, {
      exitCode: 2,
      next: "Download it and name the file.",
    });
  }
  if (await isFolder(source.bundle)) return compileFolders(source, options.opa);
  refuseRulesBeside(source.rules);
  return openArchive(await readCapped(source.bundle), source.bundle, source);
}

/** Unpacks, verifies and reads a `.tar.gz`. Throws a UserError that says what is wrong with it. */
export async function openArchive(archive: Uint8Array, name: string, options: Verification): Promise<Bundle> {
  const files = await unpackBundle(archive, name);
  if (options.verify) {
    const keys = await Promise.all(options.publicKeyFiles.map((file) => readFile(file, "utf8")));
    await verifyBundle(files, keys, name);
  }
  return openBundle(files, name);
}

/** Throws where rules are to stand beside a bundle that is built already. */
export function refuseRulesBeside(rules: readonly string[]): void {
  if (rules.length === 0) return;
  throw new UserError("policy.rules needs policy.bundle to be a folder of sources: a built bundle is closed", {
    exitCode: 2,
    next: "Build one bundle of all folders: `sallyport policy build --out bundle.tar.gz rego ours`.",
  });
}

function compileFolders(source: PolicySource, opa: string | undefined): Promise<Bundle> {
  if (source.verify) {
    throw new UserError(`policy.verify is true, and ${source.bundle} is a folder of sources, which nobody signed`, {
      exitCode: 2,
      next: "Build and sign it: `sallyport policy build --out bundle.tar.gz --key bundle.key rego`, and name that file; or set policy.verify: false.",
    });
  }
  return compileSources([source.bundle, ...source.rules], opa);
}

/** Compiles folders of Rego that stand in for a built bundle. */
export async function compileSources(folders: readonly string[], opa: string | undefined): Promise<Bundle> {
  if (opa === undefined) {
    throw new UserError("policy.bundle is a folder of sources, and there is no opa to compile it with", {
      exitCode: 3,
    });
  }
  return (await compileBundle({ sources: folders, opa })).bundle;
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (error) {
    throw new UserError(`policy.bundle: ${path} cannot be read: ${errorMessage(error)}`, { exitCode: 2 });
  }
}

async function readCapped(file: string): Promise<Uint8Array> {
  const { size } = await stat(file);
  if (size > MAX_ARCHIVE_BYTES) {
    throw new UserError(`${file} is larger than ${MAX_ARCHIVE_BYTES} bytes`, { exitCode: 1 });
  }
  return readFile(file);
}
