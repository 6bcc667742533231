import { describe, expect, test } from "vitest";
import { Refusal } from "../../base/errors.ts";
import { silentLog } from "../../base/log.ts";
import { HomeTime } from "../../proxy/hold/home-time.ts";
import { SharedAsks } from "../../proxy/hold/shared-asks.ts";

const never = (): Promise<never> => new Promise(() => {});

describe("what a hold waits for its home", () => {
  test("ends as approvals-unavailable where no answer comes in time", async () => {
    await expect(new HomeTime(silentLog, 10).of("find", never)).rejects.toMatchObject({
      code: "approvals-unavailable",
      status: 403,
    });
  });

  test("is one allowance for all answers, and a whole one again after a human was waited for", async () => {
    const home = new HomeTime(silentLog, 50);
    await expect(home.of("find", never)).rejects.toThrow("in time");
    await expect(home.of("propose", () => new Promise((resolve) => setTimeout(resolve, 20)))).rejects.toThrow(
      "in time",
    );
    home.renew();
    expect(await home.of("use", async () => "spent")).toBe("spent");
  });

  test("passes the home's own refusals, and tells nobody what else went wrong", async () => {
    const home = new HomeTime(silentLog);
    const denied = new Refusal("approval-denied", "no");
    await expect(home.of("propose", () => Promise.reject(denied))).rejects.toBe(denied);
    const failure = home.of("find", () => Promise.reject(new Error("/secret/path is gone")));
    await expect(failure).rejects.toMatchObject({
      code: "approvals-unavailable",
      message: expect.not.stringContaining("secret"),
    });
  });

  test("gives an answer that came too late to who puts it on record, and to nobody else", async () => {
    const late = Promise.withResolvers<string>();
    const heard = Promise.withResolvers<string>();
    const asked = new HomeTime(silentLog, 5).of("use", () => late.promise, { late: heard.resolve });
    await expect(asked).rejects.toThrow("in time");
    late.resolve("spent");
    expect(await heard.promise).toBe("spent");
  });
});

describe("what many ask at once", () => {
  test("is found by one question that began after each of them", async () => {
    const asks = new SharedAsks();
    const answers: ((value: number) => void)[] = [];
    const ask = (): Promise<number> => {
      const { promise, resolve } = Promise.withResolvers<number>();
      answers.push(resolve);
      return promise;
    };
    const first = asks.find("a", ask);
    const others = [asks.find("a", ask), asks.find("a", ask)];
    expect(answers).toHaveLength(1);
    answers[0]?.(1);
    expect(await first).toBe(1);
    await Promise.resolve();
    expect(answers).toHaveLength(2);
    answers[1]?.(2);
    expect(await Promise.all(others)).toEqual([2, 2]);
  });

  test("is opened once, by the first", async () => {
    const asks = new SharedAsks();
    let opened = 0;
    const open = async (): Promise<number> => ++opened;
    const all = await Promise.all([asks.open("a", open), asks.open("a", open), asks.open("b", open)]);
    expect(all).toEqual([
      { answer: 1, first: true },
      { answer: 1, first: false },
      { answer: 2, first: true },
    ]);
  });

  test("fails for all where it failed, and is asked anew after that", async () => {
    const asks = new SharedAsks();
    const failing = (): Promise<number> => Promise.reject(new Error("down"));
    const both = await Promise.allSettled([asks.open("a", failing), asks.open("a", failing)]);
    expect(both.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    expect(await asks.open("a", async () => 1)).toEqual({ answer: 1, first: true });
    await expect(asks.find("f", failing)).rejects.toThrow("down");
    expect(await asks.find("f", async () => 1)).toBe(1);
  });
});
