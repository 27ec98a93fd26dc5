import { z } from "zod";
import { generationDefaultsSchema } from "../checkpoint/generation-defaults.js";
import { INITIALIZATION_SCHEMES } from "../decoder/initialize-parameters.js";
import { VIEWS } from "../features/feature-source.js";
import { TOKENIZER_NAMES } from "../text/tokenizer.js";

// Every key is explained in docs/training.md, in this order.

const rate = z.number().min(0).max(0.95);
const count = z.int().min(1).max(1_000_000_000);
const warmupSteps = z.int().min(0).max(1_000_000_000).default(0);

const dataSchema = z.strictObject({
  tokenizer: z.enum(TOKENIZER_NAMES).default("keras"),
  /** Fewest occurrences in the training captions for a word to be kept. */
  minCount: count.default(5),
  unknown: z.enum(["drop", "token"]).default("drop"),
  /** Longer captions are left out of training and dev loss: one of a thousand words would set the memory of a whole batch. */
  maxWords: z.int().min(1).max(1000).default(60),
});

const featuresSchema = z.strictObject({
  /** Show each photo in one of these views, drawn anew whenever it comes up. */
  views: z.array(z.enum(VIEWS)).min(1).default(["plain"]),
  /** Standardise pooled features per dimension over the training photos. */
  standardize: z.boolean().default(true),
});

const decoderSchema = z.strictObject({
  embeddingSize: z.int().min(1).max(8192).default(512),
  hiddenSize: z.int().min(1).max(8192).default(512),
  layerCount: z.int().min(1).max(16).default(1),
  imageInjection: z.enum(["first-input", "initial-state"]).default("first-input"),
  normalization: z.enum(["none", "batch", "layer"]).default("none"),
  tiedWeights: z.boolean().default(false),
  gateActivation: z.enum(["sigmoid", "hardSigmoid"]).default("sigmoid"),
  attention: z
    .strictObject({ heads: z.int().min(1).max(64).default(8), size: z.int().min(1).max(8192).default(512) })
    .refine(({ heads, size }) => size % heads === 0, { message: "a multiple of heads", path: ["size"] })
    .nullable()
    .default(null),
  dropout: z
    .strictObject({
      image: rate.default(0),
      embedding: rate.default(0),
      input: rate.default(0),
      inputMask: z.enum(["step", "sequence"]).default("step"),
      recurrent: rate.default(0),
      attentionValue: rate.default(0),
      attentionOutput: rate.default(0),
      output: rate.default(0),
    })
    .prefault({}),
});

const optimizerSchema = z.strictObject({
  learningRate: z.number().positive().max(10).default(1e-3),
  beta1: z.number().min(0).lt(1).default(0.9),
  beta2: z.number().min(0).lt(1).default(0.999),
  epsilon: z.number().positive().max(1).default(1e-8),
  /** Gradients are scaled down to this global norm; null = no clip. */
  clipNorm: z.number().positive().nullable().default(5),
  /** Decay of the exponential moving average of the weights; null = none is kept. */
  averageDecay: z.number().min(0).lt(1).nullable().default(null),
});

const scheduleSchema = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("constant"), warmupSteps }),
  z.strictObject({ kind: z.literal("cosine"), warmupSteps, finalLearningRate: z.number().min(0).default(0) }),
  z.strictObject({
    kind: z.literal("plateau"),
    warmupSteps,
    factor: z.number().positive().lt(1).default(0.3),
    patience: z.int().min(0).default(3),
    minDelta: z.number().min(0).default(1e-4),
    minLearningRate: z.number().min(0).default(1e-7),
    cooldown: z.int().min(0).default(0),
  }),
]);

const batchingSchema = z.discriminatedUnion("by", [
  z.strictObject({
    by: z.literal("captions"),
    batchSize: z.int().min(1).max(65_536).default(64),
    /** Captions of this many batches are sorted by length together; 1 = plain shuffle, no buckets. */
    bucketBatches: z.int().min(1).max(1_000_000).default(50),
  }),
  z.strictObject({ by: z.literal("photos"), photosPerBatch: z.int().min(1).max(65_536).default(16) }),
]);

