import { existsSync } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { CheckpointError } from "../errors.js";
import { withFiles } from "../testing/temporary-files.js";
import { MetricsLog, readMetrics } from "./metrics-log.js";

const EPOCH = {
  epoch: 1,
  step: 10,
  learningRate: 0.001,
  trainLossPerToken: 3.5,
  gradientNorm: 1,
  devLossPerToken: 3.25,
  devScores: { "CIDEr-D": 0.25 },
  best: true,
  wallClock: {
    finishedAt: "2026-01-01T00:00:00.000Z",
    backend: "cpu",
    train: 1,
    captionsPerSecond: 2,
    devLoss: 3,
    decode: 4,
    score: 5,
  },
};

const LINE = `${JSON.stringify(EPOCH)}\n`;

/** Reads metrics.jsonl with these contents, after what `change` does to it. */
const readBack = (text: string, change: (path: string) => Promise<void> = async () => {}) =>
  withFiles({ "metrics.jsonl": text }, async (folder) => {
    const path = join(folder, "metrics.jsonl");
    await change(path);
    return readMetrics(path);
  });

describe("the metrics of a run", () => {
  it.skipIf(!existsSync("/dev/full"))("say what to do where the disk is full (needs /dev/full)", async () => {
    const error = await new MetricsLog("/dev/full").append(EPOCH).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(CheckpointError);
    expect((error as CheckpointError).hint).toContain("The disk is full");
  });

  it("are read back as they were written, without the line that a kill cut short", async () => {
    const cutShort = (path: string) => writeFile(path, '{"epoch":2,"st', { flag: "a" });
    expect(await readBack(LINE, cutShort)).toEqual([EPOCH]);
    expect(await readBack("", (path) => new MetricsLog(path).append(EPOCH))).toEqual([EPOCH]);
  });

  it("are none before the first epoch", async () => {
    expect(await readBack("", (path) => rm(path))).toEqual([]);
  });

  it("keep an epoch whose loss exploded", async () => {
    const exploded = { ...EPOCH, trainLossPerToken: Number.NaN };
    const [epoch] = await readBack("", (path) => new MetricsLog(path).append(exploded));
    expect(epoch?.trainLossPerToken).toBeNaN();
  });

  it.each([
    ["something else", "not json"],
    ["another object", '{"epoch":"one"}'],
  ])("are refused by line where there is %s", async (_, line) => {
    const error = await readBack(`${LINE}${line}\n`).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(CheckpointError);
    expect(String(error)).toContain("line 2");
  });
});
