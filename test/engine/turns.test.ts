import { expect, test } from "vitest";
import { Turns } from "../../engine/wasm/turns.ts";

/** Asks for turns of these sizes at once; resolves to the sizes in the order in which they were served. */
async function served(limit: number, sizes: number[]): Promise<{ order: number[]; refused: number[] }> {
  const turns = new Turns(limit);
  const order: number[] = [];
  const refused: number[] = [];
  await Promise.all(
    sizes.map((size) =>
      turns
        .take(size, async () => {
          await new Promise((resolve) => setTimeout(resolve, 1));
          order.push(size);
        })
        .catch(() => refused.push(size)),
    ),
  );
  expect(turns.idle).toBe(true);
  return { order, refused };
}

test("the smallest that waits is next, so that large inputs keep no small one waiting", async () => {
  expect((await served(9, [7, 5, 6, 1, 4])).order).toEqual([7, 1, 4, 5, 6]);
});

test("where no more may wait, the largest gives up its place to a smaller one", async () => {
  expect(await served(3, [9, 8, 7, 1, 2])).toEqual({ order: [9, 1, 2], refused: [8, 7] });
});

test("work that fails ends its turn", async () => {
  const turns = new Turns(3);
  await expect(turns.take(1, () => Promise.reject(new Error("no")))).rejects.toThrow("no");
  await expect(turns.take(1, async () => "yes")).resolves.toBe("yes");
});