const selfCriticalSchema = z
  .strictObject({
    /** Captions drawn for each photo of a batch. */
    samples: z.int().min(1).max(64).default(5),
    /** What a caption's reward is compared with: the mean of the photo's other samples, or the greedy caption's. */
    baseline: z.enum(["samples", "greedy"]).default("samples"),
    temperature: z.number().positive().max(10).default(1),
    /** Reward lost for each word that a caption is shorter than the photo's own captions are on average. */
    shortnessPenalty: z.number().min(0).max(10).default(0),
    /** Factor of the cross-entropy of the photo's own captions, which then join the batch; 0 = they do not. */
    crossEntropy: z.number().min(0).max(10).default(0),
  })
  .refine(({ samples, baseline }) => baseline === "greedy" || samples >= 2, {
    message: "at least 2, or baseline: greedy",
    path: ["samples"],
  });

const consensusWeightingSchema = z.strictObject({
  /** Of the softmax over a photo's captions, in units of the reward; lower = the captions that agree count more. */
  temperature: z.number().positive().max(1000).default(0.5),
});

const distillationSchema = z.strictObject({
  /** Of the words of each caption, how many are drawn from what the teachers expect in their place. */
  share: z.number().positive().max(1).default(0.5),
});

/** A metric's name as the caption scorer gives it, `loss` for dev loss per token, or `auto`. */
const metric = z.string().min(1).max(100).default("auto");

const recipeKeys = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z0-9][a-z0-9._-]{0,99}$/)
    .default("captioner"),
  seed: z.int().min(0).default(1),
  data: dataSchema.prefault({}),
  features: featuresSchema.prefault({}),
  decoder: decoderSchema.prefault({}),
  initialization: z.enum(INITIALIZATION_SCHEMES).default("normal-embedding"),
  optimizer: optimizerSchema.prefault({}),
  schedule: scheduleSchema.prefault({ kind: "constant" }),
  labelSmoothing: z.number().min(0).lt(1).default(0),
  batching: batchingSchema.prefault({ by: "captions" }),
  /** Captions count by how much they agree with the photo's others; null = all the same. */
  consensusWeighting: consensusWeightingSchema.nullable().default(null),
  /** Share of input words that the decoder draws itself; it grows in a straight line from 0 to this at the last update. */
  scheduledSampling: z.number().min(0).max(1).default(0),
  /** Learn what teachers expect; null = off. */
  distillation: distillationSchema.nullable().default(null),
  /** Self-critical sequence training in place of cross-entropy; null = off. */
  selfCritical: selfCriticalSchema.nullable().default(null),
  epochs: count.default(10),
  /** No epoch begins after this time; null = no limit. */
  timeLimitMinutes: z.number().positive().nullable().default(null),
  /** By what the best epoch is chosen. */
  selection: z.strictObject({ metric }).prefault({}),
  earlyStopping: z
    .strictObject({ metric, patience: count.default(5), minDelta: z.number().min(0).default(0) })
    .nullable()
    .default(null),
  explodeStop: z
    .strictObject({ ratio: z.number().positive().default(0.25), patience: z.int().min(0).default(2) })
    .nullable()
    .default(null),
  /** Steps between checkpoints within an epoch; null = at the end of each epoch only. */
  checkpointEvery: count.nullable().default(500),
  /** How dev captions are searched for, and the checkpoint's defaults for captioning. */
  decoding: generationDefaultsSchema.prefault({}),
});

export const recipeSchema = recipeKeys
  .refine(({ selfCritical, batching }) => !selfCritical || batching.by === "photos", {
    message: "photos where selfCritical is on",
    path: ["batching", "by"],
  })
  .refine(({ selfCritical, labelSmoothing }) => !selfCritical || labelSmoothing === 0, {
    message: "0 where selfCritical is on",
    path: ["labelSmoothing"],
  })
  .refine(({ selfCritical, scheduledSampling }) => !selfCritical || scheduledSampling === 0, {
    message: "0 where selfCritical is on",
    path: ["scheduledSampling"],
  })
  .refine(({ consensusWeighting, selfCritical }) => !consensusWeighting || (selfCritical?.crossEntropy ?? 1) > 0, {
    message: "null where selfCritical learns none of the photos' captions",
    path: ["consensusWeighting"],
  })
  .refine(({ distillation, selfCritical }) => !distillation || !selfCritical, {
    message: "null where selfCritical is on",
    path: ["distillation"],
  })
  .refine(({ distillation, scheduledSampling }) => !distillation || scheduledSampling === 0, {
    message: "0 where distillation is on",
    path: ["scheduledSampling"],
  });

/** A training recipe with every default filled in. */
export type Recipe = z.infer<typeof recipeSchema>;
