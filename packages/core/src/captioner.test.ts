import { describe, expect, it, vi } from "vitest";
import type { CaptionModel } from "./caption-features.js";
import { captionFeatures } from "./caption-features.js";
import { createCaptioner } from "./captioner.js";
import type { EncodedBatch, ImageEncoder } from "./encoders/image-encoder.js";
import { AbortedError, DisposedError, EncoderError, ImageError, OptionError, VocabularyError } from "./errors.js";
import type { ImageInput, RawImage } from "./image/image-input.js";
import { TableDecoder, tableFeatures } from "./testing/table-decoder.js";
import { Vocabulary } from "./text/vocabulary.js";

const SIDE = 8;
const CELLS = 3;
const vocabulary = Vocabulary.build(["a red photo", "a green photo", "a red red light"], { minCount: 1 });

/** Its only feature is the red value of the top left pixel: a mirrored photo has another one. */
class RedEncoder implements ImageEncoder {
  readonly sessions = 1;
  readonly spec: ImageEncoder["spec"] = {
    formatVersion: 1,
    name: "red",
    onnx: "red.onnx",
    sha256: "0".repeat(64),
    input: { name: "pixels", size: SIDE, layout: "NHWC", dtype: "uint8", channels: "RGB" },
    resize: { fit: "squash", filter: "linear" },
    outputs: {
      pooled: { name: "pooled", size: 1 },
      grid: { name: "grid", cells: CELLS, size: 1, layout: "channels-last" },
    },
    licence: "CC0-1.0",
  };
  readonly fingerprint = "red";
  readonly device = "cpu";
  readonly featureSize = 1;
  readonly grid = { cells: CELLS, featureSize: 1 };
  readonly outputs: ImageEncoder["outputs"];
  readonly batches: number[] = [];
  isDisposed = false;

  constructor(outputs: ImageEncoder["outputs"] = ["pooled"]) {
    this.outputs = outputs;
  }

  async encode(images: readonly Uint8Array[]): Promise<EncodedBatch> {
    this.batches.push(images.length);
    const pooled = { shape: [images.length, 1], data: Float32Array.from(images, (pixels) => pixels[0]!) };
    if (!this.outputs.includes("grid")) return { pooled };
    return { pooled, grid: { shape: [images.length, CELLS, 1], data: new Float32Array(images.length * CELLS) } };
  }

  async dispose(): Promise<void> {
    this.isDisposed = true;
  }
}

/** The left half in one shade of red, the right half in another. */
function photo(left: number, right = left): RawImage {
  const data = new Uint8Array(SIDE * SIDE * 3);
  for (let pixel = 0; pixel < SIDE * SIDE; pixel++) data[pixel * 3] = pixel % SIDE < SIDE / 2 ? left : right;
  return { data, width: SIDE, height: SIDE, channels: 3 };
}

const words = (text: string) => [...vocabulary.encode(text), 2];

/** Says "a red photo" of images above 100, else "a green photo"; how surely grows with the distance. */
function decoder(attention = false): TableDecoder {
  return new TableDecoder({
    vocabSize: vocabulary.size,
    logits: (prefix, image) => {
      const sureness = 2 + Math.abs(image - 100) / 10;
      const next = words(image > 100 ? "a red photo" : "a green photo")[prefix.length] ?? 2;
      return Array.from({ length: vocabulary.size }, (_, tokenId) => (tokenId === next ? sureness : 0));
    },
    ...(attention && { attention: () => [0.5, 0.25, 0.25] }),
  });
}

function model(options: Partial<CaptionModel["checkpoint"]> = {}, tables = decoder()): CaptionModel {
  const generation = {
    beamWidth: 3,
    maxLength: 8,
    minLength: 0,
    lengthPenalty: 0.7,
    lengthPenaltyFormula: "average",
    noRepeatNgramSize: 0,
  } as const;
  return {
    decoder: tables,
    checkpoint: { vocabulary, generation, encoder: { fingerprint: "red", spec: {} }, ...options },
  };
}

