import { join, resolve } from "node:path";
import { isDeepStrictEqual } from "node:util";
import type { Database, RootDatabase } from "lmdb";
import type { Dataset } from "../data/dataset.js";
import type { EncodedImage } from "../encoders/encode-images.js";
import { type EncoderOutput, type EncoderSpec, encoderFingerprint } from "../encoders/encoder-spec.js";
import { expected, FeatureStoreError } from "../errors.js";
import { encodeFloat16 } from "../float16.js";
import { CommitWatch } from "./commit-watch.js";
import { checkRoom, writingFailed } from "./disk-room.js";
import { type FeatureSource, VIEWS, type View } from "./feature-source.js";
import type { StoredLink } from "./photo-link.js";
import { RowReader } from "./row-reader.js";
import { openDatabase } from "./store-database.js";
import { agreeOnManifest, type Manifest, readManifest } from "./store-manifest.js";
import { StoreSource } from "./store-source.js";

export type FeatureDtype = "float16" | "float32";

export interface OpenFeatureStoreOptions {
  /** Whose features; a store holds one encoder's. */
  readonly encoder: EncoderSpec;
  /** What must be there, or, with `create`, what is going to be. Default: whatever the store has; for a new one `["pooled"]` and `["plain"]`. */
  readonly outputs?: readonly EncoderOutput[];
  readonly views?: readonly View[];
  /** Open for writing, unless the disk is read-only; make the store if there is none. Default false. */
  readonly create?: boolean;
  /** Of a new store; default float16. */
  readonly dtype?: FeatureDtype;
}

const DATABASE_FILE = "features.mdb";
const ROWS_TABLE = "rows";

/**
 * Opens a folder of image features, one LMDB file: rows keyed by the sha256 of the image file, so that a photo is encoded once whatever it is called
 * and however many datasets have it. The store may be far larger than memory: rows are read from the file by their positions, a few at a time.
 * @throws FeatureStoreError when there is none (and `create` is off), or it holds another encoder's features, or lacks outputs or views asked for; when
 * the disk is full.
 */
export async function openFeatureStore(directory: string, options: OpenFeatureStoreOptions): Promise<FeatureStore> {
  const { encoder, create = false } = options;
  const path = join(resolve(directory), DATABASE_FILE);
  const { root, writable } = await openDatabase(path, directory, create);
  const commits = new CommitWatch(root, directory);
  try {
    const stored = readManifest(root, directory);
    const manifest = agreeOnManifest(stored, { ...options, create: writable }, encoderFingerprint(encoder), directory);
    if (writable && !isDeepStrictEqual(stored, manifest)) {
      checkRoom(directory, 0);
      commits.add(() => root.put("manifest", JSON.stringify(manifest)));
      await commits.flush();
    }
    return new FeatureStore(directory, { root, commits, writable }, manifest, encoder);
  } catch (error) {
    await commits.close();
    // LMDB's own errors have numbers: tables are made at once.
    throw typeof (error as { code?: unknown }).code === "number" ? writingFailed(directory, error) : error;
  }
}

/** Features on disk. See openFeatureStore; encodeDataset fills it, `source` reads it. */
export class FeatureStore {
  readonly directory: string;
  readonly fingerprint: string;
  readonly dtype: FeatureDtype;
  readonly outputs: readonly EncoderOutput[];
  readonly views: readonly View[];
  readonly encoder: EncoderSpec;
  /** Whether images can be put. */
  readonly writable: boolean;
  private readonly links: Database<StoredLink, string>;
  private readonly rows: Database<Uint8Array, Buffer>;
  private readonly commits: CommitWatch;
  /** Of a store that cannot be written to: links found out since it was opened. */
  private readonly foundLinks = new Map<string, StoredLink>();
  private unflushedBytes = 0;
  private openReader: RowReader | undefined;

  /** @internal Use openFeatureStore. */
  constructor(
    directory: string,
    { root, commits, writable }: { root: RootDatabase<string, string>; commits: CommitWatch; writable: boolean },
    manifest: Manifest,
    encoder: EncoderSpec,
  ) {
    this.directory = directory;
    this.fingerprint = manifest.fingerprint;
    this.dtype = manifest.dtype;
    this.outputs = manifest.outputs;
    this.views = manifest.views;
    this.encoder = encoder;
    this.commits = commits;
    this.writable = writable;
    this.links = root.openDB({ name: "links", encoding: "json" });
    this.rows = root.openDB({ name: ROWS_TABLE, encoding: "binary", keyEncoding: "binary" });
  }

  /** Values of one row of an output. */
  rowLength(output: EncoderOutput): number {
    const { pooled, grid } = this.encoder.outputs;
    return output === "pooled" ? pooled.size : grid!.cells * grid!.size;
  }

  /** Whether every output and view of this store is there for the image file with that hash. */
  hasImage(sha256: string): boolean {
    return this.missingViews(sha256).length === 0;
  }

  /** Views of this store of which an output is not there for the image file with that hash. */
  missingViews(sha256: string): View[] {
    return this.views.filter((view) => this.outputs.some((output) => !this.hasRow(rowKey(sha256, view, output))));
  }

