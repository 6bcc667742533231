/**
 * What `npm start`, `npm test` and their like need, made so before they run: packages, pinned tools and the schema
 * of Kubernetes' protobuf. Runs on Node 20 and newer with no package installed. Silent on stdout; stderr gets
 * progress, and a line for each thing that is missing.
 *
 *   node tools/setup.mjs                  everything
 *   node tools/setup.mjs --packages       only node_modules
 *   node tools/setup.mjs --checksums      prints the digests of the tools as built here, for checksums.json
 */
import { fileURLToPath } from "node:url";
import { fileSha256 } from "./setup/cache.mjs";
import { dependenciesInstalled, ensureDependencies } from "./setup/dependencies.mjs";
import { ensure, GO_NEXT, locate } from "./setup/ensure.mjs";
import { SetupFailure, toSetupFailure } from "./setup/failure.mjs";
import { pins } from "./setup/pins.mjs";
import { onPath, run } from "./setup/run.mjs";
import { ensureSchema } from "./setup/schema.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const flags = process.argv.slice(2);

/** Everything that only the person at this machine can get, all at once. @param {import("./setup/pins.mjs").Pin[]} toBuild */
async function missing(toBuild) {
  const lines = [];
  if (process.platform === "win32") lines.push("Windows is not supported: use WSL 2");
  const major = Number(process.versions.node.split(".")[0]);
  if (major < 20) lines.push(`node ${process.versions.node} is too old: install Node 20 or newer (https://nodejs.org)`);
  if ((await onPath("git")).length === 0) {
    lines.push("git is not on PATH: install it with your system's packages (apt-get install git, brew install git)");
  }
  if (!(await dependenciesInstalled(root)) && (await onPath("npm")).length === 0) {
    lines.push("npm is not on PATH: it comes with Node (https://nodejs.org)");
  }
  if (toBuild.length > 0 && !process.env.SALLYPORT_TOOLS_MIRROR && (await onPath("go")).length === 0) {
    lines.push(`go is not on PATH, and builds ${toBuild.map((pin) => pin.name).join(", ")}: ${GO_NEXT}`);
  }
  return lines;
}

async function printChecksums() {
  /** @type {Record<string, {key: string, go: string, sha256: string}>} */
  const entries = {};
  const { stdout: go } = await run("go", ["env", "GOVERSION"], { cwd: pins()[0]?.folder ?? root });
  for (const pin of pins()) {
    entries[pin.name] = { key: pin.key, go: go.trim(), sha256: await fileSha256(await ensure(pin.name)) };
  }
  const schema = await ensureSchema(root);
  entries["kubernetes-schema"] = { key: schema.key, go: go.trim(), sha256: await fileSha256(schema.file) };
  process.stdout.write(`${JSON.stringify({ [`${process.platform}-${process.arch}`]: entries }, null, 2)}\n`);
}

async function main() {
  const tools = [];
  if (!flags.includes("--packages")) for (const pin of pins()) if (!(await locate(pin))) tools.push(pin);
  const lines = await missing(tools);
  if (lines.length > 0) {
    for (const line of lines) process.stderr.write(`sallyport: ${line}\n`);
    return 3;
  }
  await ensureDependencies(root);
  for (const pin of tools) await ensure(pin.name);
  if (!flags.includes("--packages")) await ensureSchema(root);
  if (flags.includes("--checksums")) await printChecksums();
  return 0;
}

try {
  process.exitCode = await main();
} catch (thrown) {
  const error = toSetupFailure(thrown);
  if (!(error instanceof SetupFailure)) throw error;
  process.stderr.write(`sallyport: ${error.message}: ${error.next}\n`);
  process.exitCode = 3;
}
