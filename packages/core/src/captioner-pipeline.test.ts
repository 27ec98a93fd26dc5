import { createReadStream } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type CaptionModel, captionFeatures } from "./caption-features.js";
import { type Captioner, createCaptioner } from "./captioner.js";
import { readCheckpoint } from "./checkpoint/read-checkpoint.js";
import { writeCheckpoint } from "./checkpoint/write-checkpoint.js";
import type { Features } from "./decoder/backend.js";
import { type DecoderSpec, NO_DROPOUT } from "./decoder/decoder-spec.js";
import { parameterShapes } from "./decoder/parameter-shapes.js";
import { openTfjsBackend } from "./decoder/tfjs/tfjs-backend.js";
import { openEncoder } from "./encoders/image-encoder.js";
import { importEncoder } from "./encoders/import-encoder.js";
import { ELEMENT, OnnxGraph } from "./encoders/onnx/onnx-graph.js";
import { Random } from "./random.js";
import { sizeOf, tensor } from "./tensor.js";
import { withFiles } from "./testing/temporary-files.js";
import { Vocabulary } from "./text/vocabulary.js";

const SIDE = 8;
const vocabulary = Vocabulary.build(["a red wall", "the blue sky above green grass", "some grey stones"], {
  minCount: 1,
});
const standardization = { mean: Float32Array.of(120, 110, 100), deviation: Float32Array.of(60, 70, 80) };

const spec: DecoderSpec = {
  vocabSize: vocabulary.size,
  featureSize: 3,
  embeddingSize: 6,
  hiddenSize: 8,
  layerCount: 1,
  imageInjection: "initial-state",
  normalization: "none",
  tiedWeights: false,
  gateActivation: "sigmoid",
  attention: { heads: 2, size: 4, gridFeatureSize: 3 },
  dropout: NO_DROPOUT,
};

/** An encoder that can be checked by eye: its grid is the pixels, its pooled vector their mean. */
function meanColourGraph(): Uint8Array {
  const graph = new OnnxGraph("mean-colour");
  const pixels = graph.input("pixels", ELEMENT.float32, ["N", SIDE, SIDE, 3]);
  graph.node("Identity", [pixels], "grid");
  graph.node("ReduceMean", [pixels], "pooled", { axes: [1, 2], keepdims: 0 });
  graph.output("pooled", ["N", 3]);
  graph.output("grid", ["N", SIDE, SIDE, 3]);
  return graph.serialize();
}

/** Large enough that colours decide the words; attention sees pixel values, so its weights are small. */
function parameters() {
  const random = new Random(11);
  return new Map(
    parameterShapes(spec).map(({ name, shape }) => {
      const scale = name.startsWith("attention.value") ? 0.01 : 1.5;
      return [
        name,
        tensor(
          shape,
          Float32Array.from({ length: sizeOf(shape) }, () => scale * random.normal()),
        ),
      ];
    }),
  );
}

type Colour = readonly [red: number, green: number, blue: number];

const solid = ([r, g, b]: Colour, side = 24) =>
  sharp({ create: { width: side, height: side, channels: 3, background: { r, g, b } } })
    .png()
    .toBuffer();

/** What the encoder makes of a photo of one colour. */
function solidFeatures(colours: readonly Colour[]): Features {
  const grid = colours.flatMap((colour) => Array.from({ length: SIDE * SIDE }, () => colour).flat());
  return {
    pooled: tensor([colours.length, 3], Float32Array.from(colours.flat())),
    grid: tensor([colours.length, SIDE * SIDE, 3], Float32Array.from(grid)),
  };
}

