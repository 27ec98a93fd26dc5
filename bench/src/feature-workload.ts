/** A feature store of made-up grid rows, as large as asked for, and what its rows must hold. */
import { createHash } from "node:crypto";
import { type Dataset, openFeatureStore, Random, readEncoderSpec, VIEWS, type View } from "@showtell/core";
import { defaultEncoderName, pretrainedEncoders } from "@showtell/pretrained";

/** Rows are windows into one array of noise, so that writing is not slowed down by making them. Beginnings lie within this range. */
const WINDOW_BEGINNINGS = 65_536;

/** A whole number of 1024ths below 2: float16 holds it exactly. */
const noiseValue = (random: Random) => Math.floor(random.uniform() * 2048) / 1024;

export class FeatureWorkload {
  readonly dataset: Dataset;
  readonly views: readonly View[];
  private readonly noise: Float32Array;

  private constructor(
    readonly encoder: Awaited<ReturnType<typeof readEncoderSpec>>,
    photos: number,
    viewCount: number,
  ) {
    this.views = VIEWS.slice(0, viewCount);
    const images = Array.from({ length: photos }, (_, index) => ({
      id: `${index}`,
      // Features without photos are fine.
      path: `/nonexistent/${index}.jpg`,
      captions: ["a photo"],
      split: "train" as const,
    }));
    this.dataset = { name: "made-up", format: "jsonl", images, sha256: "" };
    const random = new Random(1);
    this.noise = Float32Array.from({ length: WINDOW_BEGINNINGS + this.rowValues("grid") }, () => noiseValue(random));
  }

  /** With the shapes of the encoder that ships. */
  static async of(photos: number, viewCount: number): Promise<FeatureWorkload> {
    return new FeatureWorkload(await readEncoderSpec(pretrainedEncoders[defaultEncoderName]!), photos, viewCount);
  }

  rowValues(output: "pooled" | "grid"): number {
    const { pooled, grid } = this.encoder.outputs;
    return output === "pooled" ? pooled.size : grid!.cells * grid!.size;
  }

  /** Float16: bytes that a training step reads for a photo in one view. */
  get bytesPerView(): number {
    return 2 * (this.rowValues("pooled") + this.rowValues("grid"));
  }

  row(imageId: string, view: View, output: "pooled" | "grid"): Float32Array {
    const number = Number(imageId) * VIEWS.length + VIEWS.indexOf(view);
    const beginning = (number * 7919 + (output === "grid" ? 31 : 0)) % WINDOW_BEGINNINGS;
    return this.noise.subarray(beginning, beginning + this.rowValues(output));
  }

  /** Through the writer that `showtell encode` uses. */
  async write(directory: string, onProgress: (photos: number) => void): Promise<void> {
    const store = await openFeatureStore(directory, {
      encoder: this.encoder,
      outputs: ["pooled", "grid"],
      views: this.views,
      create: true,
    });
    try {
      for (const [index, { id }] of this.dataset.images.entries()) {
        const sha256 = createHash("sha256").update(id).digest("hex");
        const views = new Map(
          this.views.map((view) => [view, { pooled: this.row(id, view, "pooled"), grid: this.row(id, view, "grid") }]),
        );
        store.putImage(sha256, { id, views });
        store.putLink(id, { sha256, bytes: 0 });
        if (index % 64 === 63) {
          await store.flush();
          onProgress(index + 1);
        }
      }
      await store.flush();
    } finally {
      await store.close();
    }
  }
}
