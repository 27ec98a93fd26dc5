import type { FeatureRequest, View } from "../features/feature-source.js";
import type { Random } from "../random.js";
import type { Recipe } from "./recipe-schema.js";
import type { Examples } from "./training-examples.js";

/** A batch before its features are read. */
export interface PlannedBatch {
  /** The batch's distinct images. */
  readonly requests: readonly FeatureRequest[];
  /** `[batch]`: index into requests. */
  readonly imageOfRow: readonly number[];
  /** `[batch]`: token ids, `<end>` last. */
  readonly captions: readonly (readonly number[])[];
  /** `[batch]`: of each caption's loss; 1 where absent. */
  readonly weights?: readonly number[];
}

interface Row {
  readonly imageId: string;
  readonly tokenIds: readonly number[];
  readonly weight: number | undefined;
}

/**
 * The batches of one epoch, a pure function of the random stream. By captions: shuffled, cut into windows of bucketBatches batches, sorted by length inside each window, and
 * the batches shuffled. By photos: shuffled photos, each with all its captions.
 * Each distinct photo of a batch is shown in one of `views`, with equal odds.
 */
export function planEpoch(
  examples: Examples,
  recipe: Pick<Recipe, "batching" | "features">,
  random: Random,
): PlannedBatch[] {
  const { batching } = recipe;
  const { views } = recipe.features;
  const drawView = (): View => views[views.length === 1 ? 0 : Math.floor(random.uniform() * views.length)]!;
  if (batching.by === "photos") {
    const photos = random.shuffle([...examples.images]);
    return slices(photos, batching.photosPerBatch).map((group) => planBatch(group.flatMap(rowsOf), drawView));
  }
  const rows = random.shuffle(examples.images.flatMap(rowsOf));
  const batches = slices(rows, batching.batchSize * batching.bucketBatches).flatMap((window) =>
    slices(batching.bucketBatches > 1 ? byLength(window) : window, batching.batchSize),
  );
  if (batching.bucketBatches > 1) random.shuffle(batches);
  return batches.map((batch) => planBatch(batch, drawView));
}

/** All captions once, plain views, in a fixed order that keeps padding small. */
export function planEvaluation(examples: Examples, recipe: Pick<Recipe, "batching">): PlannedBatch[] {
  const { batching } = recipe;
  if (batching.by === "photos") {
    return slices(examples.images, batching.photosPerBatch).map((group) =>
      planBatch(group.flatMap(rowsOf), () => "plain"),
    );
  }
  return slices(byLength(examples.images.flatMap(rowsOf)), batching.batchSize).map((rows) =>
    planBatch(rows, () => "plain"),
  );
}

/** Batches that planEpoch gives. */
export function batchesPerEpoch(examples: Examples, batching: Recipe["batching"]): number {
  return batching.by === "photos"
    ? Math.ceil(examples.images.length / batching.photosPerBatch)
    : Math.ceil(examples.captionCount / batching.batchSize);
}

function rowsOf(image: Examples["images"][number]): Row[] {
  return image.captions.map((tokenIds, i) => ({ imageId: image.id, tokenIds, weight: image.weights?.[i] }));
}

/** Stable, so that equal lengths stay in shuffled order. */
function byLength(rows: readonly Row[]): Row[] {
  return rows.toSorted((a, b) => a.tokenIds.length - b.tokenIds.length);
}

function planBatch(rows: readonly Row[], drawView: () => View): PlannedBatch {
  const indices = new Map<string, number>();
  const requests: FeatureRequest[] = [];
  const imageOfRow = rows.map(({ imageId }) => {
    const known = indices.get(imageId);
    if (known !== undefined) return known;
    indices.set(imageId, requests.length);
    return requests.push({ imageId, view: drawView() }) - 1;
  });
  return {
    requests,
    imageOfRow,
    captions: rows.map((row) => row.tokenIds),
    ...(rows.some((row) => row.weight !== undefined) && { weights: rows.map((row) => row.weight ?? 1) }),
  };
}

function slices<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, i) => items.slice(i * size, (i + 1) * size));
}
