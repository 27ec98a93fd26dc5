import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { AbortedError } from "../errors.js";
import { ReadAhead } from "./read-ahead.js";

async function drain<R>(queue: ReadAhead<unknown, R>): Promise<R[]> {
  const results: R[] = [];
  for (let next = await queue.next(); next !== undefined; next = await queue.next()) results.push(next.value);
  return results;
}

describe("ReadAhead", () => {
  it("gives results in the order of the source, however long each takes", async () => {
    const work = async (item: number) => {
      await sleep((item * 7) % 5);
      return item * 2;
    };
    expect(await drain(new ReadAhead([1, 2, 3, 4, 5, 6, 7], work, 3))).toEqual([2, 4, 6, 8, 10, 12, 14]);
  });

  it("never has more under way or waiting than the limit", async () => {
    let started = 0;
    let taken = 0;
    const queue = new ReadAhead(
      Array.from({ length: 50 }, (_, index) => index),
      async () => {
        started += 1;
        // Four in the queue, and the one just handed out that this test has not counted yet.
        expect(started - taken).toBeLessThanOrEqual(5);
      },
      4,
    );
    for (; (await queue.next()) !== undefined; taken++) await sleep(0);
    expect(taken).toBe(50);
  });

  it("is ready only when the next result is there", async () => {
    let release = () => {};
    const queue = new ReadAhead([1], () => new Promise<void>((resolve) => (release = resolve)), 1);
    await sleep(1);
    expect(queue.ready).toBe(false);
    release();
    await sleep(1);
    expect(queue.ready).toBe(true);
  });

  it("throws a failure of the source when its turn comes", async () => {
    const queue = new ReadAhead(
      (async function* () {
        yield 1;
        throw new Error("no more");
      })(),
      async (item) => item,
      4,
    );
    expect(await queue.next()).toEqual({ value: 1 });
    await expect(queue.next()).rejects.toThrow("no more");
    expect(await queue.next()).toBeUndefined();
  });

  it("stops at once when aborted, though the source gives nothing", async () => {
    const controller = new AbortController();
    const silent = { [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => {}) }) };
    const queue = new ReadAhead(silent, async (item) => item, 2, controller.signal);
    setTimeout(() => controller.abort(), 5);
    await expect(queue.next()).rejects.toBeInstanceOf(AbortedError);
  });

  it("closes its source", async () => {
    let closed = false;
    const queue = new ReadAhead(
      (function* () {
        try {
          for (;;) yield 1;
        } finally {
          closed = true;
        }
      })(),
      async (item) => item,
      2,
    );
    await queue.next();
    queue.close();
    await sleep(1);
    expect(closed).toBe(true);
    expect(await queue.next()).toBeUndefined();
  });
});
