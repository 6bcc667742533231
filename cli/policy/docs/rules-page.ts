import { stringify } from "yaml";
import type { RuleMatch, RuleMetadata } from "../../../engine/bundle/metadata.ts";
import type { LocatedCase } from "../cases/case-file.ts";
import { meaning } from "./catalogues.ts";

type Rules = Record<string, RuleMetadata>;
type Profile = (typeof PROFILES)[number];

const PROFILES = [
  "baseline",
  "strict",
  "read-only",
  "observe",
  "approve-secrets",
  "pod-security/baseline",
  "pod-security/restricted",
] as const;

/** The page of a policy's rules as Markdown: an index by category, then each rule with what its METADATA says. */
export function rulesPage(rules: Rules, cases: readonly LocatedCase[]): string {
  const categories = [...new Set(Object.keys(rules).map(categoryOf))];
  return `${[
    "# The rules",
    "",
    "What each rule finds, why, and what happens then. Made of the rules' METADATA and of `policy-tests/` by",
    "`sallyport policy docs --out docs/rules.md`; change those, and not this page. How effects, profiles and scopes make",
    "a verdict is in [guardrails.md](guardrails.md), how to write a rule in [write-a-guardrail.md](write-a-guardrail.md).",
    "",
    "`off` means that a rule finds nothing that counts until a profile or `rules` in guardrails.yaml gives it an effect.",
    "In `observe`, what is on in `baseline` is recorded; beside any other profile, `approve-secrets` holds what is",
    "named with it, and the `pod-security` profiles are the published standards and nothing else.",
    ...categories.flatMap((category) => ["", `## ${category}`, "", ...index(rules, category)]),
    ...categories.flatMap((category) =>
      entries(rules, category).flatMap(([id, rule]) => ["", ...section(id, rule, cases)]),
    ),
  ].join("\n")}\n`;
}

function categoryOf(id: string): string {
  return id.split("/")[0] ?? id;
}

function entries(rules: Rules, category: string): [string, RuleMetadata][] {
  return Object.entries(rules).filter(([id]) => categoryOf(id) === category);
}

function index(rules: Rules, category: string): string[] {
  return [
    "| rule | finds | baseline | strict |",
    "|---|---|---|---|",
    ...entries(rules, category).map(
      ([id, rule]) =>
        `| [\`${id}\`](#${anchor(id)}) | ${cell(rule.title)} | ${effectIn(rule, "baseline")} | ${effectIn(rule, "strict")} |`,
    ),
  ];
}

/** As GitHub makes an anchor of a heading. */
function anchor(id: string): string {
  return id.replace(/[^\w-]/g, "");
}

function section(id: string, rule: RuleMetadata, cases: readonly LocatedCase[]): string[] {
  const effects = PROFILES.map((profile) => [profile, effectIn(rule, profile)] as const).filter(
    ([, effect]) => effect !== "",
  );
  const parameters = Object.entries(rule.parameters ?? {});
  return [
    `### ${id}`,
    "",
    `**${rule.title}.** ${paragraph(rule.description)}`,
    "",
    `- Effect: ${effectsText(effects)}`,
    ...(rule.effectWithParams === undefined
      ? []
      : [`- With params in guardrails.yaml: ${rule.effectWithParams} in \`baseline\``]),
    `- Severity: ${rule.severity}${rule.privileged ? "; a privileged operation, whatever the effect" : ""}`,
    `- Looks at: ${looksAt(rule)}`,
    ...(rule.needs.length === 0 ? [] : [`- Needs: ${rule.needs.map((need) => `\`${need}\``).join(", ")}`]),
    ...(rule.ids.length === 0 ? [] : [`- Known as: ${rule.ids.map((one) => `${one} (${meaning(one)})`).join(", ")}`]),
    ...parameters.map(
      ([name, { type, description }]) => `- Parameter \`${name}\` (${type}): ${paragraph(description)}`,
    ),
    `- What to do instead: ${paragraph(rule.remediation)}`,
    ...exampleFor(id, cases),
  ];
}

