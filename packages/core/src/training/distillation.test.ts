import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Checkpoint } from "../checkpoint/checkpoint.js";
import { readCheckpoint } from "../checkpoint/read-checkpoint.js";
import type { Backend, TrainingBatch } from "../decoder/backend.js";
import { openTfjsBackend } from "../decoder/tfjs/tfjs-backend.js";
import { CheckpointError, RecipeError } from "../errors.js";
import { lastWeights, stopAndResume } from "../testing/stop-and-resume.js";
import { TableDecoder, tableFeatures } from "../testing/table-decoder.js";
import { toyTraining } from "../testing/toy-training.js";
import { layOutCaptions } from "./assemble-batch.js";
import { Distillation, drawTargets } from "./distillation.js";
import { parseRecipe } from "./parse-recipe.js";
import { train } from "./train.js";
import type { TrainOptions } from "./train-options.js";

const VOCAB_SIZE = 12;

/** Expects, after any words, the word that many ids up; a second image's words begin at another id. */
function teacher(offset: number): TableDecoder {
  return new TableDecoder({
    vocabSize: VOCAB_SIZE,
    logits: (prefix, image) => {
      const expects = 4 + ((prefix.length + offset + image * 3) % (VOCAB_SIZE - 4));
      return Array.from({ length: VOCAB_SIZE }, (_, tokenId) => (tokenId === expects ? 50 : 0));
    },
  });
}

const captions = [[4, 5, 6, 2], [7, 2], [4, 4, 2], [2]];
const batch: TrainingBatch = {
  features: tableFeatures([0, 1]),
  imageOfRow: Int32Array.of(0, 1, 1, 0),
  ...layOutCaptions(captions),
  labelSmoothing: 0,
  dropoutSeed: 5,
};
const member = (decoder: TableDecoder) => ({ decoder, features: batch.features });
const rowsOf = (ids: Int32Array) =>
  captions.map(({ length }, row) => Array.from(ids.slice(row * batch.timeSteps, row * batch.timeSteps + length)));

describe("drawn targets", () => {
  it("are what the teacher expects after the caption's own words, up to its end", async () => {
    const decoder = teacher(0);
    const drawn = await drawTargets(batch, member(decoder), 1);
    expect(rowsOf(drawn.tokenIds)).toEqual([[4, 5, 6, 7], [7, 8], [7, 8, 9], [4]]);
    expect(rowsOf(drawn.inputTokenIds!).map((row) => row.slice(1))).toEqual([[4, 5, 6], [7], [4, 4], []]);
    expect(batch.tokenIds).toEqual(layOutCaptions(captions).tokenIds);
    expect(decoder.openStates).toBe(0);
    // No row is fed beyond its caption.
    expect(decoder.rowsOfSteps).toEqual([4, 3, 2, 1]);
  });

  it("take the share of the words that they are told to", async () => {
    const many: TrainingBatch = {
      ...batch,
      ...layOutCaptions(Array.from({ length: 600 }, () => [8, 8, 8, 8])),
      imageOfRow: new Int32Array(600),
    };
    const drawn = await drawTargets(many, member(teacher(0)), 0.3);
    const first = drawn.tokenIds.filter((_, at) => at % 4 === 0);
    expect(first.filter((id) => id === 4).length / first.length).toBeCloseTo(0.3, 1);
    expect(first.filter((id) => id === 8).length / first.length).toBeCloseTo(0.7, 1);
  });

  it("are a function of the batch's seed", async () => {
    const once = await drawTargets(batch, member(teacher(0)), 0.5);
    expect(await drawTargets(batch, member(teacher(0)), 0.5)).toEqual(once);
    const other = await drawTargets({ ...batch, dropoutSeed: 6 }, member(teacher(0)), 0.5);
    expect(other.tokenIds).not.toEqual(once.tokenIds);
  });
});