describe("the whole pipeline, with a real encoder, checkpoint and decoder", () => {
  let captioner: Captioner;
  let model: CaptionModel;

  beforeAll(() =>
    withFiles({ "mean-colour.onnx": meanColourGraph() }, async (folder) => {
      const { specPath } = await importEncoder(join(folder, "mean-colour.onnx"), {
        directory: join(folder, "encoder"),
        spec: {
          formatVersion: 1,
          name: "mean-colour",
          input: { name: "pixels", size: SIDE, layout: "NHWC", dtype: "float32", channels: "RGB" },
          resize: { fit: "squash", filter: "linear" },
          outputs: {
            pooled: { name: "pooled", size: 3 },
            grid: { name: "grid", cells: SIDE * SIDE, size: 3, layout: "channels-last" },
          },
          licence: "CC0-1.0",
        },
      });
      const encoder = await openEncoder(specPath, { outputs: ["pooled", "grid"], threads: 1 });
      const generation = {
        beamWidth: 3,
        maxLength: 7,
        minLength: 3,
        lengthPenalty: 0.7,
        lengthPenaltyFormula: "average",
        noRepeatNgramSize: 0,
      } as const;
      await writeCheckpoint(join(folder, "checkpoint"), {
        decoder: spec,
        parameters: parameters(),
        standardization,
        vocabulary,
        encoder: { fingerprint: encoder.fingerprint, spec: { name: "mean-colour" } },
        generation,
      });
      const checkpoint = await readCheckpoint(join(folder, "checkpoint"));
      const backend = await openTfjsBackend("cpu");
      model = { checkpoint, decoder: await backend.createDecoder(checkpoint.decoder, checkpoint.parameters) };
      captioner = createCaptioner({ encoder, models: model, resources: [backend] });
    }),
  );
  afterAll(() => captioner.dispose());

  const colours: Colour[] = [
    [250, 10, 10],
    [10, 20, 240],
    [20, 230, 30],
    [128, 128, 128],
  ];

  it("says of photos what the decoder says of their features", async () => {
    const photos = await Promise.all(colours.map((colour) => solid(colour)));
    const results = await captioner.caption(photos, { nBest: 3 });
    const expected = await captionFeatures([model], [solidFeatures(colours)], { nBest: 3 });
    expect(new Set(results.map(({ captions }) => captions[0]!.text)).size).toBeGreaterThan(1);
    for (const [index, { captions }] of results.entries()) {
      expect(captions.map(({ text }) => text)).toEqual(expected[index]!.map(({ text }) => text));
      for (const [rank, { score, tokens }] of captions.entries()) {
        expect(score).toBeCloseTo(expected[index]![rank]!.score, 4);
        expect(tokens.length).toBeGreaterThanOrEqual(3);
        expect(tokens.length).toBeLessThanOrEqual(7);
      }
    }
  });

  it("captions a photo alike from a path, a URL, bytes, a stream and raw pixels", async () => {
    const bytes = await solid(colours[1]!);
    await withFiles({}, async (folder) => {
      const path = join(folder, "photo.png");
      await writeFile(path, bytes);
      const { data, info } = await sharp(bytes).raw().toBuffer({ resolveWithObject: true });
      const raw = { data, width: info.width, height: info.height, channels: 3 } as const;
      const inputs = [bytes, path, new URL(`file://${path}`), createReadStream(path), raw];
      const [first, ...others] = await captioner.caption(inputs);
      for (const { captions } of others) expect(captions).toEqual(first!.captions);
    });
  });

  it("votes with the mirror image, and sees which side is which", async () => {
    const left = await solid(colours[0]!);
    const photo = await sharp({ create: { width: 48, height: 24, channels: 3, background: { r: 10, g: 20, b: 240 } } })
      .composite([{ input: left, left: 0, top: 0 }])
      .png()
      .toBuffer();
    const mirrored = await sharp(photo).flop().png().toBuffer();
    const vote = async (input: Uint8Array) =>
      (await captioner.caption([input], { views: ["plain", "mirrored"] }))[0]!.captions[0]!;
    const [one, other] = [await vote(photo), await vote(mirrored)];
    expect(one.text).toBe(other.text);
    expect(one.score).toBeCloseTo(other.score, 5);

    const [attended] = await captioner.caption([photo], { attention: true });
    for (const { attention } of attended!.captions[0]!.tokens) {
      expect(attention).toHaveLength(SIDE * SIDE);
      expect(attention!.reduce((sum, weight) => sum + weight, 0)).toBeCloseTo(1, 5);
      // Cells of one colour are alike, those of the other differ: rows run from left to right.
      expect(attention![0]).toBeCloseTo(attention![SIDE]!, 6);
      expect(attention![0]).not.toBeCloseTo(attention![SIDE - 1]!, 6);
    }
  });

  it("goes on after damaged photos in a long stream", async () => {
    const bytes = await solid(colours[2]!);
    async function* photos() {
      for (let index = 0; index < 40; index++) yield index % 7 === 3 ? bytes.subarray(0, 40) : bytes;
    }
    let [captioned, failed] = [0, 0];
    for await (const { captions, error } of captioner.captionStream(photos(), { batchSize: 8 })) {
      if (error) failed += 1;
      else if (captions[0]!.text !== "") captioned += 1;
    }
    expect({ captioned, failed }).toEqual({ captioned: 34, failed: 6 });
  });
});
