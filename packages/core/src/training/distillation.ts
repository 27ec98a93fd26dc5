import { createHash } from "node:crypto";
import type { Checkpoint } from "../checkpoint/checkpoint.js";
import type { BackendDecoder, TrainingBatch } from "../decoder/backend.js";
import { CheckpointError, expected, RecipeError } from "../errors.js";
import type { EnsembleMember } from "../generation/decoder-ensemble.js";
import { Random } from "../random.js";
import type { Vocabulary } from "../text/vocabulary.js";
import { readFeatures } from "./assemble-batch.js";
import { followCaptions } from "./follow-captions.js";
import type { PlannedBatch } from "./plan-batches.js";
import type { Recipe } from "./recipe-schema.js";
import { drawToken } from "./sample-captions.js";
import type { TrainOptions } from "./train-options.js";

const TEACHER_STREAM = 0x74656163;
const TARGET_STREAM = 0x74617267;

interface TeacherModel {
  readonly checkpoint: Checkpoint;
  readonly decoder: BackendDecoder;
}

/**
 * Word-level knowledge distillation (Hinton et al. 2015; Kim & Rush 2016, §3.1): the student is taught, at a share of the words of each caption, not the word
 * that is written there but what a teacher would have expected there. Each batch has one of the teachers, and a word is drawn from what it expects: over many epochs
 * that is the cross-entropy with the mean of all their distributions, at the price of one, and every backend can do it.
 */
export class Distillation {
  private constructor(
    private readonly share: number,
    private readonly teachers: readonly TeacherModel[],
    private readonly source: TrainOptions["features"],
  ) {}

  /**
   * Undefined where the recipe does not ask for it.
   * @throws RecipeError where teachers are asked for and not given, or the other way round; CheckpointError for a teacher that uses other words or another encoder
   */
  static async open(options: TrainOptions, recipe: Recipe, vocabulary: Vocabulary): Promise<Distillation | undefined> {
    const { teachers = [], backend, features, precision } = options;
    if (recipe.distillation && teachers.length === 0) {
      throw new RecipeError(expected("null", "distillation where nobody teaches", "a setting"), {
        hint: "Name teachers: `showtell train --teacher`, or `teachers` of train().",
      });
    }
    if (!recipe.distillation) {
      if (teachers.length === 0) return undefined;
      throw new RecipeError(expected("a setting", "distillation where there are teachers", null), {
        hint: "Add --set distillation.share=0.5.",
      });
    }
    for (const teacher of teachers) checkTeacher(teacher, options, vocabulary);
    const opened: TeacherModel[] = [];
    try {
      for (const checkpoint of teachers) {
        const decoder = await backend.createDecoder(
          checkpoint.decoder,
          checkpoint.parameters,
          precision && { precision },
        );
        opened.push({ checkpoint, decoder });
      }
    } catch (error) {
      for (const { decoder } of opened) decoder.dispose();
      throw error;
    }
    return new Distillation(recipe.distillation.share, opened, features);
  }

  /**
   * One of the teachers, with the batch's photos as it takes them, in the views that the student is shown.
   * @param dropoutSeed the batch's; it decides which
   */
  async chooseTeacher({ requests }: PlannedBatch, dropoutSeed: number): Promise<EnsembleMember> {
    const { checkpoint, decoder } =
      this.teachers[new Random(dropoutSeed, TEACHER_STREAM).integer(this.teachers.length)]!;
    const grid = decoder.spec.attention !== undefined;
    const feed = { source: this.source, grid, standardization: checkpoint.standardization };
    return { decoder, features: await readFeatures(feed, requests) };
  }

  /** @returns the batch with drawn targets, fed the captions' own words */
  drawTargets(batch: TrainingBatch, teacher: EnsembleMember): Promise<TrainingBatch> {
    return drawTargets(batch, teacher, this.share);
  }

  /** A hash of each teacher's weights: a run goes on with those that it was begun with. */
  fingerprints(): string[] {
    return this.teachers.map(({ checkpoint }) => {
      const hash = createHash("sha256");
      for (const { data } of checkpoint.parameters.values()) hash.update(data);
      return hash.digest("hex");
    });
  }

  dispose(): void {
    for (const { decoder } of this.teachers) decoder.dispose();
  }
}

/**
 * Draws targets from what a teacher expects.
 * @param batch its dropout seed also decides the draws
 * @param share of the words that are drawn
 */
export async function drawTargets(
  batch: TrainingBatch,
  teacher: EnsembleMember,
  share: number,
): Promise<TrainingBatch> {
  const { timeSteps, lengths } = batch;
  const random = new Random(batch.dropoutSeed, TARGET_STREAM);
  const tokenIds = batch.tokenIds.slice();
  const inputTokenIds = new Int32Array(tokenIds.length);
  for (let row = 0; row < lengths.length; row++) {
    for (let step = 1; step < lengths[row]!; step++) {
      inputTokenIds[row * timeSteps + step] = batch.tokenIds[row * timeSteps + step - 1]!;
    }
  }
  await followCaptions(
    teacher,
    batch,
    (length) => length,
    ({ distribution, source, row, step }) => {
      const at = row * timeSteps + step;
      // Two draws for every word, whether or not the second is needed: the choice of words does not shift the choices after it.
      const [drawn, uniform] = [random.uniform() < share, random.uniform()];
      if (drawn) tokenIds[at] = drawToken(distribution, source, 1, uniform);
      return batch.tokenIds[at]!;
    },
  );
  return { ...batch, tokenIds, inputTokenIds };
}

function checkTeacher(teacher: Checkpoint, { encoder, features }: TrainOptions, vocabulary: Vocabulary): void {
  if (teacher.encoder.fingerprint !== encoder.fingerprint) {
    throw new CheckpointError(
      expected(`the encoder ${encoder.fingerprint}`, "a teacher", teacher.encoder.fingerprint),
      {
        hint: "It was trained on features of another encoder.",
      },
    );
  }
  if (teacher.vocabulary.sha256 !== vocabulary.sha256) {
    throw new CheckpointError(expected(`the vocabulary ${vocabulary.sha256}`, "a teacher", teacher.vocabulary.sha256), {
      hint: "Teacher and student need the same training captions and the same data section of the recipe.",
    });
  }
  if (teacher.decoder.attention && !features.grid) {
    throw new CheckpointError(expected("grid features", "a teacher with attention", "features without a grid"), {
      hint: "Encode the photos with their grids: `showtell encode`.",
    });
  }
}