  /** Which file an image id stood for, if it was ever encoded. */
  link(imageId: string): StoredLink | undefined {
    return this.foundLinks.get(imageId) ?? this.links.get(imageId);
  }

  /** Remembers which file an image id stands for; durable after flush(), unless the store cannot be written to. @throws FeatureStoreError when the disk is full */
  putLink(imageId: string, link: StoredLink): void {
    if (!this.writable) {
      this.foundLinks.set(imageId, link);
      return;
    }
    checkRoom(this.directory, this.unflushedBytes);
    this.commits.add(() => this.links.put(imageId, link));
  }

  /**
   * Writes an image's features in the views given, all rows or none; durable after flush().
   * @throws FeatureStoreError when an output of the store is missing, or a value does not fit its dtype; when the disk is full.
   */
  putImage(sha256: string, image: EncodedImage): void {
    const rows: [Buffer, Uint8Array][] = [];
    for (const [view, features] of image.views) {
      for (const output of this.outputs) {
        const values = features[output];
        if (values?.length !== this.rowLength(output)) {
          throw new FeatureStoreError(
            expected(`${this.rowLength(output)} values`, `${output} features, ${view}, of ${image.id}`, values?.length),
          );
        }
        rows.push([rowKey(sha256, view, output), this.pack(values, image.id)]);
      }
    }
    this.unflushedBytes += rows.reduce((sum, [, value]) => sum + value.byteLength, 0);
    checkRoom(this.directory, this.unflushedBytes);
    this.commits.add(() =>
      this.rows.batch(() => {
        for (const [key, value] of rows) this.commits.add(() => this.rows.put(key, value));
      }),
    );
  }

  /**
   * Waits until everything put is on disk.
   * @throws FeatureStoreError when something could not be written
   */
  async flush(): Promise<void> {
    await this.commits.flush();
    this.unflushedBytes = 0;
  }

  /**
   * Reads rows of one output into one array, straight from the file.
   * @returns `[requests, rowLength(output)]`: values of the store's dtype, halves as their bits
   * @throws FeatureStoreError when a row is missing or damaged.
   */
  async readRows(
    requests: readonly { readonly sha256: string; readonly view: View }[],
    output: EncoderOutput,
  ): Promise<Float32Array | Uint16Array> {
    const keys = requests.map(({ sha256, view }) => rowKey(sha256, view, output));
    const size = this.rowLength(output) * this.valueBytes;
    // Not cleared, and of the allocator's own: it gives the same memory again, where new arrays would be faulted in page by page.
    const bytes = Buffer.allocUnsafeSlow(keys.length * size);
    for (const index of await this.reader.read(keys, size, bytes)) {
      const row = this.rows.getBinary(keys[index]!);
      if (row?.byteLength !== size) throw this.damagedRow(size, row, output);
      bytes.set(row, index * size);
    }
    return this.dtype === "float16" ? new Uint16Array(bytes.buffer) : new Float32Array(bytes.buffer);
  }

  /**
   * The features of a dataset's images, for training and evaluation. Images that are not in the store, or whose file was replaced by one that is not, are
   * absent from the source.
   */
  source(dataset: Dataset): FeatureSource {
    this.reader.refresh();
    return new StoreSource(this, dataset);
  }

  async close(): Promise<void> {
    await this.openReader?.close();
    await this.commits.close();
  }

  private get reader(): RowReader {
    this.openReader ??= new RowReader(join(resolve(this.directory), DATABASE_FILE), ROWS_TABLE);
    return this.openReader;
  }

  private hasRow(key: Buffer): boolean {
    return this.openReader?.has(key) || this.rows.doesExist(key);
  }

  private get valueBytes(): number {
    return this.dtype === "float16" ? 2 : 4;
  }

  private pack(values: Float32Array, imageId: string): Uint8Array {
    if (this.dtype === "float32") return new Uint8Array(values.slice().buffer);
    const halves = encodeFloat16(values);
    // An exponent of all ones: the value was not finite, or does not fit.
    if (halves.some((half) => (half & 0x7c00) === 0x7c00)) {
      throw new FeatureStoreError(expected("values within ±65504", `float16 features of ${imageId}`, "a larger one"), {
        hint: "Make the store anew with --dtype float32.",
      });
    }
    return new Uint8Array(halves.buffer);
  }

  private damagedRow(size: number, row: Uint8Array | undefined, output: EncoderOutput): FeatureStoreError {
    return new FeatureStoreError(
      expected(`${size} bytes`, `a row of ${output} features in ${this.directory}`, row?.byteLength),
      { hint: "Run `showtell encode` again: what is there is kept." },
    );
  }
}

const OUTPUT_CODES: Record<EncoderOutput, number> = { pooled: 0, grid: 1 };

/** sha256 (32 bytes), output, view: pooled and grid rows of a photo stay together. */
function rowKey(sha256: string, view: View, output: EncoderOutput): Buffer {
  const key = Buffer.alloc(34);
  key.write(sha256, "hex");
  key[32] = OUTPUT_CODES[output];
  key[33] = VIEWS.indexOf(view);
  return key;
}
