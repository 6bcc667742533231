import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { codeBlock, inertJson, prose, safeText } from "../../../approvals/pull-request/safe-text.ts";
import { referencesIn, render, unseenIn } from "./github-markdown.ts";
import { HOSTILE } from "./hostile.ts";

const NOTHING = { links: [], images: [], comments: [], elements: [], references: [] };
/** In the middle of words of ours, as the body of a pull request has it. */
const inList = (text: string): string => `- **Who:** ${text} (severity high)\n- **What:** ${text}`;

describe("what GitHub acts on, by the grammars of this test", () => {
  const acting = ["a mention", "an issue keyword", "a hidden comment", "a link", "a bare URL", "an image", "HTML"];
  test.each(HOSTILE.filter(([what]) => acting.includes(what)))("%s acts where nobody took care", (_, text) => {
    const { links, images, comments, elements, references } = render(inList(text));
    expect({ links, images, comments, elements, references }).not.toEqual(NOTHING);
  });
});

describe("text of the agent's in a pull request", () => {
  test.each(HOSTILE)("%s does nothing and is all there to read", (_, text) => {
    const markdown = inList(safeText(text));
    const { html, code, ...active } = render(markdown);
    expect(active).toEqual(NOTHING);
    expect(html.match(/<li>/g)).toHaveLength(2);
    expect(unseenIn(markdown)).toEqual([]);
    expect(markdown.includes("(none)")).toBe(text === "");
    if (text !== "") expect(unescaped(code[0])).toBe(text);
  });

  test.each(HOSTILE)("%s does nothing in a commit message either, where a squash would put it", (_, text) => {
    expect(referencesIn(`patch pods shop/web\n\n${inList(safeText(text))}`)).toEqual([]);
  });

  test("does nothing, whatever it is", () => {
    const pieces = fc.constantFrom(
      ..."`@#-/[]()<>!*_~|\\:\n \t\"'$&".split(""),
      "alice",
      "1",
      "GH",
      "issues",
      "https",
      "www.",
      "fixes ",
      "--",
      "\u202e",
    );
    fc.assert(
      fc.property(
        fc.array(pieces, { maxLength: 30 }).map((parts) => parts.join("")),
        (text) => {
          const markdown = inList(safeText(text));
          const { html: _html, code: _code, ...active } = render(markdown);
          expect(active).toEqual(NOTHING);
          expect(referencesIn(markdown)).toEqual([]);
        },
      ),
      { numRuns: process.env.SALLYPORT_TEST_ALL === "1" ? 20_000 : 500 },
    );
  });

  test.each([
    ["Use a persistentVolumeClaim, an emptyDir, or a projected volume.", true],
    ["hostPath volumes", true],
    ["see [x](https://evil.example)", false],
    ["see www.evil.example", false],
    ["- a list", false],
    ["GH-1", false],
    ["ask @alice", false],
  ])("a rule's own words stay words, and what is more than words is code: %s", (text, words) => {
    expect(prose(text) === text).toBe(words);
    const { html: _html, code: _code, ...active } = render(inList(prose(text)));
    expect(active).toEqual(NOTHING);
  });

  test.each(HOSTILE)("%s stays in a fenced block", (_, text) => {
    const { html } = render(`${codeBlock("diff", text.replaceAll("\0", ""))}\n\nafter`);
    expect(html).toMatch(/^<pre><code class="language-diff">[\s\S]*<\/code><\/pre>\n<p>after<\/p>$/);
  });
});

describe("a record in a commit message", () => {
  test.each(HOSTILE)("with %s in it says the same, and nothing in it acts", (_, text) => {
    const json = JSON.stringify({ kind: "propose", [text]: text, list: [text, 1, null, true] });
    const line = inertJson(json);
    expect(JSON.parse(line)).toEqual(JSON.parse(json));
    expect(referencesIn(`Sallyport-Record: ${line}`)).toEqual([]);
    expect(line).toMatch(/^[\x20-\x7e]*$/);
  });
});

/** What a reader makes of escapes; a text that has backslashes of its own is told apart by nobody, and need not be. */
function unescaped(shown = ""): string {
  return shown
    .replace(/\\u\{([0-9a-f]+)\}/g, (_, hex: string) => String.fromCodePoint(Number.parseInt(hex, 16)))
    .replaceAll("\\n", "\n")
    .replaceAll("\\r", "\r")
    .replaceAll("\\t", "\t");
}
