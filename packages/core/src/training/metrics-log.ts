import { open, readFile } from "node:fs/promises";
import { z } from "zod";
import { replaceFile } from "../checkpoint/replace-directory.js";
import { explainingDiskErrors } from "../disk-errors.js";
import { CheckpointError, expected } from "../errors.js";

/** One line of metrics.jsonl. Everything outside `wallClock` is the same in every run of the same recipe on a deterministic backend. */
export interface EpochMetrics {
  /** 1-based. */
  readonly epoch: number;
  /** Updates made so far. */
  readonly step: number;
  /** Of the epoch's last update. */
  readonly learningRate: number;
  /** Nats per token, dropout and label smoothing on. With `selfCritical`, weighted by what the captions' rewards say: a sum of both signs. */
  readonly trainLossPerToken: number;
  /** Mean over the epoch's updates, before clipping. */
  readonly gradientNorm: number;
  /** Means over the captions drawn for self-critical training. */
  readonly sampled?: { readonly reward: number; readonly words: number };
  /** Nats per token on the dev split: teacher forcing, no dropout, no smoothing. */
  readonly devLossPerToken: number;
  /** Of generated dev captions; absent where nothing scores them. */
  readonly devScores?: Readonly<Record<string, number>>;
  /** Whether this epoch is the best so far. */
  readonly best: boolean;
  readonly wallClock: EpochTimes;
}

/** Of the process that finished the epoch; numbers are seconds but for captionsPerSecond. */
export interface EpochTimes {
  readonly finishedAt: string;
  /** The device's description: a run may move from one to another. */
  readonly backend: string;
  readonly train: number;
  readonly captionsPerSecond: number;
  readonly devLoss: number;
  readonly decode: number;
  readonly score: number;
}

/** metrics.jsonl: one line an epoch, on disk before the epoch's checkpoint is. */
export class MetricsLog {
  constructor(private readonly path: string) {}

  /** @throws CheckpointError where the disk refuses; resuming drops what was written of the line */
  async append(metrics: EpochMetrics): Promise<void> {
    await explainingDiskErrors(this.path, async () => {
      const file = await open(this.path, "a");
      try {
        await file.writeFile(`${JSON.stringify(metrics)}\n`);
        await file.sync();
      } finally {
        await file.close();
      }
    });
  }

  /**
   * Drops lines of epochs after the checkpoint that training goes on from; they will be written again, the same.
   * @throws CheckpointError where lines that belong to it are missing
   */
  async truncate(epochs: number): Promise<void> {
    const text = await readFile(this.path, "utf8").catch(() => "");
    // A line without its newline was cut short by a kill and does not count.
    const whole = text.split("\n").slice(0, -1);
    if (whole.length < epochs) {
      throw new CheckpointError(expected(`${epochs} lines`, this.path, whole.length), {
        hint: "The file was changed after the run was stopped: restore it, or begin a new run.",
      });
    }
    const kept = whole
      .slice(0, epochs)
      .map((line) => `${line}\n`)
      .join("");
    if (kept !== text) await replaceFile(this.path, kept);
  }
}

/** JSON writes the loss of a run that exploded, NaN or infinite, as null. */
const figure = z
  .number()
  .nullable()
  .transform((value) => value ?? Number.NaN);

const epochSchema = z.looseObject({
  epoch: z.int().min(1),
  step: z.int().min(0),
  learningRate: figure,
  trainLossPerToken: figure,
  gradientNorm: figure,
  sampled: z.looseObject({ reward: figure, words: figure }).optional(),
  devLossPerToken: figure,
  devScores: z.record(z.string(), figure).optional(),
  best: z.boolean(),
  wallClock: z.looseObject({
    finishedAt: z.string(),
    train: figure,
    captionsPerSecond: figure,
    devLoss: figure,
    decode: figure,
    score: figure,
  }),
});

/** What a reader of metrics.jsonl can count on, in runs of earlier versions too. */
export type RecordedEpoch = Omit<EpochMetrics, "wallClock"> & {
  readonly wallClock: Omit<EpochTimes, "backend"> & { readonly backend?: unknown };
};

/**
 * The epochs of a run so far, also while it is training: a line that is being written is not there yet. No file is no epochs.
 * @throws CheckpointError naming the line that is not one of ours
 */
export async function readMetrics(path: string): Promise<RecordedEpoch[]> {
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return "";
    throw new CheckpointError(expected("a readable file", path, error.message), { cause: error });
  });
  const lines = text.split("\n").slice(0, -1);
  return lines.map((line, index) => {
    const parsed = epochSchema.safeParse(parseLine(line));
    if (parsed.success) return parsed.data as RecordedEpoch;
    throw new CheckpointError(expected("the metrics of an epoch", `line ${index + 1} of ${path}`, line), {
      hint: "The file was changed after training wrote it: restore it, or take the line out.",
    });
  });
}

function parseLine(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
