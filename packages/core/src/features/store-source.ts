import type { Dataset, DatasetImage } from "../data/dataset.js";
import type { Features } from "../decoder/backend.js";
import type { EncoderOutput } from "../encoders/encoder-spec.js";
import { expected, FeatureStoreError } from "../errors.js";
import { toFloat32 } from "../float16.js";
import type { Float16Tensor, Tensor } from "../tensor.js";
import type { FeatureRequest, FeatureSource, View } from "./feature-source.js";
import type { FeatureStore } from "./feature-store.js";
import { fileState, isUnchanged, linkTo } from "./photo-link.js";

/** A dataset's view of a feature store: image ids in, rows out. */
export class StoreSource implements FeatureSource {
  readonly featureSize: number;
  readonly grid?: { readonly cells: number; readonly featureSize: number };
  readonly views: readonly View[];
  private readonly images: ReadonlyMap<string, DatasetImage>;
  /** Of images that were asked for; undefined where there are no features. */
  private readonly hashes = new Map<string, string | undefined>();

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
    this.images = new Map(dataset.images.map((image) => [image.id, image]));
  }

  /** The first time that it is asked about an image, it looks at the file's state, and into a file that is not as it was. */
  has(imageId: string): boolean {
    return this.find(imageId) !== undefined;
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
    const sha256 = this.find(imageId);
    if (sha256 !== undefined) return sha256;
    const changed = this.store.link(imageId) === undefined ? "none" : "those of a file that was replaced";
    throw new FeatureStoreError(expected("features", `image ${imageId} in ${this.store.directory}`, changed), {
      hint: "Encode the dataset with `showtell encode`.",
    });
  }

  private find(imageId: string): string | undefined {
    if (this.hashes.has(imageId)) return this.hashes.get(imageId);
    const image = this.images.get(imageId);
    const content = image && this.contentOf(image);
    const sha256 = content !== undefined && this.store.hasImage(content) ? content : undefined;
    this.hashes.set(imageId, sha256);
    return sha256;
  }

  /** The hash of an image's file as it is now. A file that is not there (features without photos are fine) cannot have changed. */
  private contentOf({ id, path }: DatasetImage): string | undefined {
    const link = this.store.link(id);
    const state = link && fileState(path);
    if (state === undefined || isUnchanged(link!, state)) return link?.sha256;
    const found = linkTo(path, state);
    if (found !== undefined && this.store.hasImage(found.sha256)) this.store.putLink(id, found);
    return found?.sha256;
  }

  private checkView(view: View): View {
    if (this.views.includes(view)) return view;
    throw new FeatureStoreError(expected(`one of the views ${this.views.join(", ")}`, this.store.directory, view), {
      hint: "Add it with `showtell encode --views`.",
    });
  }
}
