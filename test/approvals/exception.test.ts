import { expect, test } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import { parseException, renderException } from "../../approvals/exception.ts";
import { clip, visible } from "../../approvals/text.ts";
import { opened, proposal, rig } from "./embedded.ts";

const NAME = "aaaaaaaaaaaaaaaa-1";

const HOSTILE = [
  'x"\nspec:\n  maxUses: 1000',
  "x\n---\nkind: PolicyException",
  "*alias &anchor !!js/function 'x'",
  "x # comment",
  "- item: {a: [b]}",
  "%YAML 1.1",
  "yes",
  "\\",
  '\\" maxUses: 9',
  "x\u0000\u001b[31m\u0085\u2028",
  "\u202egnp.exe\u2066",
  "\ud800",
  "<<: *x",
];

test.each(HOSTILE)("agent text %j changes nothing of the exception but its reason", async (reason) => {
  const { home } = await rig();
  const calm = await opened(home, { digest: "b".repeat(64) });
  const { file, name } = await opened(home, { summary: { ...proposal().summary, reason } });
  const [a, b] = [parse(calm.file), parse(file)];
  expect(parseAllDocuments(file)).toHaveLength(1);
  expect(b.spec.reason).toBe(visible(reason));
  expect({ ...b.spec, reason: "", match: "" }).toEqual({ ...a.spec, reason: "", match: "" });
  expect(parseException(name, file).spec.maxUses).toBe(1);
  expect(file).not.toMatch(/[^\P{C}\n]/u);
});

test("a name of the identity provider's hides nothing in the file, and is still that name", () => {
  const username = "corp:alice\u202e\u200b\u{e0041}\u2028\u0085x";
  const file = renderException(NAME, proposal({ requester: { issuer: "corp", username, session: username } }));
  expect(file).not.toMatch(/[^\P{C}\n]|\u2028/u);
  expect(parse(file).spec.subjects[0].username).toBe(username);
  expect(parseException(NAME, file).spec.requestedBy).toEqual({ issuer: "corp", username, session: username });
});

test("the file says what contracts §4 says, and nothing else", () => {
  expect(parse(renderException(NAME, proposal()))).toEqual({
    apiVersion: "sallyport.dev/v1alpha1",
    kind: "PolicyException",
    metadata: { name: NAME },
    spec: {
      rules: ["workload/host-path"],
      subjects: [{ issuer: "corp", username: "corp:agent-alice" }],
      match: { connection: "prod", digest: "a".repeat(64), change: "c".repeat(64) },
      unmask: false,
      policy: { revision: "b1/g1" },
      requestedBy: { issuer: "corp", username: "corp:agent-alice", session: "s-1" },
      reason: "debugging",
      notAfter: "2026-11-22T10:15:00.000Z",
      maxUses: 1,
    },
  });
});

test("an exception with an unknown key, or another file's name, is refused with its path", () => {
  const file = renderException(NAME, proposal());
  expect(() => parseException(NAME, file.replace("maxUses", "maxUse"))).toThrow(
    /spec.maxUse: .*did you mean "maxUses"/,
  );
  expect(() => parseException("bbbbbbbbbbbbbbbb-1", file)).toThrow(/metadata.name/);
});

test("what cannot be seen is shown, and ordinary writing stays as it is", () => {
  expect(visible("a\u202eb\u200bc\u0000\n\u3164\u{e0041}")).toBe("a\\u{202e}b\\u{200b}c\\u{0}\\n\\u{3164}\\u{e0041}");
  expect(visible("Größe 大小 مرحبا 🚢")).toBe("Größe 大小 مرحبا 🚢");
  expect(clip("abcdef", 3)).toBe("abc… (3 more characters)");
  expect(clip("🚢🚢", 1)).toBe("… (4 more characters)");
});
