import { cp, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type DecoderSpec, NO_DROPOUT } from "../decoder/decoder-spec.js";
import { parameterShapes } from "../decoder/parameter-shapes.js";
import { CheckpointError, OptionError, ShowtellError } from "../errors.js";
import { Random } from "../random.js";
import { sizeOf, type Tensor } from "../tensor.js";
import { mutateBytes } from "../testing/mutate.js";
import { Vocabulary } from "../text/vocabulary.js";
import type { Checkpoint, TrainingSnapshot } from "./checkpoint.js";
import { encodeConfig } from "./checkpoint-config.js";
import { generationDefaultsSchema } from "./generation-defaults.js";
import { readCheckpoint, readCheckpointConfig, readTrainingSnapshot } from "./read-checkpoint.js";
import { encodeSafetensors, sha256Of } from "./safetensors.js";
import { exportCheckpoint, writeCheckpoint } from "./write-checkpoint.js";

const vocabulary = Vocabulary.build(["a dog runs", "a dog sits"], { minCount: 1 });
const otherVocabulary = Vocabulary.build(["a cat runs", "a cat sits"], { minCount: 1 });

const decoder: DecoderSpec = {
  vocabSize: vocabulary.size,
  featureSize: 6,
  embeddingSize: 4,
  hiddenSize: 3,
  layerCount: 2,
  imageInjection: "first-input",
  normalization: "batch",
  tiedWeights: false,
  gateActivation: "sigmoid",
  dropout: NO_DROPOUT,
};

const random = new Random(5);
const draw = (shape: readonly number[]): Tensor => ({
  shape,
  data: Float32Array.from({ length: sizeOf(shape) }, () => random.normal()),
});
const parameters = new Map(parameterShapes(decoder).map(({ name, shape }) => [name, draw(shape)]));
const trainable = parameterShapes(decoder).filter((parameter) => parameter.trainable);
const moments = () => new Map(trainable.map(({ name, shape }) => [name, draw(shape)]));

const checkpoint: Checkpoint = {
  decoder,
  parameters,
  standardization: { mean: draw([6]).data, deviation: Float32Array.of(1, 2, 3, 4, 5, 6) },
  vocabulary,
  encoder: { fingerprint: "abc", spec: { name: "toy", size: 6 } },
  generation: generationDefaultsSchema.parse({}),
  recipe: { seed: 1, schedule: { kind: "constant" } },
  data: { name: "toy", format: "jsonl", sha256: "a".repeat(64), images: 2, captions: 2 },
  scores: { split: "dev", epoch: 3, values: { loss: 1.25, "CIDEr-D": 0.5 }, signature: "CIDEr-D|n:2" },
};
const snapshot: TrainingSnapshot = {
  optimizer: {
    ...{ step: 7, firstMoments: moments(), secondMoments: moments() },
    lossScale: { factor: 1024, stepsWithoutOverflow: 5 },
  },
  parameters: new Map(parameterShapes(decoder).map(({ name, shape }) => [name, draw(shape)])),
  state: { epoch: 2, nested: [1, null] },
};

