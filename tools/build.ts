/**
 * Compiles what `npm pack` ships: Node strips no types under node_modules. Beside the JavaScript lies what the code
 * finds by its own place, the Rego with its cases and its style, the SQL, the schemas and the pins of the tools. The schema of Kubernetes' protobuf
 * is made first, where it is missing.
 *
 *   node tools/build.ts             into dist/
 *   node tools/build.ts --out DIR   into DIR, which is made anew
 */
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, readdirSync, rmSync } from "node:fs";
import { extname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { SetupFailure } from "./setup/failure.mjs";
import { ensureSchema } from "./setup/schema.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const ROOMS = "base engine identity kubernetes approvals audit dialogue proxy console agent cli tools".split(" ");
const COMPILED = new Set([".ts", ".mjs"]);

const at = process.argv.indexOf("--out");
const out = resolve(root, process.argv[at + 1] !== undefined && at > 0 ? (process.argv[at + 1] as string) : "dist");

try {
  await ensureSchema(root);
} catch (error) {
  if (!(error instanceof SetupFailure)) throw error;
  process.stderr.write(`sallyport: ${error.message}: ${error.next}\n`);
  process.exit(3);
}
rmSync(out, { recursive: true, force: true });
const compiled = spawnSync(
  join(root, "node_modules", ".bin", "tsc"),
  ["--project", "tsconfig.build.json", "--outDir", out],
  { cwd: root, stdio: ["ignore", 2, "inherit"] },
);
if (compiled.error !== undefined) throw compiled.error;
if (compiled.status !== 0) process.exit(1);
for (const room of ROOMS) if (existsSync(join(root, room))) copyBeside(room);
for (const folder of ["rego", ".regal", "policy-tests"])
  cpSync(join(root, folder), join(out, folder), { recursive: true });

function copyBeside(folder: string): void {
  for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) copyBeside(path);
    else if (!COMPILED.has(extname(entry.name))) cpSync(join(root, path), join(out, path));
  }
}
