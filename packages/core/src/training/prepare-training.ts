import type { Checkpoint, JsonObject, TrainingSnapshot } from "../checkpoint/checkpoint.js";
import type { FeatureStandardization } from "../checkpoint/feature-standardization.js";
import { readCheckpoint, readTrainingSnapshot } from "../checkpoint/read-checkpoint.js";
import type { BackendDecoder } from "../decoder/backend.js";
import type { DecoderSpec } from "../decoder/decoder-spec.js";
import { initializeParameters } from "../decoder/initialize-parameters.js";
import { parameterShapes } from "../decoder/parameter-shapes.js";
import { CheckpointError, expected, FeatureStoreError, RecipeError } from "../errors.js";
import { Vocabulary } from "../text/vocabulary.js";
import { checkSameDataset } from "./check-training.js";
import { consensusWeights } from "./consensus-weights.js";
import { Distillation } from "./distillation.js";
import { measureStandardization } from "./measure-standardization.js";
import { differingKeys } from "./parse-recipe.js";
import { prepareRewards } from "./prepare-rewards.js";
import type { Recipe } from "./recipe-schema.js";
import type { RunFolder } from "./run-folder.js";
import { requiredFeatures, type TrainOptions } from "./train-options.js";
import { collectExamples, type Examples, requireSplit } from "./training-examples.js";
import { INITIAL_TRAINING_STATE, parseTrainingState, type TrainingState } from "./training-state.js";

/** Everything the loop works on. */
export interface PreparedTraining {
  readonly vocabulary: Vocabulary;
  readonly standardization: FeatureStandardization | undefined;
  readonly train: Examples;
  readonly dev: Examples;
  readonly decoder: BackendDecoder;
  /** Where teachers take part. */
  readonly distillation: Distillation | undefined;
  readonly state: TrainingState;
}

/**
 * Vocabulary, examples, feature statistics and decoder: made anew, or taken from the run's last checkpoint.
 * @throws FeatureStoreError where features of the recipe are missing; DatasetError; CheckpointError for a run of another dataset or encoder
 */
export async function prepareTraining(
  options: TrainOptions,
  recipe: Recipe,
  run: RunFolder,
): Promise<PreparedTraining> {
  checkFeatures(options, recipe);
  const saved = run.hasCheckpoint
    ? { checkpoint: await readCheckpoint(run.paths.last), snapshot: await readTrainingSnapshot(run.paths.last) }
    : undefined;
  if (saved) checkSameInputs(saved.checkpoint, options, run.paths.last);
  const { dataset, features } = options;
  const { tokenizer, minCount, unknown, maxWords } = recipe.data;
  const start = saved?.checkpoint ?? options.startFrom;
  const captions = requireSplit(dataset, "train").flatMap((image) => image.captions);
  const vocabulary = start?.vocabulary ?? Vocabulary.build(captions, { tokenizer, minCount, unknown });
  const weighCaptions =
    recipe.consensusWeighting &&
    consensusWeights(prepareRewards(options, "consensusWeighting"), recipe.consensusWeighting.temperature);
  const train = collectExamples(dataset, "train", {
    features,
    vocabulary,
    maxWords,
    ...(weighCaptions && { weighCaptions }),
  });
  const dev = collectExamples(dataset, "dev", { features, vocabulary, maxWords });
  await checkMetrics(options, recipe, dev);
  giveNotice(options, { train, dev });
  const trainIds = train.images.map((image) => image.id);
  const standardization = start
    ? start.standardization
    : recipe.features.standardize
      ? await measureStandardization(features, trainIds)
      : undefined;
  const distillation = await Distillation.open(options, recipe, vocabulary);
  try {
    const teachers = distillation?.fingerprints() ?? [];
    const state = saved
      ? parseTrainingState(saved.snapshot.state, run.paths.last)
      : { ...INITIAL_TRAINING_STATE, teachers };
    checkSameTeachers(state, teachers);
    await run.metrics.truncate(state.epoch);
    const decoder = await openDecoder(options, recipe, { vocabulary, saved });
    return { vocabulary, standardization, train, dev, decoder, distillation, state };
  } catch (error) {
    distillation?.dispose();
    throw error;
  }
}

async function openDecoder(
  options: TrainOptions,
  recipe: Recipe,
  {
    vocabulary,
    saved,
  }: { vocabulary: Vocabulary; saved: { checkpoint: Checkpoint; snapshot: TrainingSnapshot } | undefined },
): Promise<BackendDecoder> {
  const { backend, features, precision } = options;
  const spec = decoderSpecOf(recipe, vocabulary.size, features);
  if (options.startFrom && !saved) checkStart(options.startFrom, spec, options.encoder);
  const supported = backend.supports(spec);
  if (supported !== true) {
    throw new RecipeError(
      `Expected a decoder that backend ${backend.name} supports but received one it does not: ${supported}`,
      {
        hint: "Choose another backend with --backend.",
      },
    );
  }
  const parameters =
    saved?.snapshot.parameters ??
    saved?.checkpoint.parameters ??
    options.startFrom?.parameters ??
    initializeParameters(spec, { seed: recipe.seed, scheme: recipe.initialization });
  const decoder = await backend.createDecoder(spec, parameters, precision && { precision });
  // Before the first update there is nothing to restore but a loss scale that overflows have lowered.
  if (saved && (saved.snapshot.optimizer.step > 0 || saved.snapshot.optimizer.lossScale)) {
    try {
      await decoder.writeOptimizerState({ ...saved.snapshot.optimizer, ...averagesOf(saved, spec) });
    } catch (error) {
      decoder.dispose();
      throw error;
    }
  }
  return decoder;
}

