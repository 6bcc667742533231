import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { parse } from "yaml";
import { z } from "zod";
import { APPROVAL_NAME } from "../../approvals/exception.ts";
import { parseStanding, type StandingException } from "../../approvals/standing/exception.ts";
import { type About, idleIssue, sideOf } from "../../approvals/standing/idle.ts";
import { meaningIssues } from "../../approvals/standing/meaning.ts";
import { listing, type Person } from "../../approvals/voters.ts";
import { gatewaySchema, loadGatewayConfig } from "../../base/config/gateway.ts";
import { type Guardrails, guardrailsSchema } from "../../base/config/guardrails.ts";
import { ConfigError, type ConfigIssue, didYouMean } from "../../base/config/issues.ts";
import { readYaml } from "../../base/config/read.ts";
import { aboutOf, ruleCustomSchema } from "../../engine/bundle/metadata.ts";
import type { Answer } from "../action.ts";
import { LIBRARY } from "../policy/library.ts";
import { printable } from "../style.ts";
import { type ExceptionFile, exceptionFiles } from "./files.ts";

export interface CheckFlags {
  guardrails?: string;
  people?: string;
  config?: string;
  rules: string[];
}

interface Problem extends ConfigIssue {
  file: string;
}

const peopleSchema = z.strictObject({ people: gatewaySchema.shape.people });

/** `sallyport exceptions check`: every mistake of every file; exit 1 where there is one. Asks no gateway. */
export async function check(named: readonly string[], flags: CheckFlags): Promise<Answer> {
  const [files, given, rules] = await Promise.all([exceptionFiles(named), givenBy(flags), rulesIn(flags.rules)]);
  const now = Date.now();
  const problems: Problem[] = [];
  const notes: Problem[] = [];
  for (const file of files) {
    const found = problemsOf(file, { ...given, rules, now });
    for (const { path, message, note } of found) (note ? notes : problems).push({ file: file.path, path, message });
  }
  const ok = problems.length === 0;
  const line = ({ file, path, message }: Problem): string => `${file}: ${path === "" ? "" : `${path}: `}${message}`;
  const count = `${files.length} file${files.length === 1 ? "" : "s"}`;
  const people = given.people === undefined ? "; owners were not looked up (--people, --config)" : "";
  const summary = ok ? `${count} in order${people}` : `${problems.length} mistakes in ${count}${people}`;
  const text = [...problems.map(line), ...notes.map((note) => `note: ${line(note)}`), summary]
    .map(printable)
    .join("\n");
  return { json: { ok, files: files.length, problems, notes }, text, exitCode: ok ? 0 : 1 };
}

interface Given {
  guardrails: Guardrails;
  people: readonly Person[] | undefined;
  /** What comes over each connection, where a gateway's configuration says so. */
  sides: ReadonlyMap<string, keyof About>;
}

/** Guardrails that are not named say what a gateway's would that say nothing of exceptions. */
async function givenBy({ guardrails, people, config }: CheckFlags): Promise<Given> {
  const gateway = config === undefined ? undefined : loadGatewayConfig(config);
  const file = guardrails ?? gateway?.policy.guardrails;
  return {
    guardrails:
      file === undefined
        ? guardrailsSchema.parse({ apiVersion: "sallyport.dev/v1alpha1", kind: "Guardrails" })
        : readYaml(file, guardrailsSchema),
    people: people === undefined ? gateway?.people : readYaml(people, peopleSchema).people,
    sides: new Map((gateway?.connections ?? []).map(({ name, kind }) => [name, sideOf(kind)])),
  };
}

/** The rules that there are, by their ids: each is the folder of its rule. What METADATA says they are about is with them. */
async function rulesIn(folders: readonly string[]): Promise<Map<string, About | undefined>> {
  const rules = new Map<string, About | undefined>();
  for (const folder of [LIBRARY, ...folders]) {
    for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
      const id = /([a-z0-9-]+)\/([a-z0-9-]+)$/.exec(entry.parentPath);
      if (entry.name !== `${id?.[2]}.rego`) continue;
      const text = await readFile(join(entry.parentPath, entry.name), "utf8");
      rules.set(`${id?.[1]}/${id?.[2]}`, aboutIn(text));
    }
  }
  return rules;
}

/** Undefined where it cannot be read: `policy check` says why. */
function aboutIn(rule: string): About | undefined {
  const [comment = ""] = /^# METADATA\n(?:#.*\n)*/m.exec(rule) ?? [];
  try {
    const { custom } = parse(comment.replace(/^# METADATA\n/, "").replaceAll(/^# ?/gm, "")) ?? {};
    const parsed = ruleCustomSchema.safeParse(custom);
    return parsed.success ? aboutOf(parsed.data) : undefined;
  } catch {
    return undefined;
  }
}

type Found = ConfigIssue & { note?: true };

function problemsOf(
  { path, name, text }: ExceptionFile,
  given: Given & { rules: Map<string, About | undefined>; now: number },
): Found[] {
  if (!path.endsWith(".yaml")) return [{ path: "", message: "is not read by the gateway: its name must end in .yaml" }];
  let exception: StandingException | undefined;
  try {
    exception = parseStanding(name, text);
  } catch (error) {
    if (error instanceof ConfigError) return error.issues;
    throw error;
  }
  if (exception === undefined) {
    if (APPROVAL_NAME.test(name)) return [];
    return [
      { path: "spec.match", message: "is for one request: only the gateway's own proposals are, and have its names" },
    ];
  }
  const { guardrails, people, rules, sides, now } = given;
  const listed = people === undefined ? undefined : listing(people);
  const about = (rule: string): About | undefined => rules.get(rule);
  const idle = (one: StandingException): ConfigIssue | undefined => idleIssue(one, about, (side) => sides.get(side));
  const found: Found[] = [...meaningIssues(exception, { limits: { ...guardrails.exceptions, idle }, listed, now })];
  if (APPROVAL_NAME.test(name)) {
    found.push({
      path: "metadata.name",
      message: "has the name of an approval of one request, and would stand for nothing",
    });
  }
  exception.rules.forEach((rule, i) => {
    const at = `spec.rules[${i}]`;
    if (!rules.has(rule)) {
      found.push({
        path: at,
        message: `there is no rule ${rule} (--rules names folders of your own); ${didYouMean(rule, [...rules.keys()])}`,
      });
    } else if (guardrails.rules[rule]?.absolute === true) {
      found.push({ path: at, message: `${rule} is absolute: no exception lifts it` });
    }
  });
  if (exception.notAfter <= now)
    found.push({ path: "spec.notAfter", message: "has passed: it lifts nothing", note: true });
  if (exception.reason.trim() === "")
    found.push({ path: "spec.reason", message: "says nothing to who reviews it", note: true });
  return found;
}
