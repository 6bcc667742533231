import { expect, test } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import { parseException, renderException } from "../../approvals/exception.ts";
import { changeOf, digestOf } from "../../approvals/terms.ts";
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

test("digest and change are keyed, ordered by neither keys nor query, and never equal each other", () => {
  const key = Buffer.alloc(32, 1);
  const form = {
    connection: "prod",
    requester: { issuer: "corp", username: "corp:a" },
    verb: "create",
    path: "/api/v1/namespaces/a/pods",
    query: { b: ["2", "1"], a: ["1"] },
    contentType: "application/json",
    body: { x: 1, y: 2 },
  };
  const digest = digestOf(key, form);
  expect(digest).toMatch(/^[0-9a-f]{64}$/);
  expect(digestOf(key, { ...form, query: { a: ["1"], timeout: ["9s"], b: ["2", "1"] }, body: { y: 2, x: 1 } })).toBe(
    digest,
  );
  expect(digestOf(Buffer.alloc(32, 2), form)).not.toBe(digest);
  expect(digestOf(key, { ...form, query: { b: ["1", "2"], a: ["1"] } })).not.toBe(digest);
  const change = { uid: null, changes: [{ path: "spec", to: 1 }] };
  expect(changeOf(key, change)).not.toBe(changeOf(key, { ...change, uid: "u" }));
  expect(changeOf(key, form as never)).not.toBe(digest);
});