async function collect<T>(source: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of source) items.push(item);
  return items;
}

describe("captioner", () => {
  it("turns photos into captions with scores that add up", async () => {
    const captioner = createCaptioner({ encoder: new RedEncoder(), models: model() });
    const inputs = [photo(200), photo(0)];
    const results = await captioner.caption(inputs, { nBest: 2, beamWidth: 4 });
    expect(results.map(({ captions }) => captions[0]!.text)).toEqual(["a red photo", "a green photo"]);
    expect(results.map(({ input }) => input)).toEqual(inputs);
    for (const { captions } of results) {
      expect(captions).toHaveLength(2);
      const [best, second] = captions;
      expect(best!.tokens.map(({ word }) => word)).toEqual([...best!.text.split(" "), "<end>"]);
      const sum = best!.tokens.reduce((total, { logProb }) => total + logProb, 0);
      expect(best!.score).toBe(sum);
      expect(best!.confidence).toBeCloseTo(Math.exp(sum / 4), 12);
      expect(best!.margin).toBeCloseTo(1 - Math.exp(second!.normalizedScore - best!.normalizedScore), 12);
      expect(best!.margin).toBeGreaterThan(0);
      expect(second).not.toHaveProperty("margin");
    }
  });

  it("knows the margin of a single caption when asked, without changing it", async () => {
    const captioner = createCaptioner({ encoder: new RedEncoder(), models: model() });
    const [plain] = await captioner.caption([photo(180)]);
    const [withMargin] = await captioner.caption([photo(180)], { margins: true });
    expect(plain!.captions).toHaveLength(1);
    expect(plain!.captions[0]).not.toHaveProperty("margin");
    const { margin, ...rest } = withMargin!.captions[0]!;
    expect(rest).toEqual(plain!.captions[0]);
    expect(margin).toBeGreaterThan(0);
    expect((await captioner.caption([photo(180)], { margins: true, beamWidth: 1 }))[0]!.captions[0]).not.toHaveProperty(
      "margin",
    );
  });

  it("goes on after a photo that cannot be read", async () => {
    const captioner = createCaptioner({ encoder: new RedEncoder(), models: model() });
    const broken = new TextEncoder().encode("not an image");
    const inputs: ImageInput[] = [photo(200), broken, photo(0), "no-such-file.jpg"];
    const results = await collect(captioner.captionStream(inputs));
    expect(results.map(({ input }) => input)).toEqual(inputs);
    expect(results.map(({ captions }) => captions?.[0]?.text)).toEqual([
      "a red photo",
      undefined,
      "a green photo",
      undefined,
    ]);
    expect(results[1]!.error).toBeInstanceOf(ImageError);
    expect(results[1]!.error!.message).toContain("photo 2");
    expect(results[3]!.error!.message).toContain("no-such-file.jpg");
    await expect(captioner.caption(inputs)).rejects.toThrow(ImageError);
  });

  it("reads only a bounded number of photos ahead", async () => {
    const encoder = new RedEncoder();
    const captioner = createCaptioner({ encoder, models: model() });
    let taken = 0;
    let closed = false;
    async function* endless() {
      try {
        for (;;) {
          taken += 1;
          yield photo(taken % 200);
        }
      } finally {
        closed = true;
      }
    }
    let captioned = 0;
    let furthest = 0;
    for await (const { captions } of captioner.captionStream(endless(), { batchSize: 4 })) {
      expect(captions?.[0]?.text).toMatch(/photo/);
      captioned += 1;
      furthest = Math.max(furthest, taken - captioned);
      if (captioned === 200) break;
    }
    expect(furthest).toBeLessThan(100);
    // The batch in hand may be filled up still; then the source is given back.
    await vi.waitFor(() => expect(closed).toBe(true), { timeout: 10_000 });
    expect(taken).toBeLessThan(captioned + 100);
  });

  it("captions alike whatever the batch size, samples included", async () => {
    const captioner = createCaptioner({ encoder: new RedEncoder(), models: model() });
    const inputs = [90, 95, 105, 110, 99].map((shade) => photo(shade));
    const broken = new TextEncoder().encode("not an image");
    for (const options of [{ nBest: 2 }, { temperature: 2, seed: 5 }]) {
      const mixed = [inputs[0]!, broken, ...inputs.slice(1)];
      const [single, many] = [1, 32].map((batchSize) =>
        collect(captioner.captionStream(mixed, { ...options, batchSize })),
      );
      expect(await single).toEqual(await many);
    }
  });

  it("lets a photo and its mirror image vote", async () => {
    const captioner = createCaptioner({ encoder: new RedEncoder(), models: model() });
    // Alone the left side is red by a little; mirrored it is green by far.
    const [plain] = await captioner.caption([photo(110, 0)]);
    const [both] = await captioner.caption([photo(110, 0)], { views: ["plain", "mirrored"] });
    expect(plain!.captions[0]!.text).toBe("a red photo");
    expect(both!.captions[0]!.text).toBe("a green photo");
    expect((await captioner.caption([photo(150, 150)], { views: ["plain", "mirrored"] }))[0]!.captions).toEqual(
      (await captioner.caption([photo(150, 150)]))[0]!.captions,
    );
  });

  it("standardises features as each model of an ensemble says", async () => {
    const standardization = { mean: Float32Array.of(-20), deviation: Float32Array.of(2) };
    const shifted = model({ standardization });
    // 200 → (200 + 20) / 2 = 110 → red; 170 → 95 → green.
    expect((await captionFeatures([shifted], [tableFeatures([200, 170])])).map(([best]) => best!.text)).toEqual([
      "a red photo",
      "a green photo",
    ]);
    // The other model is surer that 170 is red than this one that it is green.
    expect((await captionFeatures([shifted, model()], [tableFeatures([170])]))[0]![0]!.text).toBe("a red photo");
  });

  it("shows what each word looked at", async () => {
    const captioner = createCaptioner({
      encoder: new RedEncoder(["pooled", "grid"]),
      models: model({}, decoder(true)),
    });
    const [result] = await captioner.caption([photo(200)], { attention: true });
    for (const { attention } of result!.captions[0]!.tokens) expect(Array.from(attention!)).toEqual([0.5, 0.25, 0.25]);
    expect((await captioner.caption([photo(200)]))[0]!.captions[0]!.tokens[0]).not.toHaveProperty("attention");
  });

  it("takes words where a person would say words", async () => {
    const captioner = createCaptioner({ encoder: new RedEncoder(), models: model() });
    const textOf = async (options: object) => (await captioner.caption([photo(200)], options))[0]!.captions[0]!.text;
    expect(await textOf({ prefix: "A green" })).toMatch(/^a green photo/);
    expect(await textOf({ bannedWords: ["red"] })).not.toContain("red");
    await expect(textOf({ bannedWords: ["rde"] })).rejects.toMatchObject({ hint: "Did you mean red?" });
    await expect(textOf({ prefix: "a blue" })).rejects.toThrow(
      'Expected words the model knows for prefix but received "blue".',
    );
    await expect(textOf({ prefix: "a", forcedPrefix: [4] })).rejects.toThrow(OptionError);
  });

  it.each<[unknown, string]>([
    [null, "Expected an object for options but received null."],
    [{ bannedWords: "dog" }, 'Expected a list of words for bannedWords but received "dog".'],
    [{ bannedWords: [5] }, "Expected a list of words for bannedWords but received [5]."],
    [{ prefix: 5 }, "Expected text for prefix but received 5."],
    [{ margins: "yes" }, 'Expected true or false for margins but received "yes".'],
    [{ attention: 1 }, "Expected true or false for attention but received 1."],
    [{ views: "plain" }, 'Expected a list of views for views but received "plain".'],
  ])("refuses what a program without types may pass: %j", async (options, message) => {
    const captioner = createCaptioner({ encoder: new RedEncoder(), models: model() });
    const captions = captioner.caption([photo(200)], options as never);
    await expect(captions).rejects.toThrow(message);
    await expect(captions).rejects.toBeInstanceOf(OptionError);
  });

  it("takes a call's options before the captioner's, and those before the checkpoint's", async () => {
    const defaults = { nBest: 2, maxLength: 3, lengthPenalty: 0.7, beamWidth: undefined };
    const captioner = createCaptioner({ encoder: new RedEncoder(), models: model(), defaults });
    const captionsOf = async (options: object) => (await captioner.caption([photo(200)], options))[0]!.captions;
    expect(await captionsOf({})).toHaveLength(2);
    expect((await captionsOf({}))[0]!.tokens).toHaveLength(3);
    expect(await captionsOf({ nBest: 3, maxLength: undefined })).toHaveLength(3);
    expect((await captionsOf({ nBest: 1, maxLength: 8 }))[0]!.tokens).toHaveLength(4);
    // A penalty among the defaults speaks of searches that have one.
    expect(await captionsOf({ lengthPenaltyFormula: "none" })).toHaveLength(2);
  });

  it("refuses wrong options before it reads a photo", async () => {
    const captioner = createCaptioner({ encoder: new RedEncoder(), models: model() });
    const inputs = [photo(1)];
    await expect(captioner.caption(inputs, { beamWidth: 0 })).rejects.toThrow("beamWidth");
    await expect(captioner.caption(inputs, { batchSize: 0 })).rejects.toThrow("batchSize");
    await expect(captioner.caption(inputs, { attention: true })).rejects.toThrow("a decoder with attention");
    const penalty = { lengthPenaltyFormula: "none", lengthPenalty: 3 } as const;
    await expect(captioner.caption(inputs, penalty)).rejects.toThrow("lengthPenalty but received 3");
    await expect(captioner.caption(inputs, { flavour: 1 } as object)).rejects.toThrow('"flavour"');
    await expect(captioner.caption("photo.jpg")).rejects.toThrow("a list of photos");
    expect((captioner.encoder as RedEncoder).batches).toEqual([]);
  });

  it("stops at the caller's signal", async () => {
    const captioner = createCaptioner({ encoder: new RedEncoder(), models: model() });
    const stop = new AbortController();
    const stream = captioner.captionStream(
      Array.from({ length: 500 }, () => photo(3)),
      { signal: stop.signal, batchSize: 2 },
    );
    await stream.next();
    stop.abort();
    await expect(collect(stream)).rejects.toThrow(AbortedError);
  });

  it("frees what it owns, once, and refuses work afterwards", async () => {
    const encoder = new RedEncoder();
    const table = decoder();
    let freed = 0;
    const resource = {
      dispose: () => {
        freed += 1;
      },
    };
    {
      await using captioner = createCaptioner({ encoder, models: model({}, table), resources: [resource] });
      await captioner.dispose();
      await expect(captioner.caption([photo(1)])).rejects.toThrow(DisposedError);
    }
    expect(encoder.isDisposed).toBe(true);
    expect(freed).toBe(1);
    await expect(table.start(tableFeatures([1]))).rejects.toThrow(DisposedError);
  });

  it("refuses parts that do not belong together", () => {
    const encoder = new RedEncoder();
    const foreign = model({ encoder: { fingerprint: "blue", spec: {} } });
    expect(() => createCaptioner({ encoder, models: foreign })).toThrow(EncoderError);
    expect(() => createCaptioner({ encoder, models: model({}, decoder(true)) })).toThrow(
      'an encoder opened with "grid"',
    );
    const other = Vocabulary.build(["quite other words"], { minCount: 1 });
    expect(() => createCaptioner({ encoder, models: [model(), model({ vocabulary: other })] })).toThrow(
      VocabularyError,
    );
    expect(() => createCaptioner({ encoder, models: model({ vocabulary: other }) })).toThrow(VocabularyError);
    expect(() => createCaptioner({ encoder, models: [] })).toThrow(OptionError);
  });
});
