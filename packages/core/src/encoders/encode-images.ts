import { AbortedError, expected, ImageError, OptionError } from "../errors.js";
import { checkViews, type View } from "../features/feature-source.js";
import { type ImageInput, imageName, readImageBytes } from "../image/image-input.js";
import { preprocessImage } from "../image/preprocess-image.js";
import { viewsOfPixels } from "../image/view-pixels.js";
import type { EncodedBatch, ImageEncoder } from "./image-encoder.js";
import { ReadAhead } from "./read-ahead.js";

export interface ImageItem {
  /** Comes back with the result. */
  readonly id: string;
  readonly image: ImageInput;
  /** Default: the call's. */
  readonly views?: readonly View[];
}

/** Features of one image, of the encoder's outputs. */
export interface ImageFeatures {
  /** `[featureSize]` */
  readonly pooled?: Float32Array;
  /** `[cells, grid featureSize]` */
  readonly grid?: Float32Array;
}

export interface EncodedImage {
  readonly id: string;
  /** One entry for each view asked for, in that order. */
  readonly views: ReadonlyMap<View, ImageFeatures>;
}

export interface FailedImage {
  readonly id: string;
  readonly error: ImageError;
}

export interface EncodeImagesOptions {
  /** Default `["plain"]`. */
  readonly views?: readonly View[];
  /** Most images whose views go through the network in one run; default 4 views. What is decoded goes at once, so a slow source is never waited for. */
  readonly batchSize?: number;
  readonly signal?: AbortSignal;
}

/** In views. More are no faster on a CPU, and their activations take memory: about 20 MB a view. */
const DEFAULT_BATCH_VIEWS = 4;
/** Batches handed to each network: one runs, one waits, so that it never idles. */
const BATCHES_IN_FLIGHT = 2;

type Decoded = { readonly id: string; readonly pixels: ReadonlyMap<View, Uint8Array> } | FailedImage;

/**
 * Encodes images while the next ones are being read and decoded. Results come in the order of the inputs; an image that cannot be read becomes a
 * FailedImage and the others go on. At most two batches a network and two of decoded images wait in memory, however long the input.
 * @throws AbortedError when stopped by the signal; EncoderError when the encoder itself fails.
 */
export async function* encodeImages(
  encoder: ImageEncoder,
  items: Iterable<ImageItem> | AsyncIterable<ImageItem>,
  options: EncodeImagesOptions = {},
): AsyncGenerator<EncodedImage | FailedImage> {
  const { views = ["plain"], signal } = options;
  checkViews(views);
  const { batchSize = Math.max(1, Math.floor(DEFAULT_BATCH_VIEWS / views.length)) } = options;
  if (!Number.isSafeInteger(batchSize) || batchSize < 1) {
    throw new OptionError(expected("a positive integer", "batchSize", batchSize));
  }
  const decoded = new ReadAhead(items, (item) => decode(item, encoder, views, signal), 2 * batchSize, signal);
  const encoded = new ReadAhead(
    batches(decoded, batchSize),
    (batch) => encodeBatch(encoder, batch),
    BATCHES_IN_FLIGHT * encoder.sessions,
    signal,
  );
  try {
    for (let batch = await encoded.next(); batch !== undefined; batch = await encoded.next()) {
      yield* batch.value;
    }
  } finally {
    decoded.close();
    encoded.close();
  }
}

async function decode(
  { id, image, views: ownViews }: ImageItem,
  encoder: ImageEncoder,
  defaultViews: readonly View[],
  signal: AbortSignal | undefined,
): Promise<Decoded> {
  const { input, resize } = encoder.spec;
  try {
    const name = typeof image === "string" || image instanceof URL ? imageName(image) : id;
    const bytes = await readImageBytes(image, name, signal === undefined ? {} : { signal });
    const plain = await preprocessImage(bytes, name, input.size, resize);
    return { id, pixels: viewsOfPixels(plain, ownViews ?? defaultViews, input.size, resize.filter) };
  } catch (error) {
    if (error instanceof ImageError) return { id, error };
    throw error;
  }
}

/** Groups what is already decoded: the first image is waited for, the others only taken when ready. */
async function* batches<T>(source: ReadAhead<unknown, T>, batchSize: number): AsyncGenerator<T[]> {
  for (let first = await nextOrStop(source); first !== undefined; first = await nextOrStop(source)) {
    const batch = [first.value];
    while (batch.length < batchSize && source.ready) {
      const more = await source.next();
      if (more === undefined) break;
      batch.push(more.value);
    }
    yield batch;
  }
}

/** An abort is reported once, by the outer queue. */
async function nextOrStop<T>(source: ReadAhead<unknown, T>): Promise<{ value: T } | undefined> {
  try {
    return await source.next();
  } catch (error) {
    if (error instanceof AbortedError) return undefined;
    throw error;
  }
}

async function encodeBatch(encoder: ImageEncoder, batch: readonly Decoded[]): Promise<(EncodedImage | FailedImage)[]> {
  const pixels = batch.flatMap((item) => ("pixels" in item ? [...item.pixels.values()] : []));
  const features: EncodedBatch = pixels.length === 0 ? {} : await encoder.encode(pixels);
  let row = 0;
  return batch.map((item) => {
    if (!("pixels" in item)) return item;
    return { id: item.id, views: new Map([...item.pixels.keys()].map((view) => [view, rowOf(features, row++)])) };
  });
}

function rowOf({ pooled, grid }: EncodedBatch, row: number): ImageFeatures {
  const features: { pooled?: Float32Array; grid?: Float32Array } = {};
  if (pooled !== undefined) {
    const [, size = 0] = pooled.shape;
    features.pooled = pooled.data.subarray(row * size, (row + 1) * size);
  }
  if (grid !== undefined) {
    const [, cells = 0, size = 0] = grid.shape;
    features.grid = grid.data.subarray(row * cells * size, (row + 1) * cells * size);
  }
  return features;
}
