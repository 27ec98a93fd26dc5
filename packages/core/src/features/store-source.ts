import { statSync } from "node:fs";
import type { Dataset, DatasetImage } from "../data/dataset.js";
import type { Features } from "../decoder/backend.js";
import type { EncoderOutput } from "../encoders/encoder-spec.js";
import { expected, FeatureStoreError } from "../errors.js";
import { toFloat32 } from "../float16.js";
import type { Float16Tensor, Tensor } from "../tensor.js";
import type { FeatureRequest, FeatureSource, View } from "./feature-source.js";
import type { FeatureStore } from "./feature-store.js";

/** A dataset's view of a feature store: image ids in, rows out. */
export class StoreSource implements FeatureSource {
  readonly featureSize: number;
  readonly grid?: { readonly cells: number; readonly featureSize: number };
  readonly views: readonly View[];
  private readonly hashes = new Map<string, string>();

  constructor(
    private readonly store: FeatureStore,
    dataset: Dataset,
  ) {
    const { pooled, grid } = store.encoder.outputs;
    this.featureSize = pooled.size;
    if (grid !== undefined && store.outputs.includes("grid")) {
      this.grid = { cells: grid.cells, featureSize: grid.size };
    }
    this.views = store.views;
    for (const image of dataset.images) {
      const link = store.link(image.id);
      if (link === undefined || !store.hasImage(link.sha256)) continue;
      checkUnchanged(image, link.bytes);
      this.hashes.set(image.id, link.sha256);
    }
  }

  has(imageId: string): boolean {
    return this.hashes.has(imageId);
  }

  async read(requests: readonly FeatureRequest[], options: { readonly grid: boolean }): Promise<Features> {
    const rows = requests.map(({ imageId, view }) => ({ sha256: this.hashOf(imageId), view: this.checkView(view) }));
    const readPooled = async () => toFloat32(await this.readRows(rows, "pooled", [this.featureSize]));
    if (!options.grid) return { pooled: await readPooled() };
    if (this.grid === undefined) {
      throw new FeatureStoreError(expected("grid features", this.store.directory, this.store.outputs), {
        hint: "Add them with `showtell encode --grid`.",
      });
    }
    const { cells, featureSize } = this.grid;
    const [pooled, grid] = await Promise.all([readPooled(), this.readRows(rows, "grid", [cells, featureSize])]);
    return { pooled, grid };
  }

  private async readRows(
    rows: Parameters<FeatureStore["readRows"]>[0],
    output: EncoderOutput,
    shapeOfRow: readonly number[],
  ): Promise<Tensor | Float16Tensor> {
    const data = await this.store.readRows(rows, output);
    const shape = [rows.length, ...shapeOfRow];
    return data instanceof Uint16Array ? { shape, data } : { shape, data };
  }

  private hashOf(imageId: string): string {
    const sha256 = this.hashes.get(imageId);
    if (sha256 !== undefined) return sha256;
    throw new FeatureStoreError(expected("features", `image ${imageId} in ${this.store.directory}`, "none"), {
      hint: "Encode the dataset with `showtell encode`.",
    });
  }

  private checkView(view: View): View {
    if (this.views.includes(view)) return view;
    throw new FeatureStoreError(expected(`one of the views ${this.views.join(", ")}`, this.store.directory, view), {
      hint: "Add it with `showtell encode --views`.",
    });
  }
}

/** A file that is not there (features without photos are fine) cannot have changed. */
function checkUnchanged({ id, path }: DatasetImage, bytes: number): void {
  const size = statSync(path, { throwIfNoEntry: false })?.size;
  if (size === undefined || size === bytes) return;
  throw new FeatureStoreError(expected(`the ${bytes} bytes that were encoded`, `image ${id}`, `${size} bytes`), {
    hint: "The file was replaced: run `showtell encode` again.",
  });
}