describe("checkpoint", () => {
  let folder: string;
  let saved: string;
  let copies = 0;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "showtell-checkpoint-"));
    saved = join(folder, "saved");
    await writeCheckpoint(saved, checkpoint, { snapshot });
  });
  afterAll(() => rm(folder, { recursive: true }));

  /** A copy of the folder in which one file was changed. */
  async function copyWith(file: string, change: (bytes: Buffer) => Uint8Array | string): Promise<string> {
    const copy = join(folder, `copy-${copies++}`);
    await cp(saved, copy, { recursive: true });
    await writeFile(join(copy, file), change(await readFile(join(copy, file))));
    return copy;
  }

  const flip = (at: number) => (bytes: Buffer) => bytes.with(at < 0 ? bytes.length + at : at, bytes.at(at)! ^ 4);

  it("gives back everything that was written", async () => {
    expect(await readCheckpoint(saved)).toEqual(checkpoint);
    expect(await readTrainingSnapshot(saved)).toEqual(snapshot);
    expect((await readCheckpointConfig(saved)).scores).toEqual(checkpoint.scores);
  });

  it("writes the same bytes for the same checkpoint", async () => {
    const again = join(folder, "again");
    await writeCheckpoint(again, checkpoint, { snapshot });
    for (const file of await readdir(saved)) {
      expect(await readFile(join(again, file)), file).toEqual(await readFile(join(saved, file)));
    }
  });

  it("exports for captioning: half the weights' bytes, nothing for training", async () => {
    const exported = join(folder, "exported");
    await exportCheckpoint(saved, exported);
    expect((await readdir(exported)).sort()).toEqual(["config.json", "decoder.safetensors", "vocabulary.json"]);
    const back = await readCheckpoint(exported);
    expect(back.standardization).toEqual(checkpoint.standardization);
    expect(back.parameters.get("output.bias")).toEqual(parameters.get("output.bias"));
    const before = parameters.get("embedding.weight")!.data;
    back.parameters.get("embedding.weight")!.data.forEach((value, i) => {
      expect(Math.abs(value - before[i]!)).toBeLessThanOrEqual(Math.abs(before[i]!) * 2 ** -11);
    });
    const size = async (path: string) => (await stat(join(path, "decoder.safetensors"))).size;
    expect(await size(exported)).toBeLessThan(await size(saved));
    await expect(readTrainingSnapshot(exported)).rejects.toThrow(
      /training-state.json.*a checkpoint for captioning only/,
    );
  });

  it("exports over nothing: neither another checkpoint, nor the source, nor into it", async () => {
    const copy = await copyWith("config.json", (bytes) => bytes);
    const before = await readCheckpoint(copy);
    for (const target of [copy, folder]) await expect(exportCheckpoint(saved, target)).rejects.toThrow(OptionError);
    await expect(exportCheckpoint(copy, copy)).rejects.toThrow(/a new or empty folder for .* "a folder with/);
    await expect(exportCheckpoint(copy, join(copy, "exported"))).rejects.toThrow(/a folder outside/);
    expect(await readCheckpoint(copy)).toEqual(before);
  });

  it.each([
    ["decoder.safetensors", flip(-3), /sha256/],
    ["decoder.safetensors", flip(40), /sha256/],
    ["vocabulary.json", flip(-10), /vocabulary\.json/],
    ["config.json", (bytes: Buffer) => bytes.toString().replace("1.25", "1.35"), /contents with sha256 .*config\.json/],
    [
      "config.json",
      (bytes: Buffer) => bytes.toString().replace('"formatVersion": 1', '"formatVersion": 9'),
      /Expected 1 for formatVersion in .*config\.json but received 9/,
    ],
    [
      "config.json",
      (bytes: Buffer) => bytes.toString().replace("showtell-checkpoint", "other"),
      /"showtell-checkpoint" for format/,
    ],
    ["config.json", (bytes: Buffer) => bytes.subarray(0, 100), /JSON for .*config\.json/],
    ["config.json", () => "[]", /a JSON object for .*config\.json/],
    ["decoder.safetensors", (bytes: Buffer) => bytes.subarray(0, -4), /bytes for .*decoder\.safetensors/],
    [
      "vocabulary.json",
      () => JSON.stringify(otherVocabulary),
      /the vocabulary of this model .* but received "one of 8 tokens/,
    ],
  ])("says in one line with a hint what is wrong with %s (%#)", async (file, change, message) => {
    const error = await readCheckpoint(await copyWith(file, change)).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(CheckpointError);
    expect((error as CheckpointError).message).toMatch(message);
    expect((error as CheckpointError).message).not.toContain("\n");
    expect((error as CheckpointError).hint).toBeTruthy();
  });

  it("names a tensor that is missing even where every hash fits", async () => {
    const config = await readCheckpointConfig(saved);
    const fewer = new Map(parameters);
    fewer.delete("lstm.1.bias");
    const bytes = encodeSafetensors(fewer);
    const copy = await copyWith("decoder.safetensors", () => bytes);
    const files = { ...config.files, "decoder.safetensors": { bytes: bytes.length, sha256: sha256Of(bytes) } };
    await writeFile(join(copy, "config.json"), encodeConfig({ ...config, standardized: false, files }));
    await expect(readCheckpoint(copy)).rejects.toThrow(/tensor "lstm\.1\.bias" for .*decoder\.safetensors/);
  });

  it("refuses weights larger than the decoder can have before it reads them", async () => {
    const config = await readCheckpointConfig(saved);
    const copy = await copyWith("config.json", () =>
      encodeConfig({
        ...config,
        files: { ...config.files, "decoder.safetensors": { bytes: 2 ** 40, sha256: "0".repeat(64) } },
      }),
    );
    await expect(readCheckpoint(copy)).rejects.toThrow(/at most \d+ bytes for this decoder/);
  });

  it("refuses a deviation that cannot be divided by", async () => {
    const standardization = { mean: new Float32Array(6), deviation: Float32Array.of(1, 1, 0, 1, 1, 1) };
    const path = join(folder, "zero-deviation");
    await writeCheckpoint(path, { ...checkpoint, standardization });
    await expect(readCheckpoint(path)).rejects.toThrow(/positive numbers for features\.deviation\[2\]/);
  });

  it("says what a folder without a checkpoint lacks", async () => {
    await expect(readCheckpoint(join(folder, "nowhere"))).rejects.toThrow(/a checkpoint folder for the model/);
    await expect(readCheckpoint(folder)).rejects.toThrow(/a readable file for .*config\.json/);
  });

  it("refuses to write a vocabulary of another size", async () => {
    const path = join(folder, "unfit");
    const small = Vocabulary.build(["a dog"], { minCount: 1 });
    await expect(writeCheckpoint(path, { ...checkpoint, vocabulary: small })).rejects.toThrow(
      /8 tokens for the checkpoint's vocabulary/,
    );
    await expect(stat(path)).rejects.toThrow();
  });

  it("answers damage anywhere with a typed error or the same checkpoint", async () => {
    const damage = new Random(23);
    for (const file of [
      "config.json",
      "vocabulary.json",
      "decoder.safetensors",
      "optimizer.safetensors",
      "training-state.json",
    ]) {
      for (let i = 0; i < 25; i++) {
        const copy = await copyWith(file, (bytes) => mutateBytes(bytes, damage));
        try {
          expect(await readCheckpoint(copy)).toEqual(checkpoint);
          expect(await readTrainingSnapshot(copy)).toEqual(snapshot);
        } catch (error) {
          if (!(error instanceof ShowtellError)) throw error;
          expect(error).toBeInstanceOf(CheckpointError);
        }
        await rm(copy, { recursive: true });
      }
    }
  });
});
