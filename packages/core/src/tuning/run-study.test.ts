import { describe, expect, it } from "vitest";
import { StudyError } from "../errors.js";
import { Random } from "../random.js";
import type { EpochMetrics } from "../training/metrics-log.js";
import { type RunStudyOptions, type RunTrial, runStudy } from "./run-study.js";
import { parseSearchSpace } from "./search-space.js";
import { Study, type StudySettings, type StudyStorage } from "./study.js";
import type { Trial } from "./trial.js";

const EPOCHS = 5;
const parse = (...dimensions: string[]) =>
  parseSearchSpace(
    [
      "recipe: base",
      `set: { epochs: ${EPOCHS}, decoder.attention: { heads: 2, size: 8 } }`,
      "search:",
      ...dimensions,
    ].join("\n"),
    "space.yaml",
    async () => ({ text: "", source: "base.yaml" }),
  );
const RATE = "  optimizer.learningRate: { log: [0.0001, 0.1] }";
const DROPOUT = "  decoder.dropout.output: { uniform: [0, 0.9] }";
/** With two heads, odd sizes make no recipe. */
const SIZE = "  decoder.attention.size: { int: [8, 12] }";
const SETTINGS: StudySettings = {
  space: await parse(RATE, DROPOUT),
  seed: 5,
  sampler: { name: "tpe", startupTrials: 5 },
  pruner: { name: "median", warmupTrials: 3, warmupEpochs: 1 },
  metric: "CIDEr-D",
  dataset: { name: "toy", sha256: "0" },
  encoder: "toy",
};

const UNEVEN: StudySettings = { ...SETTINGS, space: await parse(RATE, DROPOUT, SIZE) };

type Stored = { settings: StudySettings; trials: Trial[] };

class MemoryStorage implements StudyStorage {
  stored: Stored | undefined;
  /** The storage as it was after each write: what a kill right after it leaves behind. */
  readonly history: Stored[] = [];

  constructor(stored?: Stored) {
    this.stored = structuredClone(stored);
  }
  read() {
    return structuredClone(this.stored);
  }
  create(settings: StudySettings) {
    this.stored = structuredClone({ settings, trials: [] });
    this.history.push(structuredClone(this.stored));
  }
  write(trial: Trial) {
    this.stored!.trials[trial.number] = structuredClone(trial);
    this.history.push(structuredClone(this.stored!));
  }
}

/** The learning curve of a trial: rising, the higher the nearer learning rate and dropout are to 0.01 and 0.3. */
function metricsOf({ parameters }: Trial, epoch: number): EpochMetrics {
  const rate = Math.log10((parameters["optimizer.learningRate"] as number) / 0.01);
  const dropout = (parameters["decoder.dropout.output"] as number) - 0.3;
  const value = (1 - Math.exp(-epoch / 2)) / (1 + rate ** 2 + dropout ** 2);
  const wallClock = {
    finishedAt: "",
    backend: "",
    train: 2,
    captionsPerSecond: 1,
    devLoss: 0.5,
    decode: 0.25,
    score: 0.25,
  };
  const figures = { step: epoch, learningRate: 0, trainLossPerToken: 1, gradientNorm: 1, best: false };
  return { epoch, ...figures, devLossPerToken: 1 - value, devScores: { "CIDEr-D": value }, wallClock };
}

/** Trains for as long as `pause` takes at each epoch. `lost`: so many recorded epochs were not in a checkpoint when the process was killed. */
const fakeTraining =
  ({ pause = async (_: Trial): Promise<unknown> => undefined, lost = 0 } = {}): RunTrial =>
  async (trial, { onEpoch, signal }) => {
    for (let epoch = Math.max(1, trial.epochs.length + 1 - lost); epoch <= EPOCHS; epoch++) {
      await pause(trial);
      if (signal.aborted) return { kind: "interrupted" };
      if (!onEpoch(metricsOf(trial, epoch))) return { kind: "interrupted" };
    }
    return { kind: "finished" };
  };

const never = new AbortController().signal;
const timeless = (trials: readonly Trial[]) => trials.map(({ startedAt: _, endedAt: __, ...trial }) => trial);

async function runToEnd(
  storage: MemoryStorage,
  { settings = SETTINGS, ...options }: Partial<RunStudyOptions> & { settings?: StudySettings } = {},
) {
  const study = Study.open(storage, settings);
  await runStudy(study, { trials: 14, parallel: 1, signal: never, runTrial: fakeTraining(), ...options });
  return study;
}

