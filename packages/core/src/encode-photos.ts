import type { Features } from "./decoder/backend.js";
import { encodeImages, type ImageFeatures, type ImageItem } from "./encoders/encode-images.js";
import type { ImageEncoder } from "./encoders/image-encoder.js";
import { ReadAhead } from "./encoders/read-ahead.js";
import type { ImageError } from "./errors.js";
import type { View } from "./features/feature-source.js";
import type { ImageInput } from "./image/image-input.js";
import { sizeOf, type Tensor, tensor } from "./tensor.js";

/** A photo on its way to a caption. */
export interface Photo {
  readonly input: ImageInput;
  /** Its place in the source, from 0. */
  readonly number: number;
  /** Absent if the photo could not be read. */
  readonly features?: ReadonlyMap<View, ImageFeatures>;
  readonly error?: ImageError;
}

/** Encodes the photos in order, each beside the input it came from. */
export async function* encodePhotos(
  encoder: ImageEncoder,
  inputs: Iterable<ImageInput> | AsyncIterable<ImageInput>,
  views: readonly View[],
  signal: AbortSignal | undefined,
): AsyncGenerator<Photo> {
  const underWay: { input: ImageInput; number: number }[] = [];
  let number = 0;
  async function* items(): AsyncGenerator<ImageItem> {
    for await (const input of inputs) {
      underWay.push({ input, number });
      number += 1;
      yield { id: `photo ${number}`, image: input };
    }
  }
  for await (const image of encodeImages(encoder, items(), { views, ...(signal && { signal }) })) {
    const photo = underWay.shift()!;
    yield "error" in image ? { ...photo, error: image.error } : { ...photo, features: image.views };
  }
}

/** Groups photos while later ones are being encoded: the first of a batch is waited for, the others only taken if they are there. */
export async function* readyBatches(
  photos: AsyncIterable<Photo>,
  batchSize: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<Photo[]> {
  const ahead = new ReadAhead(photos, async (photo) => photo, batchSize, signal);
  try {
    for (let first = await ahead.next(); first !== undefined; first = await ahead.next()) {
      // Photos encoded together arrive one microtask after another.
      await new Promise((resolve) => setImmediate(resolve));
      const batch = [first.value];
      while (batch.length < batchSize && ahead.ready) batch.push((await ahead.next())!.value);
      yield batch;
    }
  } finally {
    ahead.close();
  }
}

/** Rows of one view side by side: `[photos, featureSize]` and, of an encoder opened with a grid, `[photos, cells, gridFeatureSize]`. */
export function stackFeatures(photos: readonly Photo[], view: View, encoder: ImageEncoder): Features {
  const rows = photos.map((photo) => photo.features!.get(view)!);
  const pooled = stack([encoder.featureSize], rows, (row) => row.pooled!);
  if (!encoder.outputs.includes("grid")) return { pooled };
  const { cells, featureSize } = encoder.grid!;
  return { pooled, grid: stack([cells, featureSize], rows, (row) => row.grid!) };
}

function stack<T>(shape: readonly number[], rows: readonly T[], valuesOf: (row: T) => Float32Array): Tensor {
  const size = sizeOf(shape);
  const data = new Float32Array(rows.length * size);
  for (const [index, row] of rows.entries()) data.set(valuesOf(row), index * size);
  return tensor([rows.length, ...shape], data);
}