describe("training with teachers", () => {
  let backend: Backend;
  let parent: string;
  let runs = 0;
  beforeAll(async () => {
    backend = await openTfjsBackend("cpu");
    parent = await mkdtemp(join(tmpdir(), "showtell-distillation-"));
  });
  afterAll(async () => {
    await backend.dispose();
    await rm(parent, { recursive: true });
  });

  const { scoreCaptions: _, ...toy } = toyTraining();
  const recipe = (more: string) =>
    parseRecipe(
      `
data: {minCount: 1}
decoder: {embeddingSize: 8, hiddenSize: 8}
optimizer: {learningRate: 0.05}
batching: {by: captions, batchSize: 6}
epochs: 4
decoding: {beamWidth: 1, maxLength: 6}
${more}`,
      "test",
    );
  const options = (changes: Partial<TrainOptions>): TrainOptions => ({
    ...toy,
    backend,
    runDirectory: join(parent, `run-${runs++}`),
    ...changes,
  });
  /** Trained on the toy's captions; with the bias of one word raised so high that it expects nothing else. */
  const stubborn = async (): Promise<{ checkpoint: Checkpoint; word: string }> => {
    const checkpoint = await readCheckpoint((await train(options({ recipe: recipe("") }))).lastCheckpoint);
    const [name, bias] = [...checkpoint.parameters].find(
      ([, { shape }]) => shape.length === 1 && shape[0] === checkpoint.vocabulary.size,
    )!;
    const data = bias.data.slice();
    data[5] = 100;
    const parameters = new Map(checkpoint.parameters).set(name, { ...bias, data });
    return { checkpoint: { ...checkpoint, parameters }, word: checkpoint.vocabulary.decode([5]) };
  };

  it("makes the student write what its teacher would", async () => {
    const { checkpoint, word } = await stubborn();
    const written: string[] = [];
    await train(
      options({
        recipe: recipe("distillation: {share: 1}"),
        teachers: [checkpoint],
        scoreCaptions: async (pairs) => {
          written.splice(0, written.length, ...pairs.map(({ candidate }) => candidate));
          return { "CIDEr-D": 0 };
        },
      }),
    );
    expect(new Set(written)).toEqual(new Set([Array(6).fill(word).join(" ")]));
  });

  it("has one of the teachers for each batch, all of them in turn", async () => {
    const first = await stubborn();
    const teachers = [first.checkpoint, first.checkpoint];
    const run = options({ recipe: recipe("distillation: {}"), teachers });
    const distillation = (await Distillation.open(run, run.recipe, first.checkpoint.vocabulary))!;
    const planned = {
      requests: [{ imageId: toy.dataset.images[0]!.id, view: "plain" as const }],
      imageOfRow: [0],
      captions: [[5, 2]],
    };
    const chosen = await Promise.all(
      Array.from({ length: 20 }, async (_, seed) => (await distillation.chooseTeacher(planned, seed)).decoder),
    );
    expect(new Set(chosen).size).toBe(2);
    expect((await distillation.chooseTeacher(planned, 7)).decoder).toBe(chosen[7]);
    distillation.dispose();
  });

  it("goes on after a stop as if it had never been stopped", async () => {
    const { checkpoint } = await stubborn();
    const plain = await readCheckpoint((await train(options({ recipe: recipe("seed: 2") }))).lastCheckpoint);
    const teachers = [checkpoint, plain];
    const setting = { recipe: recipe("distillation: {share: 0.5}\ncheckpointEvery: 3"), teachers };
    const whole = options(setting);
    await train(whole);
    const stopped = options(setting);
    await stopAndResume(stopped);
    expect(await lastWeights(stopped)).toBe(await lastWeights(whole));
  });

  it("goes on with the teachers that it was begun with, and no others", async () => {
    const { checkpoint } = await stubborn();
    const plain = await readCheckpoint((await train(options({ recipe: recipe("seed: 2") }))).lastCheckpoint);
    const run = options({ recipe: recipe("distillation: {}"), teachers: [checkpoint, plain] });
    await train(run);
    const resumed = (teachers: Checkpoint[]) => train({ ...run, teachers, resume: true });
    await expect(resumed([plain, checkpoint])).rejects.toThrow("the teachers that this run was begun with");
    await expect(resumed([checkpoint])).rejects.toThrow(CheckpointError);
    expect((await resumed([checkpoint, plain])).interrupted).toBe(false);
  });

  it("refuses teachers without a setting, a setting without teachers, and teachers of other words or another encoder", async () => {
    const { checkpoint } = await stubborn();
    const distilled = recipe("distillation: {}");
    await expect(train(options({ recipe: distilled }))).rejects.toThrow(RecipeError);
    await expect(train(options({ recipe: recipe(""), teachers: [checkpoint] }))).rejects.toThrow(RecipeError);
    const other = options({ recipe: recipe("distillation: {}\nname: other"), teachers: [checkpoint] });
    await expect(
      train({ ...other, recipe: { ...other.recipe, data: { ...other.recipe.data, minCount: 3 } } }),
    ).rejects.toThrow(/Expected the vocabulary [0-9a-f]+ for a teacher but received/);
    const stranger = { ...checkpoint, encoder: { ...checkpoint.encoder, fingerprint: "stranger" } };
    await expect(train(options({ recipe: distilled, teachers: [stranger] }))).rejects.toThrow(CheckpointError);
  });
});
