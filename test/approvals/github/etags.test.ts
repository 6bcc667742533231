import { expect, test } from "vitest";
import { EtagCache } from "../../../approvals/github/etags.ts";

test("answers are kept up to 64 MB in all, and what is asked for again and again stays", async () => {
  const cache = new EtagCache();
  const items = Array<object>(10_000).fill({ path: "exceptions/a.yaml", url: "x".repeat(300) });
  /** Whether it was asked for with the ETag of an answer that is here. */
  const ask = async (tree_sha: string, tree: object[] = []): Promise<boolean> => {
    const headers: Record<string, string> = {};
    await cache.conditional(
      async () => {
        if (headers["if-none-match"] !== undefined) throw Object.assign(new Error("not modified"), { status: 304 });
        return { status: 200, headers: { etag: tree_sha }, data: { tree } };
      },
      { method: "GET", url: "/git/trees/{tree_sha}", baseUrl: "", headers, tree_sha },
    );
    return headers["if-none-match"] !== undefined;
  };
  await ask("often");
  for (let i = 0; i < 40; i++) {
    await ask(`t-${i}`, items);
    expect(await ask("often")).toBe(true);
  }
  expect(await ask("t-39")).toBe(true);
  expect(await ask("t-0", items)).toBe(false);
});