describe("a study", () => {
  it("runs its trials, prunes some, fails what cannot be a recipe, and ranks them", async () => {
    const study = await runToEnd(new MemoryStorage(), { settings: UNEVEN, trials: 30 });
    const states = study.trials.map(({ state }) => state);
    expect(new Set(states)).toEqual(new Set(["complete", "pruned", "failed"]));
    for (const { state, epochs, error } of study.trials) {
      if (state === "complete") expect(epochs).toHaveLength(EPOCHS);
      if (state === "pruned") expect(epochs.length).toBeLessThan(EPOCHS);
      if (state === "failed") expect(error).toContain("a multiple of heads");
    }
    const board = study.leaderboard();
    expect(board[0]).toBe(study.best);
    expect(board.at(-1)!.state).toBe("failed");
    expect(new Set(study.trials.map(({ seed }) => seed)).size).toBe(30);
  });

  it("prunes and ranks by loss the other way round", async () => {
    const byLoss = await runToEnd(new MemoryStorage(), { settings: { ...SETTINGS, metric: "loss" } });
    const byScore = await runToEnd(new MemoryStorage());
    const shape = ({ trials }: Study) =>
      trials.map(({ parameters, state, epochs }) => [parameters, state, epochs.length]);
    expect(shape(byLoss)).toEqual(shape(byScore));
    expect(byLoss.leaderboard().map(({ number }) => number)).toEqual(byScore.leaderboard().map(({ number }) => number));
  });

  it.each([1, 3])(
    "killed after any write and gone on with, %i trials at a time, ends with the same trials",
    async (parallel) => {
      const storage = new MemoryStorage();
      const common = { parallel, settings: UNEVEN, trials: 10 };
      const whole = await runToEnd(storage, common);
      for (const [write, stored] of storage.history.entries()) {
        const lost = write % 2;
        const resumed = await runToEnd(new MemoryStorage(stored), { ...common, runTrial: fakeTraining({ lost }) });
        expect(timeless(resumed.trials), `write ${write}`).toEqual(timeless(whole.trials));
      }
    },
  );

  it("gives the same results whichever of its parallel trials are quick", async () => {
    const waiting = (seed: number) => {
      const random = new Random(seed);
      return fakeTraining({ pause: () => new Promise((resolve) => setTimeout(resolve, random.uniform() * 6)) });
    };
    const studies = await Promise.all(
      [1, 2, 3].map((seed) => runToEnd(new MemoryStorage(), { parallel: 3, runTrial: waiting(seed) })),
    );
    for (const study of studies) expect(timeless(study.trials)).toEqual(timeless(studies[0]!.trials));
  });

  it("runs as many trials at a time as it is told to, each at a place of its own", async () => {
    const places = new Set<number>();
    let most = 0;
    await runToEnd(new MemoryStorage(), {
      parallel: 4,
      runTrial: async (trial, job) => {
        expect(places.has(job.place)).toBe(false);
        places.add(job.place);
        most = Math.max(most, places.size);
        const outcome = await fakeTraining({ pause: () => new Promise((resolve) => setTimeout(resolve, 1)) })(
          trial,
          job,
        );
        places.delete(job.place);
        return outcome;
      },
    });
    expect(most).toBe(4);
  });

  it("leaves stopped trials to be gone on with, and begins no others", async () => {
    const stop = new AbortController();
    const storage = new MemoryStorage();
    const stopping = fakeTraining({ pause: async ({ number }) => number === 4 && stop.abort() });
    const stopped = await runToEnd(storage, { runTrial: stopping, signal: stop.signal });
    expect(stopped.trials.map(({ state }) => state).indexOf("running")).toBe(4);
    expect(stopped.trials).toHaveLength(5);
    expect(timeless((await runToEnd(storage)).trials)).toEqual(timeless((await runToEnd(new MemoryStorage())).trials));
  });

  it("begins no trial after its deadline", async () => {
    const study = await runToEnd(new MemoryStorage(), { deadline: Date.now() - 1 });
    expect(study.trials).toEqual([]);
  });

  it("stops the other trials and passes the error on where none can be trained", async () => {
    let interrupted = 0;
    const runTrial: RunTrial = async ({ number }, { signal }) => {
      if (number === 1) throw new StudyError("no data");
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
      interrupted += 1;
      return { kind: "interrupted" };
    };
    await expect(runToEnd(new MemoryStorage(), { parallel: 3, runTrial })).rejects.toThrow("no data");
    expect(interrupted).toBe(2);
  });

  it("goes on after a trial that could not be trained, which then is last", async () => {
    const runTrial: RunTrial = async (trial, job) =>
      trial.number === 0 ? { kind: "failed", error: "the loss is no number" } : fakeTraining()(trial, job);
    const study = await runToEnd(new MemoryStorage(), { trials: 4, runTrial });
    expect(study.trials[0]).toMatchObject({ state: "failed", error: "the loss is no number" });
    expect(study.best!.number).toBeGreaterThan(0);
  });

  it("is not gone on with under other settings, which are named", async () => {
    const storage = new MemoryStorage();
    Study.open(storage, SETTINGS);
    const others = { ...SETTINGS, sampler: { ...SETTINGS.sampler, name: "random" as const } };
    expect(() => Study.open(storage, others)).toThrow(/other values of sampler.name .+tpe.+ → .+random/);
    expect(() => Study.read(new MemoryStorage(), "empty")).toThrow(StudyError);
  });
});
