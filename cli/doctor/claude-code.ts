import { accessSync, constants, readdirSync, statSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { asObject, readJsonText } from "./json.ts";
import type { Finding } from "./leaks.ts";
import { ownProcess } from "./privileges.ts";
import { home, isGatewayUrl, pathIn, type Scene, textOf, withoutCredentials } from "./scene.ts";
import { variableFindings } from "./variables.ts";

/** Where Claude Code looks on Linux; what stands in managed-settings.d is laid over it, in the order of its names. */
const MANAGED = "/etc/claude-code/managed-settings.json";
const NEXT = "Install deploy/agent/managed-settings.json as /etc/claude-code/managed-settings.json, read-only.";

interface Settings {
  path: string;
  values: Record<string, unknown>;
}

/** The settings that nothing overrides, and whether they pin the gateway. Nothing, where there is no Claude Code. */
export function managedSettings(scene: Scene): Finding[] {
  const files = readAll(scene, [MANAGED, ...dropIns(scene)]);
  if (files.length === 0) {
    if (!isInstalled(scene)) return [];
    return [
      {
        detail: "there are no managed settings that can be read: any settings file may lead past the gateway",
        next: NEXT,
      },
    ];
  }
  const findings = files.flatMap(({ path }): Finding[] => {
    if (!mayWrite(scene, path)) return [];
    return [
      { detail: `${path} can be written by the agent, whom it is to bind`, next: "Mount it read-only, owned by root." },
    ];
  });
  const { env, allowedProviders, allowManagedHooksOnly } = merged(files);
  const url = env.ANTHROPIC_BASE_URL;
  if (typeof url !== "string" || !isGatewayUrl(scene, url)) {
    const is = typeof url === "string" ? `is ${withoutCredentials(url)}` : "is not set";
    findings.push({ detail: `ANTHROPIC_BASE_URL ${is} in the managed settings`, next: NEXT });
  }
  if (!Array.isArray(allowedProviders) || allowedProviders.some((one) => one !== "customEndpoint")) {
    const detail = "allowedProviders of the managed settings leaves more than the gateway to choose from";
    findings.push({ detail, next: 'Set it to ["customEndpoint"]: what env.ANTHROPIC_BASE_URL pins.' });
  }
  if (allowManagedHooksOnly !== true) {
    const detail = "a project's own hooks run commands that no model asked for: the gateway sees only what they do";
    findings.push({ detail, next: "Set allowManagedHooksOnly in the managed settings.", result: "warn" });
  }
  return findings;
}

/** Said where they are as they should be. */
export function whatIsManaged(scene: Scene): string {
  const isThere = readAll(scene, [MANAGED, ...dropIns(scene)]).length > 0;
  return isThere ? "pin the gateway, and the agent cannot write them" : "there is no Claude Code to bind";
}

/** What the files that an agent or its project can write would change. */
export function ownSettings(scene: Scene): Finding[] {
  const { env: pinned, apiKeyHelper } = merged(readAll(scene, [MANAGED, ...dropIns(scene)]));
  const user = scene.env.CLAUDE_CONFIG_DIR || join(home(scene), ".claude");
  const paths = [join(user, "settings.json"), ".claude/settings.json", ".claude/settings.local.json"];
  return readAll(scene, paths).flatMap(({ path, values }) => {
    // Managed values win, one by one.
    const env = Object.entries(asObject(values.env) ?? {}).filter(([name]) => pinned[name] === undefined);
    const findings = variableFindings(scene, Object.fromEntries(env)).map(({ detail, ...rest }) => ({
      detail: `${path}: ${detail}`,
      ...rest,
    }));
    if (values.apiKeyHelper === undefined || apiKeyHelper !== undefined) return findings;
    const detail = `${path}: apiKeyHelper may bring a key of its own`;
    return [...findings, { detail, next: "Set apiKeyHelper in the managed settings." }];
  });
}

function isInstalled(scene: Scene): boolean {
  const folders = (scene.env.PATH ?? "").split(delimiter).filter((folder) => folder.startsWith("/"));
  return [...folders.map((folder) => join(folder, "claude")), join(home(scene), ".claude")].some(
    (path) => statSync(pathIn(scene, path), { throwIfNoEntry: false }) !== undefined,
  );
}

function dropIns(scene: Scene): string[] {
  const folder = join(dirname(MANAGED), "managed-settings.d");
  try {
    const names = readdirSync(pathIn(scene, folder)).filter((name) => /^[^.].*\.json$/.test(name));
    return names.toSorted().map((name) => join(folder, name));
  } catch {
    return [];
  }
}

/** A file that cannot be read as settings sets nothing: Claude Code refuses managed ones that are broken. */
function readAll(scene: Scene, paths: string[]): Settings[] {
  return paths.flatMap((path) => {
    const values = readJsonText(textOf(scene, path));
    return values === undefined ? [] : [{ path, values }];
  });
}

function merged(files: Settings[]): Record<string, unknown> & { env: Record<string, unknown> } {
  const values = Object.assign({}, ...files.map((file) => file.values));
  return { ...values, env: Object.assign({}, ...files.map((file) => asObject(file.values.env) ?? {})) };
}

/**
 * By owner and mode, of the file and of its folder, where the mount is not read-only (a ConfigMap's folder is everybody's to
 * write by its mode). Root may write all, and is a finding of its own.
 */
function mayWrite(scene: Scene, path: string): boolean {
  const { uid, gids } = ownProcess(scene);
  if (uid === 0) return false;
  return [path, dirname(path)].some((one) => {
    const at = pathIn(scene, one);
    const { uid: owner, gid, mode } = statSync(at);
    const byMode = owner === uid || (gids.includes(gid) && (mode & 0o020) !== 0) || (mode & 0o002) !== 0;
    return byMode && isWritable(at);
  });
}

function isWritable(at: string): boolean {
  try {
    accessSync(at, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
