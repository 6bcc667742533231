import { afterAll, beforeAll, expect, test } from "vitest";
import type { KubernetesObject } from "../../engine/input.ts";
import { explain } from "../../proxy/explain/explain.ts";
import { libraryBundle } from "../engine/support.ts";
import { Oracle } from "../fuzz/oracle.ts";
import { Random } from "../fuzz/random.ts";
import { urlOf } from "./cell.ts";
import { rowOf } from "./pod-security/cells.ts";
import { CONTROLS, type Level } from "./pod-security/controls.ts";
import { generateTemplate, type Template } from "./pod-security/generate.ts";
import { policies } from "./policies.ts";
import { withAt } from "./resources.ts";
import { TEMPLATE_KINDS, type TemplateKind } from "./templates.ts";

const CASES = process.env.SALLYPORT_TEST_ALL === "1" ? 5_000 : 400;

let upstream: Oracle;
beforeAll(async () => {
  upstream = await Oracle.open("oracle-podsecurity");
}, 120_000);
afterAll(() => upstream.close());

interface Answer {
  error?: string;
  forbidden: string[];
}

function objectWith({ of, at, object }: TemplateKind, { metadata, spec }: Template): KubernetesObject {
  if (at !== "") return withAt(object, at, { metadata, spec });
  return { ...object, kind: of.kind, metadata: { ...(object.metadata as object), ...metadata }, spec };
}

/** Rules of a level of which upstream's check says one of these. */
function rulesOf(level: Level, forbidden: readonly string[]): string[] {
  const controls = CONTROLS.filter(({ levels }) => levels.includes(level));
  return forbidden.map((reason) => controls.find((one) => one.reason.test(reason))?.rule ?? reason).sort();
}

test.each<Level>(["baseline", "restricted"])(
  "pod-security/%s finds in generated templates of every kind what upstream's own checks find",
  async (level) => {
    const random = new Random(level.length);
    const policy = await policies(await libraryBundle())(rowOf(level));
    const templates = Array.from({ length: CASES }, () => generateTemplate(random));
    const answers = await upstream.ask<Answer>(templates.map((template) => ({ level, ...template })));
    const wrong: string[] = [];
    const seen = new Map<string, number>();
    for (const [i, template] of templates.entries()) {
      const kind = random.pick(TEMPLATE_KINDS);
      const { decision } = await explain(
        {
          method: "POST",
          path: urlOf(kind.of),
          contentType: "application/json",
          body: Buffer.from(JSON.stringify(objectWith(kind, template))),
          oldObject: null,
        },
        policy,
      );
      const ours = [...new Set(decision.findings.map(({ rule }) => rule))].sort();
      const { error, forbidden } = answers[i] as Answer;
      const theirs = error === undefined ? rulesOf(level, forbidden) : [error];
      if (JSON.stringify(ours) !== JSON.stringify(theirs)) {
        wrong.push(`${kind.of.kind} ${JSON.stringify({ ours, theirs, template })}`);
      }
      for (const rule of theirs.length === 0 ? ["nothing"] : theirs) seen.set(rule, (seen.get(rule) ?? 0) + 1);
    }
    expect(wrong).toEqual([]);
    // Every control was met, and pods that pass as well.
    const controls = CONTROLS.filter(({ levels }) => levels.includes(level)).map(({ rule }) => rule);
    expect([...seen.keys()].sort()).toEqual(["nothing", ...controls].sort());
  },
  600_000,
);
