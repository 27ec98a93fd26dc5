import type { Caption } from "./caption.js";
import {
  type CaptionModel,
  type CaptionOptions,
  captionFeatures,
  checkModels,
  resolveCaptionOptions,
} from "./caption-features.js";
import { encodePhotos, readyBatches, stackFeatures } from "./encode-photos.js";
import type { ImageEncoder } from "./encoders/image-encoder.js";
import { DisposedError, EncoderError, expected, type ImageError, OptionError } from "./errors.js";
import { checkViews, type View } from "./features/feature-source.js";
import { requireAttention } from "./generation/generate.js";
import type { GenerationOptions } from "./generation/generation-options.js";
import type { ImageInput } from "./image/image-input.js";

export interface CaptionerOptions {
  /** Opened with a grid if a model has attention. */
  readonly encoder: ImageEncoder;
  /** One model, or several that caption as an ensemble; all trained on this encoder's features, with one vocabulary. */
  readonly models: CaptionModel | readonly CaptionModel[];
  /** Defaults of every call, before those of the first model's checkpoint. */
  readonly defaults?: GenerationOptions;
  /** Disposed last: the backend, for a captioner that is its only user. */
  readonly resources?: readonly { dispose(): void | Promise<void> }[];
}

export type CaptionImagesOptions = CaptionOptions & {
  /** Views of the photo that vote together on each word: better, and as many times the work. Default `["plain"]`. */
  readonly views?: readonly View[] | undefined;
  /** Attach to each word the attention over the photo's cells; needs a model with attention. */
  readonly attention?: boolean | undefined;
  /** Most photos searched at once; default 32. A slow source is never waited for to fill a batch. */
  readonly batchSize?: number | undefined;
  readonly signal?: AbortSignal | undefined;
};

/** A photo and its captions, best first. */
export interface CaptionedImage {
  readonly input: ImageInput;
  readonly captions: readonly Caption[];
  readonly error?: undefined;
}

/** A photo that could not be read, and why. */
export interface UncaptionedImage {
  readonly input: ImageInput;
  readonly captions?: undefined;
  readonly error: ImageError;
}

const DEFAULT_BATCH_SIZE = 32;

/**
 * Puts the pipeline together; the captioner owns what it is given and disposes of it.
 * @throws EncoderError, VocabularyError for parts that do not belong together; then nothing is disposed of
 */
export function createCaptioner(options: CaptionerOptions): Captioner {
  return new Captioner(options);
}

/** Photo → encoder → features → decoder → token ids → vocabulary → caption. */
export class Captioner {
  readonly encoder: ImageEncoder;
  readonly models: readonly CaptionModel[];
  private readonly defaults: GenerationOptions;
  private readonly resources: NonNullable<CaptionerOptions["resources"]>;
  private disposal: Promise<void> | undefined;

  constructor({ encoder, models, defaults = {}, resources = [] }: CaptionerOptions) {
    this.encoder = encoder;
    this.models = [models].flat() as CaptionModel[];
    this.defaults = defaults;
    this.resources = resources;
    checkModels(this.models);
    for (const model of this.models) checkEncoder(encoder, model);
  }

  /**
   * Captions photos: paths, URLs, bytes, streams or raw pixels.
   * @returns one entry per photo, in order
   * @throws ImageError for the first photo that cannot be read (captionStream goes on instead); OptionError; AbortedError
   */
  async caption(inputs: Iterable<ImageInput>, options: CaptionImagesOptions = {}): Promise<CaptionedImage[]> {
    const captioned: CaptionedImage[] = [];
    for await (const result of this.captionStream(inputs, options)) {
      if (result.error) throw result.error;
      captioned.push(result);
    }
    return captioned;
  }

  /**
   * Captions photos as they come, in their order: while one batch is searched, the next photos are read and encoded. However long the source, only a few
   * batches are in memory. A photo that cannot be read is a result with `error`, and the others go on.
   * @throws OptionError before the first photo is read; AbortedError; what encoder or decoder reject with
   */
  async *captionStream(
    inputs: Iterable<ImageInput> | AsyncIterable<ImageInput>,
    options: CaptionImagesOptions = {},
  ): AsyncGenerator<CaptionedImage | UncaptionedImage> {
    if (this.disposal) throw new DisposedError(expected("an open captioner", "captioning", "a disposed one"));
    checkOptions(options);
    const { views = ["plain"], attention, batchSize = DEFAULT_BATCH_SIZE, signal, ...search } = options;
    checkInputs(inputs);
    checkBatchSize(batchSize);
    checkViews(views);
    resolveCaptionOptions(this.models, search, this.defaults);
    if (attention) requireAttention(this.models[0]!.decoder);
    const photos = encodePhotos(this.encoder, inputs, views, signal);
    for await (const batch of readyBatches(photos, batchSize, signal)) {
      const encoded = batch.filter((photo) => photo.features !== undefined);
      const features = views.map((view) => stackFeatures(encoded, view, this.encoder));
      const imageNumbers = encoded.map(({ number }) => number);
      const context = { attention, signal, imageNumbers, defaults: this.defaults };
      const captions = encoded.length === 0 ? [] : await captionFeatures(this.models, features, search, context);
      const captionsOf = new Map(encoded.map((photo, index) => [photo, captions[index]!]));
      for (const photo of batch) {
        const { input, error } = photo;
        yield error ? { input, error } : { input, captions: captionsOf.get(photo)! };
      }
    }
  }

  /** Frees encoder, decoders and resources. Idempotent. */
  dispose(): Promise<void> {
    this.disposal ??= this.release();
    return this.disposal;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }

  private async release(): Promise<void> {
    for (const { decoder } of this.models) decoder.dispose();
    await this.encoder.dispose();
    for (const resource of this.resources) await resource.dispose();
  }
}

function checkEncoder(encoder: ImageEncoder, { checkpoint, decoder }: CaptionModel): void {
  if (checkpoint.encoder.fingerprint !== encoder.fingerprint) {
    throw new EncoderError(
      expected("the encoder that the model was trained with", "the captioner", `${encoder.spec.name}, another one`),
      { hint: "Features of another encoder mean nothing to the model." },
    );
  }
  const needed = decoder.spec.attention ? (["pooled", "grid"] as const) : (["pooled"] as const);
  for (const output of needed) {
    if (encoder.outputs.includes(output)) continue;
    throw new EncoderError(expected(`an encoder opened with "${output}"`, "this model", encoder.outputs), {
      hint: `openEncoder(spec, { outputs: ${JSON.stringify(needed)} })`,
    });
  }
}

function checkInputs(inputs: unknown): void {
  const isCollection = typeof inputs === "object" && inputs !== null && !ArrayBuffer.isView(inputs);
  if (isCollection && (Symbol.iterator in inputs || Symbol.asyncIterator in inputs)) return;
  throw new OptionError(expected("a list of photos", "inputs", inputs), { hint: "Put a single photo in brackets." });
}

function checkOptions(options: CaptionImagesOptions): void {
  if (typeof options !== "object" || options === null) throw new OptionError(expected("an object", "options", options));
  const { attention, views } = options;
  if (attention !== undefined && typeof attention !== "boolean")
    throw new OptionError(expected("true or false", "attention", attention));
  if (views !== undefined && !Array.isArray(views)) throw new OptionError(expected("a list of views", "views", views));
}

function checkBatchSize(batchSize: number): void {
  if (Number.isSafeInteger(batchSize) && batchSize >= 1) return;
  throw new OptionError(expected("an integer ≥ 1", "batchSize", batchSize));
}
