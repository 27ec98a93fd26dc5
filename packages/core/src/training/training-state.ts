import { z } from "zod";
import type { JsonObject } from "../checkpoint/checkpoint.js";
import { CheckpointError } from "../errors.js";
import { INITIAL_LEARNING_RATE_STATE } from "./learning-rate.js";
import { INITIAL_STOPPING_STATE } from "./stopping.js";

const countSchema = z.int().min(0);
const valueSchema = z.number().nullable();

/** Where a training stands: with weights and optimizer state, all that going on needs. Key `training` of training-state.json. */
const trainingStateSchema = z.strictObject({
  /** Finished epochs. */
  epoch: countSchema,
  /** Updates made in the epoch under way. */
  stepInEpoch: countSchema,
  /** Updates made in all. */
  step: countSchema,
  /** Numbers drawn for batches before the epoch under way. */
  randomPosition: countSchema,
  /** Over the updates of the epoch under way. */
  sums: z.strictObject({
    loss: z.number(),
    tokens: countSchema,
    gradientNorm: z.number(),
    /** Of captions sampled for self-critical training. */
    reward: z.number().default(0),
    sampledWords: countSchema.default(0),
    samples: countSchema.default(0),
  }),
  learningRate: z.strictObject({ scale: z.number(), best: valueSchema, wait: countSchema, cooldown: countSchema }),
  selection: z.strictObject({ epoch: countSchema, value: valueSchema }),
  stopping: z.strictObject({
    early: z.strictObject({ best: valueSchema, wait: countSchema }),
    explode: z.strictObject({ first: valueSchema, best: valueSchema, wait: countSchema }),
  }),
  /** Hashes of the teachers' weights, in their order: which of them teaches a batch depends on it. */
  teachers: z.array(z.string()).default([]),
  /** Why no further epoch will begin. */
  stopped: z.enum(["epochs", "early-stopping", "exploding-loss", "time-limit"]).nullable(),
  /** Wall clock, over all processes of the run. */
  elapsedSeconds: z.number().min(0),
});

export type TrainingState = z.infer<typeof trainingStateSchema>;

export const NO_SUMS: TrainingState["sums"] = {
  loss: 0,
  tokens: 0,
  gradientNorm: 0,
  reward: 0,
  sampledWords: 0,
  samples: 0,
};

export const INITIAL_TRAINING_STATE: TrainingState = {
  epoch: 0,
  stepInEpoch: 0,
  step: 0,
  randomPosition: 0,
  sums: NO_SUMS,
  learningRate: INITIAL_LEARNING_RATE_STATE,
  selection: { epoch: 0, value: null },
  stopping: INITIAL_STOPPING_STATE,
  teachers: [],
  stopped: null,
  elapsedSeconds: 0,
};

/** @throws CheckpointError */
export function parseTrainingState(state: JsonObject, source: string): TrainingState {
  const parsed = trainingStateSchema.safeParse(state);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  throw new CheckpointError(
    `Expected a training state in ${source} but ${issue.path.join(".") || "it"}: ${issue.message}.`,
    {
      hint: "The checkpoint was written by another version, or is damaged.",
    },
  );
}
