import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { Database, RootDatabase } from "lmdb";
import type { Dataset } from "../data/dataset.js";
import type { EncodedImage } from "../encoders/encode-images.js";
import { type EncoderOutput, type EncoderSpec, encoderFingerprint } from "../encoders/encoder-spec.js";
import { expected, FeatureStoreError } from "../errors.js";
import { encodeFloat16 } from "../float16.js";
import { checkStoreFile } from "./check-store-file.js";
import { type FeatureSource, VIEWS, type View } from "./feature-source.js";
import { RowReader } from "./row-reader.js";
import { agreeOnManifest, type Manifest, readManifest } from "./store-manifest.js";
import { StoreSource } from "./store-source.js";

export type FeatureDtype = "float16" | "float32";

export interface OpenFeatureStoreOptions {
  /** Whose features; a store holds one encoder's. */
  readonly encoder: EncoderSpec;
  /** What must be there, or, with `create`, what is going to be. Default: whatever the store has; for a new one `["pooled"]` and `["plain"]`. */
  readonly outputs?: readonly EncoderOutput[];
  readonly views?: readonly View[];
  /** Open for writing; make the store if there is none. Default false. */
  readonly create?: boolean;
  /** Of a new store; default float16. */
  readonly dtype?: FeatureDtype;
}

/** Which image file an id stood for when it was encoded. */
export interface StoredLink {
  /** Of the file's bytes. */
  readonly sha256: string;
  /** Length of the file: a cheap sign that it was replaced. */
  readonly bytes: number;
}

const DATABASE_FILE = "features.mdb";
const ROWS_TABLE = "rows";

/**
 * Opens a folder of image features, one LMDB file: rows keyed by the sha256 of the image file, so that a photo is encoded once whatever it is called
 * and however many datasets have it. The store may be far larger than memory: rows are read from the file by their positions, a few at a time.
 * @throws FeatureStoreError when there is none (and `create` is off), or it holds another encoder's features, or lacks outputs or views asked for.
 */
export async function openFeatureStore(directory: string, options: OpenFeatureStoreOptions): Promise<FeatureStore> {
  const { encoder, create = false } = options;
  const path = join(resolve(directory), DATABASE_FILE);
  if (existsSync(path)) checkStoreFile(path, directory);
  else if (create) await makeFolder(directory);
  else {
    throw new FeatureStoreError(expected("a feature store", directory, "a folder without one"), {
      hint: "Make one with `showtell encode`.",
    });
  }
  const root = await openDatabase(path, directory, create);
  try {
    const stored = readManifest(root, directory);
    const manifest = agreeOnManifest(stored, options, encoderFingerprint(encoder), directory);
    if (create) await root.put("manifest", JSON.stringify(manifest));
    return new FeatureStore(directory, root, manifest, encoder);
  } catch (error) {
    await root.close();
    throw error;
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
  private readonly root: RootDatabase<string, string>;
  private readonly links: Database<StoredLink, string>;
  private readonly rows: Database<Uint8Array, Buffer>;
  private openReader: RowReader | undefined;

  /** @internal Use openFeatureStore. */
  constructor(directory: string, root: RootDatabase<string, string>, manifest: Manifest, encoder: EncoderSpec) {
    this.directory = directory;
    this.fingerprint = manifest.fingerprint;
    this.dtype = manifest.dtype;
    this.outputs = manifest.outputs;
    this.views = manifest.views;
    this.encoder = encoder;
    this.root = root;
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
    return this.links.get(imageId);
  }

  /** Remembers which file an image id stands for; durable after flush(). */
  putLink(imageId: string, link: StoredLink): void {
    void this.links.put(imageId, link);
  }

  /**
   * Writes an image's features in the views given, all rows or none; durable after flush().
   * @throws FeatureStoreError when an output of the store is missing, or a value does not fit its dtype.
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
    void this.rows.batch(() => {
      for (const [key, value] of rows) void this.rows.put(key, value);
    });
  }

  /** Waits until everything put is on disk. */
  async flush(): Promise<void> {
    await this.root.flushed;
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
   * The features of a dataset's images, for training and evaluation. Images that are not in the store are absent from the source.
   * @throws FeatureStoreError when an image file was replaced after it had been encoded.
   */
  source(dataset: Dataset): FeatureSource {
    this.reader.refresh();
    return new StoreSource(this, dataset);
  }

  async close(): Promise<void> {
    await this.openReader?.close();
    await this.root.close();
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

async function makeFolder(directory: string): Promise<void> {
  try {
    await mkdir(directory, { recursive: true });
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const actual = { EACCES: "permission denied", EEXIST: "a file", ENOTDIR: "a path through a file" }[code ?? ""];
    throw new FeatureStoreError(expected("a folder that can be made", directory, actual ?? message), {
      hint: "Choose another folder for the feature store.",
      cause,
    });
  }
}

async function openDatabase(path: string, directory: string, create: boolean): Promise<RootDatabase<string, string>> {
  const { open } = await import("lmdb");
  try {
    // Rows are not read through the map; what is (links, the tree) lies all over the file: reading megabytes ahead of each page would be in vain.
    // (The option is missing in the package's types.)
    const options = { encoding: "string", maxDbs: 4, readOnly: !create, cache: false, noReadAhead: true } as const;
    return open<string, string>(path, options);
  } catch (error) {
    throw new FeatureStoreError(
      expected("a feature store", directory, error instanceof Error ? error.message : error),
      {
        hint: "Delete the folder and run `showtell encode` again.",
        cause: error,
      },
    );
  }
}
