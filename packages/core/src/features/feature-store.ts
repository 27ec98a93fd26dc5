import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { Database, RootDatabase } from "lmdb";
import { z } from "zod";
import type { Dataset } from "../data/dataset.js";
import type { EncodedImage } from "../encoders/encode-images.js";
import { type EncoderOutput, type EncoderSpec, encoderFingerprint } from "../encoders/encoder-spec.js";
import { expected, FeatureStoreError } from "../errors.js";
import { decodeFloat16, encodeFloat16 } from "../float16.js";
import { checkStoreFile } from "./check-store-file.js";
import { type FeatureSource, VIEWS, type View } from "./feature-source.js";
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

const FORMAT_VERSION = 1;
const DATABASE_FILE = "features.mdb";

const manifestSchema = z.strictObject({
  formatVersion: z.literal(FORMAT_VERSION),
  encoder: z.string(),
  fingerprint: z.string(),
  dtype: z.enum(["float16", "float32"]),
  outputs: z.array(z.enum(["pooled", "grid"])),
  views: z.array(z.enum(VIEWS)),
});
type Manifest = z.infer<typeof manifestSchema>;

/**
 * Opens a folder of image features, one LMDB file: rows keyed by the sha256 of the image file, so that a photo is encoded once whatever it is called
 * and however many datasets have it. Rows are read through a memory map: the store may be far larger than memory.
 * @throws FeatureStoreError when there is none (and `create` is off), or it holds another encoder's features, or lacks outputs or views asked for.
 */
export async function openFeatureStore(directory: string, options: OpenFeatureStoreOptions): Promise<FeatureStore> {
  const { encoder, create = false } = options;
  const path = join(resolve(directory), DATABASE_FILE);
  if (existsSync(path)) await checkStoreFile(path, directory);
  else if (create) await mkdir(directory, { recursive: true });
  else {
    throw new FeatureStoreError(expected("a feature store", directory, "a folder without one"), {
      hint: "Make one with `showtell encode`.",
    });
  }
  const root = await openDatabase(path, directory, create);
  try {
    const stored = readManifest(root, directory);
    const manifest = agree(stored, options, encoderFingerprint(encoder), directory);
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
    this.rows = root.openDB({ name: "rows", encoding: "binary", keyEncoding: "binary" });
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
    return this.views.filter((view) =>
      this.outputs.some((output) => !this.rows.doesExist(rowKey(sha256, view, output))),
    );
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
   * Reads rows of one output into one array; the pages are brought in on another thread first.
   * @returns `[requests, rowLength(output)]`
   * @throws FeatureStoreError when a row is missing or damaged.
   */
  async readRows(
    requests: readonly { readonly sha256: string; readonly view: View }[],
    output: EncoderOutput,
  ): Promise<Float32Array> {
    const keys = requests.map(({ sha256, view }) => rowKey(sha256, view, output));
    await this.rows.prefetch(keys);
    const length = this.rowLength(output);
    const values = new Float32Array(keys.length * length);
    keys.forEach((key, index) => {
      this.unpack(this.rows.getBinary(key), values.subarray(index * length, (index + 1) * length), output);
    });
    return values;
  }

  /**
   * The features of a dataset's images, for training and evaluation. Images that are not in the store are absent from the source.
   * @throws FeatureStoreError when an image file was replaced after it had been encoded.
   */
  source(dataset: Dataset): FeatureSource {
    return new StoreSource(this, dataset);
  }

  async close(): Promise<void> {
    await this.root.close();
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

  private unpack(bytes: Buffer | undefined, target: Float32Array, output: EncoderOutput): void {
    const size = target.length * (this.dtype === "float16" ? 2 : 4);
    if (bytes?.byteLength !== size) {
      throw new FeatureStoreError(
        expected(`${size} bytes`, `a row of ${output} features in ${this.directory}`, bytes?.byteLength),
        {
          hint: "Run `showtell encode` again: what is there is kept.",
        },
      );
    }
    // Copied only where the bytes lie at an address that a typed array cannot start at.
    const aligned = bytes.byteOffset % 4 === 0 ? bytes : Uint8Array.from(bytes);
    if (this.dtype === "float16")
      decodeFloat16(new Uint16Array(aligned.buffer, aligned.byteOffset, target.length), target);
    else target.set(new Float32Array(aligned.buffer, aligned.byteOffset, target.length));
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

async function openDatabase(path: string, directory: string, create: boolean): Promise<RootDatabase<string, string>> {
  const { open } = await import("lmdb");
  try {
    return open<string, string>({ path, encoding: "string", maxDbs: 4, readOnly: !create, cache: false });
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

function readManifest(root: RootDatabase<string, string>, directory: string): Manifest | undefined {
  const text = root.get("manifest");
  if (text === undefined) return undefined;
  const result = manifestSchema.safeParse(JSON.parse(text));
  if (result.success) return result.data;
  throw new FeatureStoreError(expected(`a feature store of format ${FORMAT_VERSION}`, directory, text), {
    hint: "It was written by another version of Showtell: delete the folder and run `showtell encode` again.",
  });
}

/** What the store holds and what is asked for, brought together. */
function agree(
  stored: Manifest | undefined,
  { encoder, outputs, views, create = false, dtype }: OpenFeatureStoreOptions,
  fingerprint: string,
  directory: string,
): Manifest {
  const foreign = "Use another folder, or delete this one and run `showtell encode` again.";
  if (stored === undefined) {
    if (!create) {
      throw new FeatureStoreError(expected("a feature store", directory, "one that was never finished"), {
        hint: foreign,
      });
    }
    return {
      formatVersion: FORMAT_VERSION,
      encoder: encoder.name,
      fingerprint,
      dtype: dtype ?? "float16",
      outputs: [...(outputs ?? ["pooled"])],
      views: [...(views ?? ["plain"])],
    };
  }
  if (stored.fingerprint !== fingerprint) {
    const name = (encoderName: string, print: string) => `${encoderName} (${print.slice(0, 12)})`;
    throw new FeatureStoreError(
      expected(
        `features of ${name(encoder.name, fingerprint)}`,
        directory,
        `those of ${name(stored.encoder, stored.fingerprint)}`,
      ),
      { hint: foreign },
    );
  }
  if (dtype !== undefined && dtype !== stored.dtype) {
    throw new FeatureStoreError(expected(`${dtype} features`, directory, stored.dtype), { hint: foreign });
  }
  const merged = {
    ...stored,
    outputs: union(["pooled", "grid"] as const, stored.outputs, outputs),
    views: union(VIEWS, stored.views, views),
  };
  const grows = merged.outputs.length > stored.outputs.length || merged.views.length > stored.views.length;
  if (grows && !create) {
    throw new FeatureStoreError(
      expected(
        `${(outputs ?? stored.outputs).join(" and ")} features, ${(views ?? stored.views).join(" and ")}`,
        directory,
        `${stored.outputs.join(" and ")} features, ${stored.views.join(" and ")}`,
      ),
      { hint: "Add what is missing with `showtell encode`." },
    );
  }
  return merged;
}

function union<T>(order: readonly T[], stored: readonly T[], asked: readonly T[] = []): T[] {
  return order.filter((item) => stored.includes(item) || asked.includes(item));
}
