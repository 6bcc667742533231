import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { codeBlock } from "../../../approvals/pull-request/safe-text.ts";
import { yamlDiff } from "../../../approvals/pull-request/yaml-diff.ts";
import { yamlRows } from "../../../approvals/pull-request/yaml-text.ts";
import { describeChange } from "../../../kubernetes/change.ts";
import { referencesIn, render, unseenIn } from "./github-markdown.ts";
import { HOSTILE } from "./hostile.ts";

const deployment = () => ({
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: "web" },
  spec: {
    replicas: 3,
    template: { spec: { containers: [{ name: "web", image: "nginx:1.27", args: ["a", "b"] }, { name: "side" }] } },
  },
});

function diff(from: object | null, to: object | null): string {
  return yamlDiff(describeChange(from as never, to as never).changes);
}

const configMap = (text: string) => ({ metadata: { name: "c" }, data: { script: text } });

describe("the change as a YAML diff", () => {
  test("stands under the fields and the list entries that it is in", () => {
    const to = deployment();
    to.spec.replicas = 0;
    const [web] = to.spec.template.spec.containers;
    Object.assign(web ?? {}, { image: "nginx:1.28", args: ["a", "c", "d"] });
    expect(diff(deployment(), to)).toBe(
      [
        "  spec:",
        "-   replicas: 3",
        "+   replicas: 0",
        "    template:",
        "      spec:",
        "        containers:",
        '          - name: "web"',
        "            args:",
        '-             - "b"',
        '+             - "c"',
        '+             - "d"',
        '-           image: "nginx:1.27"',
        '+           image: "nginx:1.28"',
      ].join("\n"),
    );
  });

  test("of a create is all that comes, and of a delete all that goes", () => {
    for (const [sign, rows] of [
      ["+", diff(null, deployment())],
      ["-", diff(deployment(), null)],
    ] as const) {
      const lines = rows.split("\n");
      expect(lines.every((line) => line.startsWith(`${sign} `))).toBe(true);
      expect(parse(lines.map((line) => line.slice(2)).join("\n"))).toEqual(deployment());
    }
  });

  test("of a text of many lines shows the lines that change, and how many stay", () => {
    const lines = Array.from({ length: 40 }, (_, i) => `line ${i}`);
    const from = `${lines.join("\n")}\n`;
    expect(diff(configMap(from), configMap(from.replace("line 20\n", "line 20, changed\n")))).toBe(
      [
        "  data:",
        "    script: |",
        "      # … 17 lines that stay",
        "      line 17",
        "      line 18",
        "      line 19",
        "-     line 20",
        "+     line 20, changed",
        "      line 21",
        "      line 22",
        "      line 23",
        "      # … 16 lines that stay",
      ].join("\n"),
    );
  });

  test("shows a last line break that goes", () => {
    expect(diff(configMap("a\nb\n"), configMap("a\nb"))).toBe(
      ["  data:", "-   script: |", "+   script: |-", "      a", "      b"].join("\n"),
    );
  });

  test("shows a text of which every line changes, however long it is", () => {
    const text = (word: string): string => Array.from({ length: 3000 }, (_, i) => `${word} ${i}\n`).join("");
    const rows = diff(configMap(text("old")), configMap(text("new"))).split("\n");
    expect(rows.filter((row) => row.startsWith("-"))).toHaveLength(3000);
    expect(rows.filter((row) => row.startsWith("+"))).toHaveLength(3000);
  });

  test("shows a change of order, and of a field whose name is no plain one", () => {
    const to = deployment();
    to.spec.template.spec.containers.reverse();
    expect(diff(deployment(), to)).toContain("# order:");
    expect(diff({ a: { "x.y/z @alice": 1 } }, { a: { "x.y/z @alice": 2 } })).toBe(
      ["  a:", '-   "x.y/z \\x40alice": 1', '+   "x.y/z \\x40alice": 2'].join("\n"),
    );
  });

  test("leaves nothing out of sight to the right: what is long goes on in the next row", () => {
    const hidden = `${" ".repeat(4000)}privileged: true`;
    for (const value of [hidden, `a\n${hidden}\n`, { [hidden]: hidden }, [hidden]]) {
      const rows = yamlRows(value);
      const long = rows.filter((row) => row.length > 140);
      // A key cannot go on in another row, so that its value stands in the next.
      expect(long.every((row) => row.endsWith(":"))).toBe(true);
      expect(long.length).toBe(typeof value === "object" && !Array.isArray(value) ? 1 : 0);
    }
  });
});

describe("text of the agent's in a diff", () => {
  test.each(HOSTILE)("%s is a scalar and nothing else", (_, text) => {
    // YAML has no unpaired surrogates.
    const value = text.toWellFormed();
    const object = { note: value, lines: `a\n${value}\nb`, list: [value], [value]: "a key" };
    expect(parse(yamlRows(object).join("\n"))).toEqual(object);
  });

  test.each(HOSTILE)("%s does nothing in the pull request, nor in a commit message", (_, text) => {
    const lines = (what: string): string => `first\n${what}\nlast\n`;
    const rows = diff(
      { note: "old", text: lines("x"), list: [text], [text]: 1 },
      { note: text, text: lines(text), list: [{ name: text }], [text]: text },
    );
    const markdown = `${codeBlock("diff", rows)}\n\nafter`;
    const { html, code: _code, ...active } = render(markdown);
    expect(active).toEqual({ links: [], images: [], comments: [], elements: [], references: [] });
    expect(html.match(/<pre>/g)).toHaveLength(1);
    expect(html).toMatch(/<p>after<\/p>$/);
    expect(referencesIn(rows)).toEqual([]);
    expect(unseenIn(rows)).toEqual([]);
    // Each row has a sign of ours in front.
    expect(rows.split("\n").every((row) => /^[-+ ] /.test(row))).toBe(true);
  });

  test("parses to what it was made of, whatever it is", () => {
    const pieces = fc.constantFrom(
      ..."@#-[]:|>&*!%\"'\\\n\t {},?a1".split(""),
      "\u202e",
      "GH-1",
      "/issues/1",
      "x".repeat(90),
    );
    const string = fc.array(pieces, { maxLength: 12 }).map((parts) => parts.join(""));
    const { tree } = fc.letrec((tie) => ({
      tree: fc.oneof(
        { maxDepth: 4 },
        string,
        fc.integer(),
        fc.constantFrom(null, true, false),
        fc.array(tie("tree"), { maxLength: 3 }),
        fc.dictionary(string, tie("tree"), { maxKeys: 3, noNullPrototype: true }),
      ),
    }));
    fc.assert(
      fc.property(tree, (value) => {
        const rows = yamlRows(value);
        expect(parse(rows.join("\n"))).toEqual(value);
        expect(referencesIn(rows.join("\n"))).toEqual([]);
      }),
      { numRuns: process.env.SALLYPORT_TEST_ALL === "1" ? 20_000 : 500 },
    );
  });
});