/** `deny in baseline, strict and read-only; record in observe`. */
function effectsText(effects: readonly (readonly [Profile, string])[]): string {
  const all = [...new Set(effects.map(([, effect]) => effect))];
  return all
    .map((effect) => {
      const profiles = effects.filter(([, one]) => one === effect).map(([profile]) => `\`${profile}\``);
      return `${effect} in ${profiles.join(", ")}`;
    })
    .join("; ");
}

/** What a profile makes of a rule that nothing else names (rego/sallyport/decision/settings.rego); "" where it says nothing. */
function effectIn(rule: RuleMetadata, profile: Profile): string {
  const named = rule.profiles?.[profile];
  const effect =
    profile === "observe"
      ? rule.effect === "allow"
        ? "allow"
        : "record"
      : (named ?? (profile === "approve-secrets" || profile.startsWith("pod-security/") ? "" : rule.effect));
  return effect === "allow" ? "off" : effect;
}

function looksAt(rule: RuleMetadata): string {
  const parts = (rule.match ?? []).map(matchText);
  if (rule.podTemplates) parts.push("every write of something that holds a pod template");
  return parts.join("; ");
}

function matchText({
  groups,
  resources,
  subresources,
  verbs,
  operations,
  nonResourcePaths,
  tools,
  models,
}: RuleMatch): string {
  if (tools !== undefined)
    return tools.includes("*") ? "any tool call of a model" : `calls of the tools ${code(tools)}`;
  if (models !== undefined)
    return models.includes("*") ? "any dialogue with a model" : `dialogues with the models ${code(models)}`;
  if (nonResourcePaths !== undefined)
    return `paths ${code(nonResourcePaths)}${verbs === undefined ? "" : ` (${verbs.join(", ")})`}`;
  const what =
    resources === undefined || resources.includes("*") ? ["any resource"] : resources.map((one) => `\`${one}\``);
  const own = subresources?.filter((one) => one !== "") ?? [];
  const below = subresources === undefined || own.length === 0 ? "" : ` (subresources ${code(own)})`;
  const group = groups?.filter((one) => one !== "") ?? [];
  const of = group.length === 0 ? "" : ` of ${code(group)}`;
  const how = [...(operations ?? []), ...(verbs ?? [])].join(", ");
  return `${how === "" ? "" : `${how} of `}${what.join(", ")}${below}${of}`;
}

/** The shortest case that stops something, else the shortest. */
function exampleFor(id: string, cases: readonly LocatedCase[]): string[] {
  const own = cases.filter((one) => one.rule === id && one.request.bodyBase64 === undefined);
  const stopping = own.filter((one) => one.expect.effect !== "allow");
  const shown = (stopping.length > 0 ? stopping : own).map((one) => ({ name: one.name, yaml: yamlOf(one) }));
  const shortest = shown.sort((a, b) => a.yaml.length - b.yaml.length)[0];
  if (shortest === undefined) return [];
  return ["", `Example: ${shortest.name}`, "", "```yaml", shortest.yaml, "```"];
}

function yamlOf({ given, request, tool, dialogue, expect }: LocatedCase): string {
  const asked = tool !== undefined ? { tool } : dialogue !== undefined ? { dialogue } : { request };
  const parts = Object.keys(given).length === 0 ? { ...asked, expect } : { given, ...asked, expect };
  return Object.entries(parts)
    .map(([key, value]) => `${key}: ${stringify(value, { collectionStyle: "flow", lineWidth: 0 }).trim()}`)
    .join("\n");
}

function code(values: readonly string[]): string {
  return values.map((value) => `\`${value}\``).join(", ");
}

function paragraph(text: string): string {
  return text.trim().replaceAll(/\s+/g, " ");
}

function cell(text: string): string {
  return paragraph(text).replaceAll("|", "\\|");
}
