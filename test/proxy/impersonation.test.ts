import { describe, expect, test } from "vitest";
import { impersonationHeaders } from "../../proxy/credentials/impersonation.ts";

const alice = { username: "corp:alice@example.com", uid: "u-1", groups: ["corp:devs"], extra: {} };

describe("the identity is passed to the cluster", () => {
  test("as user, group and uid", () => {
    expect(impersonationHeaders(alice)).toEqual([
      ["impersonate-user", "corp:alice@example.com"],
      ["impersonate-group", "corp:devs"],
      ["impersonate-uid", "u-1"],
    ]);
  });

  test("with each group in a header of its own, a comma being part of a name (Pomerium reproxy)", () => {
    const groups = ["corp:dev,system:masters", "corp:ops"];
    expect(impersonationHeaders({ ...alice, groups }).filter(([name]) => name === "impersonate-group")).toEqual([
      ["impersonate-group", "corp:dev,system:masters"],
      ["impersonate-group", "corp:ops"],
    ]);
  });

  test("without a uid header where it has no uid", () => {
    expect(impersonationHeaders({ ...alice, uid: "" }).map(([name]) => name)).not.toContain("impersonate-uid");
  });

  test("in UTF-8, one character a byte", () => {
    const headers = impersonationHeaders({ ...alice, username: "corp:zoë" });
    expect(Buffer.from(headers[0]?.[1] ?? "", "latin1").toString("utf8")).toBe("corp:zoë");
  });

  const keys: [key: string, header: string][] = [
    ["scopes", "impersonate-extra-scopes"],
    ["Scopes", "impersonate-extra-scopes"],
    ["example.com/session id", "impersonate-extra-example.com%2fsession%20id"],
    ["100%", "impersonate-extra-100%25"],
    ["a\r\nb", "impersonate-extra-a%0d%0ab"],
    ["ü", "impersonate-extra-%c3%bc"],
  ];
  test.each(keys)("with the extra key %j as %s", (key, header) => {
    expect(impersonationHeaders({ ...alice, extra: { [key]: ["v", ""] } }).slice(-2)).toEqual([
      [header, "v"],
      [header, ""],
    ]);
  });
});

describe("an identity is refused", () => {
  const many = (n: number): string[] => Array.from({ length: n }, (_, i) => `corp:g${i}`);
  const bad: [why: string, change: Partial<typeof alice> | { extra: Record<string, string[]> }, message: RegExp][] = [
    ["whose group is system:masters", { groups: ["system:masters"] }, /system:/],
    ["whose group is system:unauthenticated", { groups: ["system:unauthenticated"] }, /system:/],
    ["whose username is a service account's", { username: "system:serviceaccount:kube-system:x" }, /system:/],
    ["without a username", { username: "" }, /username is empty/],
    ["with an empty group", { groups: [""] }, /group is empty/],
    ["with CR LF in its username", { username: "corp:a\r\nImpersonate-Group: system:masters" }, /control character/],
    ["with LF in a group", { groups: ["corp:a\nx"] }, /control character/],
    ["with NUL in its uid", { uid: "a\u0000" }, /control character/],
    ["with CR LF in an extra value", { extra: { scopes: ["a\r\nb"] } }, /control character/],
    ["with a leading blank, which Go's server would trim", { username: " corp:a" }, /blank/],
    ["with a trailing blank", { groups: ["corp:a "] }, /blank/],
    ["with a lone surrogate, which UTF-8 cannot say", { username: "corp:\ud800" }, /Unicode/],
    ["with an empty extra key", { extra: { "": ["v"] } }, /key of its extra/],
    ["with more than 200 groups (Tremolo 94)", { groups: many(201) }, /201 groups/],
    ["with more than 64 extra values", { extra: { k: many(65) } }, /64 extra/],
    ["with more than 64 KiB of headers", { groups: many(40).map((g) => g + "x".repeat(2000)) }, /bytes of headers/],
  ];
  test.each(bad)("%s", (_why, change, message) => {
    expect(() => impersonationHeaders({ ...alice, ...change })).toThrow(
      expect.objectContaining({ code: "forbidden", message: expect.stringMatching(message) }),
    );
  });

  test("only above 200 groups", () => {
    expect(impersonationHeaders({ ...alice, groups: many(200) })).toHaveLength(202);
  });
});
