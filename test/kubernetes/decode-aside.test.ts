import { describe, expect, test } from "vitest";
import { requestAttributes } from "../../kubernetes/attributes.ts";
import { decodeBody } from "../../kubernetes/body/decode.ts";
import { decodeBodyAside } from "../../kubernetes/body/decode-aside.ts";
import { YAML_LIMIT } from "../../kubernetes/body/yaml.ts";

const LIMITS = { bodyBytes: 3 * 1024 * 1024 };
const YAML = "application/yaml";
const APPLY = "application/apply-patch+yaml";
const create = requestAttributes("POST", "/api/v1/namespaces/a/configmaps", { "content-type": YAML });
const apply = requestAttributes("PATCH", "/api/v1/namespaces/a/configmaps/a", { "content-type": APPLY });
const lines = (count: number): string => Array.from({ length: count }, (_, i) => `  k${i}: yes`).join("\n");
const text = (count: number): Buffer =>
  Buffer.from(
    `kind: ConfigMap\nn: 9007199254740993\nd: &d {x: "\u2029y"}\ne: *d\ndata:\n${lines(count)}\n`.replace(
      "\u2029",
      "\\P",
    ),
  );

describe("YAML that is large", () => {
  test.each([
    ["a create", create, YAML],
    ["an apply patch", apply, APPLY],
  ])(
    "of %s is read on another thread as it is on this one, and goes upstream as the same",
    async (_what, attributes, type) => {
      const bytes = text(2000);
      const aside = await decodeBodyAside(attributes, type, bytes, LIMITS);
      const here = decodeBody(attributes, type, bytes, LIMITS);
      expect(Buffer.from(aside.forwardBytes).toString()).toBe(Buffer.from(here.forwardBytes).toString());
      expect(JSON.stringify([aside.object, aside.patch])).toBe(JSON.stringify([here.object, here.patch]));
    },
  );

  test.each([
    ["that is none", `${lines(1000)}\n "`, "malformed-body"],
    ["of another shape than an object", `- a\n${"- b\n".repeat(2000)}`, "malformed-body"],
    ["over its limit", `a: ${"x".repeat(YAML_LIMIT)}`, "body-too-large"],
  ])("%s is refused as it is on this thread", async (_what, body, code) => {
    await expect(decodeBodyAside(create, YAML, Buffer.from(body), LIMITS)).rejects.toMatchObject({ code });
  });

  test("does not keep the thread that serves everybody from turning", async () => {
    let turns = 0;
    const timer = setInterval(() => turns++, 1);
    const reading = Array.from({ length: 4 }, () => decodeBodyAside(create, YAML, text(8000), LIMITS));
    await Promise.all(reading);
    clearInterval(timer);
    // Read here, these take longer than any turn of it, and there would be none between.
    expect(turns).toBeGreaterThan(20);
  });

  test("is refused where 64 wait already", async () => {
    const all = await Promise.allSettled(
      Array.from({ length: 70 }, () => decodeBodyAside(create, YAML, text(500), LIMITS)),
    );
    const refused = all.filter((one) => one.status === "rejected");
    expect(refused).toHaveLength(6);
    expect(refused[0]).toMatchObject({ reason: { code: "too-many" } });
  });
});