/** A checkpoint written with averages holds them as its weights. */
function averagesOf(
  { checkpoint, snapshot }: { checkpoint: Checkpoint; snapshot: TrainingSnapshot },
  spec: DecoderSpec,
) {
  if (!snapshot.parameters) return {};
  const trainable = parameterShapes(spec).filter((parameter) => parameter.trainable);
  return { averages: new Map(trainable.map(({ name }) => [name, checkpoint.parameters.get(name)!])) };
}

/** The decoder that a recipe describes, for this vocabulary and these features. */
function decoderSpecOf(recipe: Recipe, vocabSize: number, features: TrainOptions["features"]): DecoderSpec {
  const { attention, ...rest } = recipe.decoder;
  const gridFeatureSize = features.grid?.featureSize;
  return {
    vocabSize,
    featureSize: features.featureSize,
    ...rest,
    ...(attention && gridFeatureSize !== undefined && { attention: { ...attention, gridFeatureSize } }),
  };
}

/** The weights must mean the same in the new run; dropout may differ. */
function checkStart(start: Checkpoint, spec: DecoderSpec, encoder: TrainOptions["encoder"]): void {
  if (start.encoder.fingerprint !== encoder.fingerprint) {
    throw new CheckpointError(expected(`the encoder ${start.encoder.fingerprint}`, "startFrom", encoder.fingerprint), {
      hint: "The checkpoint was trained on features of another encoder.",
    });
  }
  const { dropout: _, ...wanted } = spec;
  const { dropout: __, ...given } = start.decoder;
  const different = differingKeys(wanted, given);
  if (different.length === 0) return;
  throw new CheckpointError(expected("a checkpoint with the recipe's decoder", "startFrom", different.join(", ")), {
    hint: "Give the recipe's decoder section the sizes of the checkpoint: `showtell model inspect` shows them.",
  });
}

function checkFeatures({ features }: TrainOptions, recipe: Recipe): void {
  const { outputs, views } = requiredFeatures(recipe);
  const hint = `Encode the photos with outputs ${outputs.join(", ")} and views ${views.join(", ")}: \`showtell encode\`.`;
  if (outputs.includes("grid") && !features.grid) {
    throw new FeatureStoreError(expected("grid features", "decoder.attention", "features without a grid"), { hint });
  }
  const missing = views.find((view) => !features.views.includes(view));
  if (missing) throw new FeatureStoreError(expected(`the ${missing} view`, "features.views", features.views), { hint });
}

/** Scores two references against their images, so that a metric nobody computes is known before the first epoch rather than after it. */
async function checkMetrics({ dataset, scoreCaptions }: TrainOptions, recipe: Recipe, dev: Examples): Promise<void> {
  if (!scoreCaptions) return;
  const ids = new Set(dev.images.slice(0, 2).map(({ id }) => id));
  const pairs = requireSplit(dataset, "dev")
    .filter(({ id }) => ids.has(id))
    .map(({ id, captions }) => ({ id, candidate: captions[0]!, references: captions }));
  const known = ["loss", ...Object.keys(await scoreCaptions(pairs))];
  for (const [key, metric] of [
    ["selection.metric", recipe.selection.metric],
    ["earlyStopping.metric", recipe.earlyStopping?.metric ?? "loss"],
  ] as const) {
    if (!known.includes(metric)) throw new RecipeError(expected(`one of ${known.join(", ")}`, key, metric));
  }
}

function checkSameInputs(checkpoint: Checkpoint, { dataset, encoder }: TrainOptions, path: string): void {
  checkSameDataset(checkpoint, dataset, path);
  if (checkpoint.encoder.fingerprint !== encoder.fingerprint) {
    throw new CheckpointError(
      expected(`the encoder ${checkpoint.encoder.fingerprint}`, "--resume", encoder.fingerprint),
      {
        hint: `${path} was trained on features of another encoder.`,
      },
    );
  }
}

function checkSameTeachers({ teachers: begunWith }: TrainingState, given: readonly string[]): void {
  if (begunWith.length === given.length && begunWith.every((teacher, at) => teacher === given[at])) return;
  throw new CheckpointError(expected("the teachers that this run was begun with", "--resume", "others"), {
    hint: "Name the same checkpoints, in the same order.",
  });
}

function giveNotice({ onNotice }: TrainOptions, splits: Record<string, Examples>): void {
  for (const [split, { withoutFeatures, unusedCaptions }] of Object.entries(splits)) {
    if (withoutFeatures.length > 0) {
      onNotice?.(
        `${withoutFeatures.length} ${split} images have no features and are left out, ${withoutFeatures[0]} first.`,
      );
    }
    if (unusedCaptions > 0)
      onNotice?.(`${unusedCaptions} ${split} captions are left out: no known word, or more than data.maxWords.`);
  }
}

/** What the checkpoints of a run have in common. */
export function checkpointFrame(
  options: TrainOptions,
  recipe: Recipe,
  prepared: PreparedTraining,
): Omit<Checkpoint, "parameters" | "scores"> {
  const { dataset, encoder } = options;
  return {
    decoder: prepared.decoder.spec,
    ...(prepared.standardization && { standardization: prepared.standardization }),
    vocabulary: prepared.vocabulary,
    encoder,
    generation: recipe.decoding,
    recipe: recipe as unknown as JsonObject,
    data: {
      name: dataset.name,
      format: dataset.format,
      sha256: dataset.sha256,
      images: dataset.images.length,
      captions: dataset.images.reduce((sum, image) => sum + image.captions.length, 0),
    },
  };
}
