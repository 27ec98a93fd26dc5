import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Dataset } from "../data/dataset.js";
import type { Backend } from "../decoder/backend.js";
import { openTfjsBackend } from "../decoder/tfjs/tfjs-backend.js";
import { CheckpointError, DatasetError, FeatureStoreError, RecipeError } from "../errors.js";
import { syntheticFeatures } from "../testing/synthetic-features.js";
import { toyDataset, toyTraining } from "../testing/toy-training.js";
import { checkTraining } from "./check-training.js";
import { train } from "./train.js";
import type { TrainOptions } from "./train-options.js";

const { scoreCaptions, ...toy } = toyTraining();
const { dataset, features, encoder } = toy;
const recipe = { ...toy.recipe, selection: { metric: "auto" } };
const ids = dataset.images.map(({ id }) => id);

describe("a training that cannot begin", () => {
  let backend: Backend;
  let parent: string;
  const options = (changes: Partial<TrainOptions> = {}): TrainOptions => ({
    ...toy,
    recipe,
    backend,
    runDirectory: join(parent, "run"),
    ...changes,
  });
  beforeAll(async () => {
    backend = await openTfjsBackend("cpu");
  });
  afterAll(() => backend.dispose());
  beforeEach(async () => {
    parent = await mkdtemp(join(tmpdir(), "showtell-train-"));
  });
  afterEach(() => rm(parent, { recursive: true }));

  it.each<[string, Partial<TrainOptions>, new (...args: never[]) => Error, RegExp]>([
    [
      "a caption metric that nothing computes",
      { recipe: { ...recipe, selection: { metric: "CIDEr-D" } } },
      RecipeError,
      /"loss" or "auto" for selection\.metric/,
    ],
    [
      "a metric that the scorer does not know",
      { ...(scoreCaptions && { scoreCaptions }) },
      RecipeError,
      /one of loss, subject for selection\.metric but received "CIDEr-D"/,
    ],
    [
      "attention without a grid",
      {
        features: syntheticFeatures(ids, { featureSize: 8 }),
        recipe: { ...recipe, decoder: { ...recipe.decoder, attention: { heads: 1, size: 2 } } },
      },
      FeatureStoreError,
      /grid features/,
    ],
    [
      "mirrored photos that were not encoded",
      { features: { ...features, views: ["plain"] } },
      FeatureStoreError,
      /the mirrored view/,
    ],
    ["no features at all", { features: { ...features, has: () => false } }, DatasetError, /train images with features/],
    [
      "no dev split",
      { dataset: { ...dataset, images: dataset.images.filter(({ split }) => split === "train") } as Dataset },
      DatasetError,
      /images in the dev split/,
    ],
    [
      "a backend that refuses",
      {
        backend: {
          name: "tfjs",
          device: { kind: "cpu", description: "none", libraries: {} },
          supports: () => "no attention here",
          createDecoder: () => Promise.reject(new Error("unused")),
          dispose: async () => undefined,
        },
      },
      RecipeError,
      /no attention here/,
    ],
  ])("refuses %s", async (_, changes, kind, message) => {
    const run = options(changes);
    const error = await train(run).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(kind);
    expect((error as Error).message).toMatch(message);
    // A run that could not begin leaves nothing.
    expect(await readdir(parent)).toEqual([]);
  });

  it("is told so before it has features, and nothing is changed", async () => {
    const run = options({ recipe: { ...recipe, epochs: 1 } });
    await checkTraining(run);
    await expect(checkTraining({ ...run, resume: true })).rejects.toThrow(/the folder of a run for --resume/);
    await expect(checkTraining({ ...run, runDirectory: "" })).rejects.toThrow(/the path of a folder/);
    const images = dataset.images.filter(({ split }) => split === "train");
    await expect(checkTraining({ ...run, dataset: { ...dataset, images } })).rejects.toThrow(/images in the dev split/);
    await writeFile(join(parent, "file"), "");
    for (const path of ["file", "file/run"]) {
      await expect(checkTraining({ ...run, runDirectory: join(parent, path) })).rejects.toThrow(/a place to write to/);
    }
    expect(await readdir(parent)).toEqual(["file"]);
    await train(run);
    const before = await readdir(run.runDirectory);
    await expect(checkTraining(run)).rejects.toThrow(/a new or empty folder/);
    await checkTraining({ ...run, resume: true });
    const other = { ...run.recipe, seed: 77 };
    await expect(checkTraining({ ...run, recipe: other, resume: true })).rejects.toThrow(/other values of seed/);
    expect(await readdir(run.runDirectory)).toEqual(before);
  });

  it("refuses to resume with another dataset or encoder", async () => {
    const run = options({ recipe: { ...recipe, epochs: 1 } });
    await train(run);
    const other = toyDataset({ train: 9, captionsPerImage: 2 });
    for (const refusing of [train, checkTraining]) {
      await expect(refusing({ ...run, dataset: other, resume: true })).rejects.toThrow(
        /the dataset that this run was begun with/,
      );
    }
    const otherEncoder = { ...encoder, fingerprint: "other" };
    await expect(train({ ...run, encoder: otherEncoder, resume: true })).rejects.toThrow(CheckpointError);
  });
});
