import { accessSync, constants } from "node:fs";
import type { GatewayConfig } from "../../base/config/gateway.ts";
import { guardrailsSchema } from "../../base/config/guardrails.ts";
import { ConfigError, type ConfigIssue } from "../../base/config/issues.ts";
import { readYaml } from "../../base/config/read.ts";

/** Looks at every file that the configuration names, and reports all that is wrong at once. */
export async function checkFiles(file: string, config: GatewayConfig): Promise<void> {
  const issues: ConfigIssue[] = [];
  visit(config, "", issues);
  try {
    readYaml(config.policy.guardrails, guardrailsSchema);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    issues.push(...error.issues.map(({ path, message }) => ({ path: `policy.guardrails → ${path}`, message })));
  }
  if (issues.length > 0) throw new ConfigError(file, issues);
}

function visit(value: unknown, path: string, issues: ConfigIssue[]): void {
  if (Array.isArray(value)) {
    value.forEach((entry, i) => {
      if (typeof entry === "string" && path.endsWith("File")) readable(entry, `${path}[${i}]`, issues);
      else visit(entry, `${path}[${i}]`, issues);
    });
    return;
  }
  if (value === null || typeof value !== "object") return;
  for (const [key, entry] of Object.entries(value)) {
    const at = path === "" ? key : `${path}.${key}`;
    if (typeof entry === "string" && (key.endsWith("File") || at === "policy.bundle")) readable(entry, at, issues);
    else visit(entry, at, issues);
  }
}

function readable(file: string, path: string, issues: ConfigIssue[]): void {
  if (file.includes("://")) return;
  try {
    accessSync(file, constants.R_OK);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    issues.push({ path, message: code === "ENOENT" ? `${file}: no such file` : `${file}: cannot be read (${code})` });
  }
}
