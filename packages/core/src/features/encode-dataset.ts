import { sha256Of } from "../checkpoint/safetensors.js";
import type { Dataset, DatasetImage } from "../data/dataset.js";
import { encodeImages, type ImageItem } from "../encoders/encode-images.js";
import type { ImageEncoder } from "../encoders/image-encoder.js";
import { ReadAhead } from "../encoders/read-ahead.js";
import { expected, FeatureStoreError, ImageError } from "../errors.js";
import { readImageBytes } from "../image/image-input.js";
import type { FeatureStore } from "./feature-store.js";
import { fileState, isUnchanged, type StoredLink } from "./photo-link.js";

export interface EncodeProgress {
  /** Images dealt with: encoded, skipped or failed. */
  readonly done: number;
  readonly total: number;
  /** Images whose features were already there. */
  readonly skipped: number;
  readonly failed: number;
  /** Newly encoded, since the start. */
  readonly imagesPerSecond: number;
}

export interface EncodeDatasetOptions {
  readonly batchSize?: number;
  readonly signal?: AbortSignal;
  onProgress?(progress: EncodeProgress): void;
}

export interface EncodeDatasetResult {
  readonly encoded: number;
  readonly skipped: number;
  /** Images that could not be read, in dataset order: reported, and left out of the store. */
  readonly failures: readonly { readonly id: string; readonly path: string; readonly error: ImageError }[];
}

/** Files hashed ahead of the encoder. */
const HASH_AHEAD = 16;
/** Most images whose rows wait to be written: 3 MB of memory each at worst. */
const UNFLUSHED_IMAGES = 64;

type Hashed = { readonly image: DatasetImage } & (
  | { readonly bytes: Uint8Array; readonly link: StoredLink }
  | { readonly error: ImageError }
);

/**
 * Fills a feature store with the images of a dataset, in the store's outputs and views. What is already there is kept: after a kill at any moment the
 * next run goes on with the first image that is missing. Memory does not grow with the dataset.
 * @throws AbortedError when stopped by the signal (what was encoded is kept); FeatureStoreError when the encoder is not the store's; EncoderError.
 */
export async function encodeDataset(
  dataset: Dataset,
  encoder: ImageEncoder,
  store: FeatureStore,
  options: EncodeDatasetOptions = {},
): Promise<EncodeDatasetResult> {
  checkEncoder(encoder, store);
  return new DatasetEncoding(dataset, store, options).run(encoder);
}

interface Entry {
  readonly image: DatasetImage;
  readonly link: StoredLink;
}

class DatasetEncoding {
  private readonly started = performance.now();
  private readonly failures: { id: string; path: string; error: ImageError }[] = [];
  /** Images on their way through the encoder, by dataset id. */
  private readonly pending = new Map<string, Entry>();
  private readonly pendingHashes = new Set<string>();
  /** Further ids of a photo that is just being encoded: they need a link once its rows are there, no second run. */
  private readonly copies: Entry[] = [];
  private readonly damaged = new Map<string, ImageError>();
  private encoded = 0;
  private skipped = 0;

  constructor(
    private readonly dataset: Dataset,
    private readonly store: FeatureStore,
    private readonly options: EncodeDatasetOptions,
  ) {}

  async run(encoder: ImageEncoder): Promise<EncodeDatasetResult> {
    const { batchSize, signal } = this.options;
    const results = encodeImages(encoder, this.missing(), {
      views: this.store.views,
      ...(batchSize === undefined ? {} : { batchSize }),
      ...(signal === undefined ? {} : { signal }),
    });
    try {
      for await (const result of results) {
        const { image, link } = this.pending.get(result.id)!;
        const { sha256 } = link;
        this.pending.delete(result.id);
        this.pendingHashes.delete(sha256);
        if ("error" in result) {
          this.damaged.set(sha256, result.error);
          this.fail(image, result.error);
          continue;
        }
        this.store.putImage(sha256, result);
        this.store.putLink(image.id, link);
        this.encoded += 1;
        if (this.encoded % UNFLUSHED_IMAGES === 0) await this.store.flush();
        this.report();
      }
    } finally {
      await this.store.flush();
    }
    for (const copy of this.copies) {
      const original = this.damaged.get(copy.link.sha256);
      if (original === undefined) this.skip(copy);
      else this.fail(copy.image, original);
    }
    await this.store.flush();
    return { encoded: this.encoded, skipped: this.skipped, failures: this.failures };
  }

  /** The images that have to be encoded; the others are linked or reported on the way. */
  private async *missing(): AsyncGenerator<ImageItem> {
    const hashed = new ReadAhead(this.dataset.images, (image) => hashImage(image), HASH_AHEAD, this.options.signal);
    try {
      for (let next = await hashed.next(); next !== undefined; next = await hashed.next()) {
        const { image } = next.value;
        if ("error" in next.value) {
          this.fail(image, next.value.error);
          continue;
        }
        const { bytes, link } = next.value;
        const { sha256 } = link;
        const entry = { image, link };
        const views = this.store.missingViews(sha256);
        if (views.length === 0) this.skip(entry);
        else if (this.pendingHashes.has(sha256)) this.copies.push(entry);
        else {
          this.pending.set(image.id, entry);
          this.pendingHashes.add(sha256);
          yield { id: image.id, image: bytes, views };
        }
      }
    } finally {
      hashed.close();
    }
  }

  private skip({ image, link }: Entry): void {
    const stored = this.store.link(image.id);
    if (stored?.sha256 !== link.sha256 || !isUnchanged(stored, link)) this.store.putLink(image.id, link);
    this.skipped += 1;
    this.report();
  }

  private fail({ id, path }: DatasetImage, error: ImageError): void {
    this.failures.push({ id, path, error });
    this.report();
  }

  private report(): void {
    const seconds = (performance.now() - this.started) / 1000;
    const failed = this.failures.length;
    this.options.onProgress?.({
      done: this.encoded + this.skipped + failed,
      total: this.dataset.images.length,
      skipped: this.skipped,
      failed,
      imagesPerSecond: seconds > 0 ? this.encoded / seconds : 0,
    });
  }
}

async function hashImage(image: DatasetImage): Promise<Hashed> {
  try {
    // Looked at first: a file that is written to meanwhile has another state afterwards.
    const state = fileState(image.path);
    const bytes = (await readImageBytes(image.path)) as Uint8Array;
    return { image, bytes, link: { ...state, sha256: sha256Of(bytes), bytes: bytes.byteLength } };
  } catch (error) {
    if (error instanceof ImageError) return { image, error };
    throw error;
  }
}

function checkEncoder(encoder: ImageEncoder, store: FeatureStore): void {
  if (encoder.fingerprint !== store.fingerprint) {
    throw new FeatureStoreError(expected(`encoder ${store.encoder.name}`, store.directory, encoder.spec.name), {
      hint: "Open the store with the encoder that fills it.",
    });
  }
  if (!store.writable) {
    throw new FeatureStoreError(
      expected("a feature store that can be written to", store.directory, "a read-only one"),
      {
        hint: "Photos must be encoded: copy the store to a place that you may write to, or name another one.",
      },
    );
  }
  const missing = store.outputs.find((output) => !encoder.outputs.includes(output));
  if (missing !== undefined) {
    throw new FeatureStoreError(
      expected(`an encoder opened for ${store.outputs.join(" and ")}`, store.directory, encoder.outputs),
    );
  }
}
