import { describe, expect, it } from "vitest";
import { CallQueue } from "./call-queue.js";

describe("CallQueue", () => {
  it("runs jobs one after another in the order they came", async () => {
    const queue = new CallQueue();
    const events: string[] = [];
    const job = (name: string, turns: number) => async () => {
      events.push(`${name} starts`);
      for (let i = 0; i < turns; i++) await new Promise((resolve) => setImmediate(resolve));
      events.push(`${name} ends`);
    };
    await Promise.all([queue.run(job("slow", 5)), queue.run(job("quick", 0))]);
    expect(events).toEqual(["slow starts", "slow ends", "quick starts", "quick ends"]);
  });

  it("goes on after a job that fails", async () => {
    const queue = new CallQueue();
    const failing = queue.run(() => Promise.reject(new Error("bad")));
    const next = queue.run(() => 7);
    await expect(failing).rejects.toThrow("bad");
    expect(await next).toBe(7);
  });

  it("frees at once when idle, and otherwise after the calls made before", async () => {
    const queue = new CallQueue();
    const events: string[] = [];
    queue.whenIdle(() => events.push("freed idle"));
    expect(events).toEqual(["freed idle"]);
    const call = queue.run(() => events.push("called"));
    queue.whenIdle(() => events.push("freed"));
    await call;
    await queue.run(() => {});
    expect(events).toEqual(["freed idle", "called", "freed"]);
  });
});
